//! weir, by its own compiler, with all defaults but the number of threads.

use std::{fs, path::Path, process::Command};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::Task;
use crate::{
    certificate::HOST,
    route::{Route, entry},
};

pub(super) fn command(binaries: &Path, task: &Task<'_>, folder: &Path) -> Result<Vec<String>> {
    let manifests = folder.join("manifests.json");
    fs::write(&manifests, manifest(task).to_string())?;
    let tls = if task.tls { ",tls" } else { "" };
    let entry_point = format!("web={}{tls}", task.address);
    let config = folder.join("config");
    let compiled = Command::new(binaries.join("weir-operator"))
        .args(["compile", "--entrypoint", &entry_point, "--output"])
        .args([&config, &manifests])
        .output()?;
    ensure!(
        compiled.status.success(),
        "weir-operator: {}",
        String::from_utf8_lossy(&compiled.stderr)
    );
    let (proxy, config) = (
        binaries.join("weir-proxy").display().to_string(),
        config.display().to_string(),
    );
    // one core is what it would find where it is pinned to one; the admin port is one that is free
    let arguments = [
        "--config",
        &config,
        "--entrypoint",
        &entry_point,
        "--admin",
        "127.0.0.1:0",
        "--threads",
        "1",
    ];
    Ok(std::iter::once(proxy)
        .chain(arguments.map(str::to_owned))
        .collect())
}

fn object(kind: &str, version: &str, name: &str, more: Value) -> Value {
    let mut object =
        json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "bench"}});
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

const TRAEFIK: &str = "traefik.io/v1alpha1";

fn manifest(task: &Task<'_>) -> Value {
    let backends = task.backends;
    let mut items = Vec::new();
    for (name, address) in ["s0", "s1", "s2", "h2c"]
        .into_iter()
        .zip(backends.http1.into_iter().chain([backends.http2]))
    {
        items.push(object(
            "Service",
            "v1",
            name,
            json!({"spec": {"ports": [{"name": "http", "port": 80}]}}),
        ));
        let mut slice = object(
            "EndpointSlice",
            "discovery.k8s.io/v1",
            name,
            json!({
                "addressType": "IPv4",
                "endpoints": [{"addresses": [address.ip()], "conditions": {"ready": true}}],
                "ports": [{"name": "http", "port": address.port(), "protocol": "TCP"}],
            }),
        );
        slice["metadata"]["labels"] = json!({"kubernetes.io/service-name": name});
        items.push(slice);
    }
    let sticky = |name: &str| match task.route {
        Route::Sticky => json!({"cookie": {"name": name}}),
        _ => Value::Null,
    };
    let weighted = |name: &str, services: Value| {
        let mut weighted = json!({"services": services});
        let sticky = sticky(name);
        if !sticky.is_null() {
            weighted["sticky"] = sticky;
        }
        object(
            "TraefikService",
            TRAEFIK,
            name,
            json!({"spec": {"weighted": weighted}}),
        )
    };
    let service = |name: &str, weight: u32| json!({"name": name, "port": 80, "weight": weight});
    let below = |name: &str, weight: u32| json!({"name": name, "kind": "TraefikService", "weight": weight});
    items.push(weighted("level1", json!([service("s0", 1), below("level2", 1)])));
    items.push(weighted("level2", json!([service("s1", 1), below("level3", 2)])));
    items.push(weighted("level3", json!([service("s2", 1), service("s0", 1)])));
    items.push(object(
        "TraefikService",
        TRAEFIK,
        "mirror",
        json!({"spec": {"mirroring": {"name": "s0", "port": 80, "mirrors": [{"name": "s1", "port": 80, "percent": 100}]}}}),
    ));
    let target = match task.route {
        Route::One | Route::Table(_) => json!({"name": "s0", "port": 80}),
        Route::Tree | Route::Sticky => json!({"name": "level1", "kind": "TraefikService"}),
        Route::Mirror => json!({"name": "mirror", "kind": "TraefikService"}),
        Route::Grpc => json!({"name": "h2c", "port": 80, "scheme": "h2c"}),
    };
    let mut spec = if let Route::Table(count) = task.route {
        let routes: Vec<_> = (0..count)
            .map(|place| {
                let (host, path) = entry(place);
                json!({"match": format!("Host(`{host}`) && PathPrefix(`{path}`)"), "kind": "Rule", "services": [target]})
            })
            .collect();
        json!({"routes": routes})
    } else {
        json!({"routes": [{"match": "PathPrefix(`/`)", "kind": "Rule", "services": [target]}]})
    };
    if task.tls {
        spec["tls"] = json!({"secretName": "tls"});
        let data = json!({"stringData": {"tls.crt": task.certificate.pem, "tls.key": task.certificate.key}, "type": "kubernetes.io/tls"});
        items.push(object("Secret", "v1", "tls", data));
    }
    items.push(object("IngressRoute", TRAEFIK, HOST, json!({"spec": spec})));
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}
