//! Small objects.

use anyhow::Result;
use serde_json::{Value, json};
use weir_e2e::{
    cluster::{
        namespace::Namespace,
        resource::{ENDPOINT_SLICE, SERVICE},
    },
    slices::endpoint_slice,
};

/// A TraefikService over Services, each with its weight.
pub fn weighted(services: &[(&str, i64)]) -> Value {
    let services = services.iter();
    let services: Vec<_> = services
        .map(|(name, weight)| json!({"name": name, "port": 80, "weight": weight}))
        .collect();
    json!({"spec": {"weighted": {"services": services}}})
}

/// A TraefikService that copies more than everything, which cannot be.
pub fn impossible(service: &str) -> Value {
    json!({"spec": {"mirroring": {
        "name": service,
        "port": 80,
        "mirrors": [{"name": service, "port": 80, "percent": 150}],
    }}})
}

/// An IngressRoute for everything below a host.
pub fn route(host: &str, service: &Value) -> Value {
    json!({"spec": {
        "entryPoints": ["web"],
        "routes": [rule(&format!("Host(`{host}`)"), service)],
    }})
}

/// A route of an IngressRoute.
pub fn rule(rule: &str, service: &Value) -> Value {
    json!({"kind": "Rule", "match": rule, "services": [service]})
}

/// A reference to a Service.
pub fn service(name: &str) -> Value {
    json!({"name": name, "port": 80})
}

/// A reference to a TraefikService.
pub fn traefik_service(name: &str) -> Value {
    json!({"name": name, "kind": "TraefikService"})
}

/// A Service with an endpoint that nobody asks.
pub async fn silent_service(namespace: &Namespace<'_>, name: &str) -> Result<()> {
    let spec = json!({"spec": {"ports": [{"name": "http", "port": 80}]}});
    namespace.create(SERVICE, name, spec).await?;
    // an address for documentation
    let slice = endpoint_slice(&namespace.name, name, Some(([192, 0, 2, 1], 80).into()));
    namespace
        .create(ENDPOINT_SLICE, &format!("{name}-here"), slice)
        .await?;
    Ok(())
}
