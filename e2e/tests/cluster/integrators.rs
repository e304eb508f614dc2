//! The calls of the canary controllers: GET, then PUT of the whole object, never `/status` and never a patch.
//!
//! What they must find: their fields as they wrote them, and nothing that their PUT could take away from the status.

use serde_json::{Value, json};
use weir_e2e::cluster::{
    Cluster,
    api::Refusal,
    namespace::Namespace,
    resource::{INGRESS_ROUTE, TRAEFIK_SERVICE},
};

fn status() -> Value {
    let conditions = ["Accepted", "ResolvedRefs", "Programmed", "Ready"].map(|kind| {
        json!({
            "type": kind,
            "status": "True",
            "reason": kind,
            "message": "",
            "observedGeneration": 1,
            "lastTransitionTime": "2025-01-01T00:00:00Z",
        })
    });
    json!({"kind": "Weighted", "leaves": 2, "conditions": conditions})
}

/// A weighted service with a status, and with more fields than the controllers know.
async fn create(namespace: &Namespace<'_>, name: &str, services: Value) {
    let spec = json!({"spec": {"weighted": {
        "sticky": {"cookie": {"name": "lb"}},
        "services": services,
    }}});
    namespace.create(TRAEFIK_SERVICE, name, spec).await.unwrap();
    namespace
        .patch_status(TRAEFIK_SERVICE, name, &status())
        .await
        .unwrap();
}

/// Argo Rollouts reads the object as it is and writes it back with other weights, 0 and 100 among them.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_put_of_weights_keeps_the_status_and_all_other_fields() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let services =
        json!([{"name": "stable", "port": 80}, {"name": "canary", "port": 80, "weirUnknown": "kept"}]);
    create(&namespace, "rollout", services).await;
    for (step, canary) in (2..).zip([0, 20, 100]) {
        let mut object = namespace.get(TRAEFIK_SERVICE, "rollout").await.unwrap();
        for service in object["spec"]["weighted"]["services"].as_array_mut().unwrap() {
            let weight = if service["name"] == "canary" {
                canary
            } else {
                100 - canary
            };
            service["weight"] = weight.into();
        }
        namespace.replace(TRAEFIK_SERVICE, &object).await.unwrap();

        let stored = namespace.get(TRAEFIK_SERVICE, "rollout").await.unwrap();
        assert_eq!(stored["status"], status());
        assert_eq!(stored["metadata"]["generation"], step);
        assert_eq!(
            stored["spec"],
            json!({"weighted": {
                "sticky": {"cookie": {"name": "lb"}},
                "services": [
                    {"name": "stable", "port": 80, "weight": 100 - canary},
                    {"name": "canary", "port": 80, "weight": canary, "weirUnknown": "kept"},
                ],
            }})
        );
    }
}

/// Its next PUT fails when somebody wrote in between: a status that changes all the time would stop every rollout.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_put_after_a_write_of_the_status_is_a_conflict() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    create(&namespace, "rollout", json!([{"name": "stable", "port": 80}])).await;
    let object = namespace.get(TRAEFIK_SERVICE, "rollout").await.unwrap();
    let other = json!({"leaves": 3});
    namespace
        .patch_status(TRAEFIK_SERVICE, "rollout", &other)
        .await
        .unwrap();
    let error = namespace.replace(TRAEFIK_SERVICE, &object).await.unwrap_err();
    assert_eq!(Refusal::status_of(&error), Some(409), "{error:#}");

    // but the same status again is no write at all
    let before = namespace.get(TRAEFIK_SERVICE, "rollout").await.unwrap();
    namespace
        .patch_status(TRAEFIK_SERVICE, "rollout", &other)
        .await
        .unwrap();
    namespace.replace(TRAEFIK_SERVICE, &before).await.unwrap();
}

/// Flagger writes its own four fields and nothing else, leaves a weight of 0 out, and sets labels and annotations anew.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_put_of_few_fields_keeps_the_status_and_gets_no_defaults() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let name = &namespace.name;
    let services = json!([{"name": "app-primary", "namespace": name, "port": 80, "weight": 100}]);
    create(&namespace, "app", services).await;
    let foreign =
        json!({"metadata": {"labels": {"foreign": "label"}, "annotations": {"foreign": "annotation"}}});
    namespace.patch(TRAEFIK_SERVICE, "app", &foreign).await.unwrap();

    let read = namespace.get(TRAEFIK_SERVICE, "app").await.unwrap();
    let written = json!([
        {"name": "app-primary", "namespace": name, "port": 80},
        {"name": "app-canary", "namespace": name, "port": 80, "weight": 100},
    ]);
    let object = json!({
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "TraefikService",
        "metadata": {
            "name": "app",
            "resourceVersion": read["metadata"]["resourceVersion"],
            "labels": {"app": "app"},
        },
        "spec": {"weighted": {"services": written}},
    });
    namespace.replace(TRAEFIK_SERVICE, &object).await.unwrap();

    let stored = namespace.get(TRAEFIK_SERVICE, "app").await.unwrap();
    assert_eq!(stored["status"], status());
    // no weight where none was given, the port still a number, and what it does not know is gone
    assert_eq!(stored["spec"], json!({"weighted": {"services": written}}));
    assert_eq!(stored["metadata"]["labels"], json!({"app": "app"}));
    assert_eq!(stored["metadata"]["annotations"], Value::Null);
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_status_in_a_put_is_ignored_and_a_spec_in_a_status_too() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    create(&namespace, "app", json!([{"name": "svc1", "port": 80}])).await;
    let read = namespace.get(TRAEFIK_SERVICE, "app").await.unwrap();
    let mut object = read.clone();
    object["status"] = json!({"leaves": 99});
    namespace.replace(TRAEFIK_SERVICE, &object).await.unwrap();
    let both = json!({"spec": {"weighted": null}, "status": {"leaves": 2}});
    let path = format!("{}/status", TRAEFIK_SERVICE.object(&namespace.name, "app"));
    cluster.api().patch(&path, &both).await.unwrap();
    let stored = namespace.get(TRAEFIK_SERVICE, "app").await.unwrap();
    assert_eq!((&stored["spec"], &stored["status"]), (&read["spec"], &status()));
    assert_eq!(stored["metadata"]["generation"], 1);
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_number_as_port_of_a_reference_to_a_traefik_service_stays_one() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let spec = json!({
        "entryPoints": ["web"],
        "routes": [{
            "match": "Host(`app.example.com`)",
            "kind": "Rule",
            "services": [{"name": "podinfo", "kind": "TraefikService", "port": 80}],
        }],
    });
    namespace
        .create(INGRESS_ROUTE, "podinfo", json!({"spec": spec}))
        .await
        .unwrap();
    let stored = namespace.get(INGRESS_ROUTE, "podinfo").await.unwrap();
    assert_eq!(stored["spec"], spec);
}
