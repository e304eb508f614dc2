//! Where the backends are, as Kubernetes would say it.

use std::net::SocketAddr;

use serde_json::{Value, json};

/// An EndpointSlice for the port `http` of a Service. Without an address it is one whose pods are all gone.
pub fn endpoint_slice(namespace: &str, service: &str, address: Option<SocketAddr>) -> Value {
    let endpoints: Vec<_> = address
        .iter()
        .map(|address| json!({"addresses": [address.ip()], "conditions": {"ready": true, "serving": true}}))
        .collect();
    let port = address.map_or(80, |address| address.port());
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": service,
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
    })
}
