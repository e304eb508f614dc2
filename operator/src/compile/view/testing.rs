//! Small graphs to look at. A reference is written `svc1` for port 80 of a Service, `ts:wrr1` for a
//! TraefikService; all is in the namespace `apps`.

use serde_json::{Value, json};
use weir_model::document::Config;

use super::{View, view};
use crate::compile::{Compilation, Options, Snapshot, compile};

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    let api_version = match kind {
        "Service" => "v1",
        _ => weir_model::crd::API_VERSION,
    };
    let metadata = json!({ "name": name, "namespace": "apps", "generation": 1, "uid": name });
    json!({ "apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec })
}

fn reference(to: &str, key: &str, number: i64) -> Value {
    match to.strip_prefix("ts:") {
        Some(name) => json!({ "kind": "TraefikService", "name": name, key: number }),
        None => json!({ "name": to, "port": 80, key: number }),
    }
}

/// Services with port 80.
pub(crate) fn services(names: &[&str]) -> Vec<Value> {
    let spec = json!({ "ports": [{ "port": 80 }] });
    names.iter().map(|name| object("Service", name, &spec)).collect()
}

/// The endpoints of a Service, as many as there are addresses.
pub(crate) fn endpoints(service: &str, addresses: &[&str]) -> Value {
    let endpoints: Vec<Value> = addresses.iter().map(|a| json!({ "addresses": [a] })).collect();
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "ports": [{ "port": 80 }],
        "metadata": { "name": service, "namespace": "apps", "labels": { "kubernetes.io/service-name": service } },
        "endpoints": endpoints,
    })
}

pub(crate) fn weighted(name: &str, children: &[(&str, i64)]) -> Value {
    let children: Vec<Value> = children
        .iter()
        .map(|(to, weight)| reference(to, "weight", *weight))
        .collect();
    object(
        "TraefikService",
        name,
        &json!({ "weighted": { "services": children } }),
    )
}

pub(crate) fn mirroring(name: &str, main: &str, mirrors: &[(&str, i64)]) -> Value {
    let mut spec = reference(main, "maxBodySize", 1024);
    let mirrors = mirrors
        .iter()
        .map(|(to, percent)| reference(to, "percent", *percent));
    spec["mirrors"] = mirrors.collect();
    object("TraefikService", name, &json!({ "mirroring": spec }))
}

/// An IngressRoute whose routes each have one service.
pub(crate) fn ingress_route(name: &str, routes: &[(&str, &str)]) -> Value {
    let route = |(rule, to): &(&str, &str)| {
        let mut service = reference(to, "weight", 1);
        service.as_object_mut().unwrap().remove("weight");
        json!({ "match": rule, "kind": "Rule", "services": [service] })
    };
    let routes: Vec<Value> = routes.iter().map(route).collect();
    object("IngressRoute", name, &json!({ "routes": routes }))
}

/// The three levels of the documentation of TraefikService, with all that they name.
pub(crate) fn three_levels() -> Vec<Value> {
    let mut objects = services(&["svc1", "svc2", "svc3"]);
    objects.extend([
        ingress_route("web", &[("Host(`example.com`) && PathPrefix(`/foo`)", "ts:wrr1")]),
        weighted("wrr1", &[("svc1", 1), ("ts:wrr2", 1), ("ts:mirror1", 1)]),
        weighted("wrr2", &[("svc2", 1), ("svc3", 1)]),
        mirroring("mirror1", "svc1", &[("svc2", 20), ("ts:svc3", 15)]),
        weighted("svc3", &[("svc3", 1)]),
    ]);
    objects
}

/// The view of objects, after what was published before.
pub(crate) fn view_after(objects: &[Value], previous: &Config) -> (View, Compilation) {
    let (snapshot, options) = (Snapshot::from_objects(objects), Options::default());
    let compilation = compile(&snapshot, &options, previous);
    (view(&snapshot, &options, &compilation), compilation)
}

/// The view of objects.
pub(crate) fn view_of(objects: &[Value]) -> View {
    view_after(objects, &Config::default()).0
}
