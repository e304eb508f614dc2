//! Kubernetes objects, as many as one likes.

use std::net::SocketAddr;

use serde_json::{Value, json};

const NAMESPACE: &str = "bench";

/// A Service with its endpoints: one port, `http`, 80.
pub fn service(name: &str, endpoints: &[SocketAddr]) -> [Value; 2] {
    let port = endpoints.first().map_or(80, SocketAddr::port);
    let endpoints: Vec<_> = endpoints
        .iter()
        .map(|endpoint| json!({"addresses": [endpoint.ip()], "conditions": {"ready": true}}))
        .collect();
    [
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": metadata(name),
            "spec": {"ports": [{"name": "http", "port": 80}]},
        }),
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4", "endpoints": endpoints,
            "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        }),
    ]
}

/// A `TraefikService` that sends all to a Service.
pub fn weighted(name: &str, service: &str) -> Value {
    json!({
        "apiVersion": "traefik.io/v1alpha1", "kind": "TraefikService", "metadata": metadata(name),
        "spec": {"weighted": {"services": [{"name": service, "port": 80, "weight": 1}]}},
    })
}

/// An `IngressRoute` with one rule that leads to a `TraefikService`.
pub fn route(name: &str, rule: &str, service: &str) -> Value {
    json!({
        "apiVersion": "traefik.io/v1alpha1", "kind": "IngressRoute", "metadata": metadata(name),
        "spec": {"routes": [{
            "kind": "Rule", "match": rule, "services": [{"kind": "TraefikService", "name": service}],
        }]},
    })
}

/// A host and a path below it, one of a table.
pub fn place(number: usize) -> (String, String) {
    (format!("host{number}.example.com"), format!("/path{number}"))
}

/// So many `TraefikService`s, each with a Service of ten endpoints and a route by host and path.
pub fn many(count: usize) -> impl Iterator<Item = Value> {
    (0..count).flat_map(|number| {
        let name = format!("app{number}");
        let (host, path) = place(number);
        let [_, high, middle, low] = (number as u32).to_be_bytes();
        let endpoints: Vec<_> = (10..20)
            .map(|pod| SocketAddr::from(([pod, high, middle, low], 8080)))
            .collect();
        let [service, slice] = service(&name, &endpoints);
        let rule = format!("Host(`{host}`) && PathPrefix(`{path}`)");
        [service, slice, weighted(&name, &name), route(&name, &rule, &name)]
    })
}

fn metadata(name: &str) -> Value {
    json!({
        "name": name, "namespace": NAMESPACE, "generation": 1,
        "uid": format!("00000000-0000-4000-8000-{:0>12}", digits(name)),
        "creationTimestamp": "2025-09-01T00:00:00Z",
    })
}

/// The last digits of a name, another one's are others.
fn digits(name: &str) -> &str {
    name.trim_start_matches(|c: char| !c.is_ascii_digit())
}
