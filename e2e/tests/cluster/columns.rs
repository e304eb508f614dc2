//! What `kubectl get` shows.

use std::time::Duration;

use serde_json::{Value, json};
use weir_e2e::cluster::{
    Cluster,
    resource::{INGRESS_ROUTE, SERVERS_TRANSPORT, TRAEFIK_SERVICE},
};

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": "2025-01-01T00:00:00Z",
    })
}

/// The words of each line, `<none>` and ages included.
fn table(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .map(|line| line.split_whitespace().collect())
        .collect()
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_traefik_service_shows_its_kind_leaves_readiness_and_reason() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let spec = json!({"spec": {"weighted": {"services": [{"name": "svc1", "port": 80}]}}});
    namespace
        .create(TRAEFIK_SERVICE, "new", spec.clone())
        .await
        .unwrap();
    namespace.create(TRAEFIK_SERVICE, "wrr1", spec).await.unwrap();
    let status = json!({
        "kind": "Weighted",
        "leaves": 2,
        "conditions": [
            condition("Ready", "False", "BackendNotFound", "no_such_service"),
            condition("Programmed", "True", "Programmed", ""),
        ],
    });
    namespace
        .patch_status(TRAEFIK_SERVICE, "wrr1", &status)
        .await
        .unwrap();

    let shown = namespace.kubectl(&["get", "traefikservices"]).await.unwrap();
    let rows = table(&shown);
    assert_eq!(
        rows[0],
        ["NAME", "KIND", "LEAVES", "READY", "REASON", "AGE"],
        "{shown}"
    );
    assert_eq!(rows[1].len(), 2, "without a status only name and age:\n{shown}");
    assert_eq!(
        rows[2][..5],
        ["wrr1", "Weighted", "2", "False", "BackendNotFound"],
        "{shown}"
    );

    let shown = namespace
        .kubectl(&["get", "traefikservices", "wrr1", "-o", "wide"])
        .await
        .unwrap();
    let rows = table(&shown);
    assert_eq!(rows[0][6..], ["PROGRAMMED", "MESSAGE"], "{shown}");
    assert_eq!(rows[1][6..], ["True", "no_such_service"], "{shown}");
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_condition_about_an_older_generation_is_not_the_one_that_is_waited_for() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let spec = json!({"spec": {"weighted": {"services": [{"name": "svc1", "port": 80}]}}});
    namespace.create(TRAEFIK_SERVICE, "wrr1", spec).await.unwrap();
    let status = json!({"conditions": [condition("Ready", "True", "Ready", "")]});
    namespace
        .patch_status(TRAEFIK_SERVICE, "wrr1", &status)
        .await
        .unwrap();
    let ready = async |status, limit| {
        let ready = namespace.await_condition(TRAEFIK_SERVICE, "wrr1", "Ready", status, limit);
        ready.await
    };
    assert_eq!(
        ready("True", Duration::from_secs(5)).await.unwrap()["reason"],
        "Ready"
    );
    let error = ready("False", Duration::from_millis(200)).await.unwrap_err();
    assert!(format!("{error:#}").contains("wanted Ready=False"), "{error:#}");

    let edit = json!({"spec": {"weighted": {"services": []}}});
    namespace.patch(TRAEFIK_SERVICE, "wrr1", &edit).await.unwrap();
    let error = ready("True", Duration::from_millis(200)).await.unwrap_err();
    assert!(format!("{error:#}").contains("about generation 1"), "{error:#}");
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn an_ingress_route_shows_its_hosts_and_entry_points() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let spec = json!({"spec": {
        "entryPoints": ["web"],
        "routes": [{"kind": "Rule", "match": "Host(`example.com`)", "services": [{"name": "svc1", "port": 80}]}],
    }});
    namespace.create(INGRESS_ROUTE, "web", spec).await.unwrap();
    let status = json!({
        "hosts": "example.com",
        "conditions": [condition("Ready", "True", "Ready", "")],
    });
    namespace
        .patch_status(INGRESS_ROUTE, "web", &status)
        .await
        .unwrap();

    let shown = namespace.kubectl(&["get", "ingressroutes"]).await.unwrap();
    let rows = table(&shown);
    assert_eq!(
        rows[0],
        ["NAME", "HOSTS", "ENTRYPOINTS", "READY", "REASON", "AGE"],
        "{shown}"
    );
    assert_eq!(
        rows[1][..5],
        ["web", "example.com", "[\"web\"]", "True", "Ready"],
        "{shown}"
    );
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_servers_transport_shows_its_readiness() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let spec = json!({"spec": {"serverName": "example.com"}});
    namespace.create(SERVERS_TRANSPORT, "tls", spec).await.unwrap();
    let status = json!({"conditions": [condition("Ready", "False", "SecretNotFound", "")]});
    namespace
        .patch_status(SERVERS_TRANSPORT, "tls", &status)
        .await
        .unwrap();

    let shown = namespace.kubectl(&["get", "serverstransports"]).await.unwrap();
    let rows = table(&shown);
    assert_eq!(rows[0], ["NAME", "READY", "REASON", "AGE"], "{shown}");
    assert_eq!(rows[1][..3], ["tls", "False", "SecretNotFound"], "{shown}");
}
