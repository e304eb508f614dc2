//! The fields of a ServersTransport, each by what it changes between the proxy and an endpoint.

mod connections;
mod timeouts;
mod tls;

use std::net::SocketAddr;

use super::{
    places::{Place, plain_service, service},
    stage::{Scene, Stage},
};

/// A ServersTransport `apps/subject` with these fields in flow style.
fn transport(fields: &str) -> String {
    format!(
        "\
apiVersion: traefik.io/v1alpha1
kind: ServersTransport
metadata: {{name: subject, namespace: apps}}
spec: {{{fields}}}
---
"
    )
}

/// A Secret or a ConfigMap in `apps`, with texts by their keys.
fn holder(kind: &str, name: &str, texts: &[(&str, &str)]) -> String {
    let data = if kind == "Secret" { "stringData" } else { "data" };
    let texts: serde_json::Map<_, _> = texts
        .iter()
        .map(|(key, text)| ((*key).to_owned(), (*text).into()))
        .collect();
    let texts = serde_json::Value::from(texts);
    format!(
        "\
apiVersion: v1
kind: {kind}
metadata: {{name: {name}, namespace: apps}}
{data}: {texts}
---
"
    )
}

/// Serves a backend through a transport with these fields, and with what stands around it.
async fn plain(fields: &str, backend: SocketAddr) -> Stage {
    serve(
        "name: svc1, port: 80",
        &plain_service("svc1"),
        "http",
        fields,
        backend,
    )
    .await
}

/// The same over HTTP/2.
async fn h2c(fields: &str, backend: SocketAddr) -> Stage {
    let reference = "name: svc1, port: 80, scheme: h2c";
    serve(reference, &plain_service("svc1"), "http", fields, backend).await
}

/// The same over TLS.
async fn https(fields: &str, around: &str, backend: SocketAddr) -> Stage {
    let around = service("svc1", "ports: [{name: https, port: 443}]") + around;
    serve("name: svc1, port: 443", &around, "https", fields, backend).await
}

async fn serve(reference: &str, around: &str, port: &str, fields: &str, backend: SocketAddr) -> Stage {
    let reference = format!("{reference}, serversTransport: subject");
    let manifests = Place::Route.manifests(&reference) + &transport(fields) + around;
    let scene = Scene::new(&manifests).address_at("apps/svc1", port, backend);
    scene.open().await
}
