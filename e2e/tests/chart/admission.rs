//! The policy for TraefikServices.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use weir_e2e::cluster::{
    Cluster, api::Refusal, kubectl::Said, namespace::Namespace, resource::TRAEFIK_SERVICE, wait::eventually,
};

use crate::chart::{Chart, apply, render};

/// Policies are read by the API server a moment after they are written.
const LIMIT: Duration = Duration::from_secs(30);

/// Installs the policy for a namespace, and waits until it is in force.
async fn install(namespace: &Namespace<'_>, mode: &str) {
    let values = json!({"watchNamespaces": [namespace.name], "admission": {"mode": mode}});
    let policy = Chart::within(&namespace.name, values).file("admission");
    apply(namespace, policy.iter()).await;
    let in_force = eventually("the policy is in force", LIMIT, async || {
        let told = create(namespace, "probe", &json!({}), true).await;
        let told = told.map_or_else(|error| error.to_string(), |said| said.stderr);
        ensure!(told.contains("NoServiceType"), "{told}");
        Ok(())
    });
    in_force.await.unwrap();
}

async fn create(namespace: &Namespace<'_>, name: &str, spec: &Value, dry: bool) -> Result<Said> {
    let object = json!({
        "apiVersion": "traefik.io/v1alpha1", "kind": "TraefikService", "spec": spec,
        "metadata": {"name": name, "namespace": namespace.name},
    });
    let dry = if dry { "--dry-run=server" } else { "--dry-run=none" };
    namespace
        .cluster
        .kubectl()
        .say(&["create", dry, "-f", "-"], Some(&object.to_string()))
        .await
}

/// Two services with these weights, and beside them what shall be wrong.
fn weighted(weights: [u32; 2], further: &Value) -> Value {
    let mut spec = json!({"weighted": {"services": [
        {"name": "stable", "port": 80, "weight": weights[0]},
        {"name": "canary", "port": 80, "weight": weights[1]},
    ]}});
    spec["weighted"]["services"]
        .as_array_mut()
        .unwrap()
        .extend(further.as_array().into_iter().flatten().cloned());
    spec
}

/// Each with what is told of it.
fn mistakes() -> Vec<(Value, &'static str)> {
    let mirror = |percent: i32| json!({"mirroring": {"name": "main", "port": 80, "mirrors": [{"name": "copy", "port": 80, "percent": percent}]}});
    vec![
        (
            mirror(150),
            "mirror copy: percent 150 is outside 0 to 100 (InvalidPercent)",
        ),
        (
            mirror(-1),
            "mirror copy: percent -1 is outside 0 to 100 (InvalidPercent)",
        ),
        (
            weighted([1, 1], &json!([{"name": "api@internal"}])),
            "the name \"api@internal\" contains '@' (InvalidName)",
        ),
        (
            json!({"mirroring": {"name": "a@file"}}),
            "the name \"a@file\" contains '@' (InvalidName)",
        ),
        (
            weighted([1, 1], &json!([{"name": "it", "kind": "TraefikService"}])),
            "it refers to itself (CycleDetected)",
        ),
        (
            json!({"mirroring": {"name": "it", "kind": "TraefikService", "namespace": null}}),
            "it refers to itself (CycleDetected)",
        ),
        (
            json!({"weighted": null}),
            "it sets neither weighted nor mirroring (NoServiceType)",
        ),
        (
            json!({"weighted": {"services": []}, "mirroring": {"name": "a"}}),
            "it sets weighted and mirroring, of which there may be one (AmbiguousServiceType)",
        ),
    ]
}

/// What is not wrong, or nothing that this policy knows about.
fn accepted() -> Vec<Value> {
    let mirror = |mirrors: Value| json!({"mirroring": {"name": "main", "port": 80, "mirrors": mirrors}});
    vec![
        weighted([0, 2_000_000_000], &json!([])),
        weighted(
            [1, 1],
            &json!([{"name": "it", "kind": "Service"}, {"name": "it", "kind": "TraefikService", "namespace": "other"}]),
        ),
        mirror(json!([{"name": "a", "percent": 0}, {"name": "b", "percent": 100}, {"name": "c"}])),
        mirror(json!([{"name": "a", "percent": null}])),
        mirror(json!(null)),
        json!({"weighted": null, "mirroring": {"name": "a"}}),
        json!({"weighted": {}}),
        json!({"weighted": {"services": null}}),
        // of these the schema knows nothing
        json!({"weighted": {"services": [{"name": "a", "percent": "150"}], "mirrors": 7}, "unknown": [1, {"name": "x@y"}]}),
        json!({"highestRandomWeight": {"services": [{"name": "a"}]}}),
    ]
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_warning_says_what_is_wrong_and_stops_nothing() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    install(&namespace, "Warn").await;
    for (spec, expected) in mistakes() {
        let said = create(&namespace, "it", &spec, true).await.unwrap();
        assert!(
            said.stderr.starts_with("Warning:") && said.stderr.contains(expected),
            "{expected}: {said:?}"
        );
    }
    for spec in accepted() {
        assert_eq!(
            create(&namespace, "it", &spec, true).await.unwrap().stderr,
            "",
            "{spec}"
        );
    }
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn denied_is_what_is_wrong_and_nothing_else() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    install(&namespace, "Deny").await;
    for (spec, expected) in mistakes() {
        let error = create(&namespace, "it", &spec, true)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("denied request") && error.contains(expected),
            "{expected}: {error}"
        );
    }
    for spec in accepted() {
        create(&namespace, "it", &spec, true).await.unwrap();
    }
    for file in ["weighted.yaml", "mirroring.yaml", "ingressroute.yaml"] {
        namespace.apply_example(file, |text| text).await.unwrap();
    }
    // elsewhere nobody asked for it
    let elsewhere = cluster.namespace().await.unwrap();
    create(&elsewhere, "it", &json!({}), true).await.unwrap();
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_controller_that_changes_weights_is_not_stopped_by_a_mistake_that_was_there_before() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let wrong = json!([{"name": "api@internal"}, {"name": "it", "kind": "TraefikService"}]);
    create(&namespace, "it", &weighted([100, 0], &wrong), false)
        .await
        .unwrap();
    install(&namespace, "Deny").await;

    // as Argo Rollouts does it
    let mut object = namespace.get(TRAEFIK_SERVICE, "it").await.unwrap();
    object["spec"]["weighted"]["services"][0]["weight"] = 90.into();
    object["spec"]["weighted"]["services"][1]["weight"] = 10.into();
    object = namespace.replace(TRAEFIK_SERVICE, &object).await.unwrap();
    // who mends a part may leave the rest
    object["spec"]["weighted"]["services"]
        .as_array_mut()
        .unwrap()
        .remove(3);
    object = namespace.replace(TRAEFIK_SERVICE, &object).await.unwrap();
    // and who adds another mistake is told of that one
    object["spec"]["weighted"]["services"][0]["name"] = "stable@file".into();
    let error = namespace.replace(TRAEFIK_SERVICE, &object).await.unwrap_err();
    let told = format!("{error:#}");
    assert_eq!(Refusal::status_of(&error), Some(422), "{told}");
    assert!(
        told.contains("stable@file") && !told.contains("api@internal"),
        "{told}"
    );
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn the_api_server_finds_nothing_wrong_with_the_policies() {
    let cluster = Cluster::shared().await.unwrap();
    for mode in ["Warn", "Deny"] {
        let namespace = cluster.namespace().await.unwrap();
        let values = json!({"admission": {"mode": mode}, "watchNamespaces": [namespace.name]});
        let objects = Chart::within(&namespace.name, values).render().unwrap();
        apply(&namespace, objects.of("ValidatingAdmissionPolicy")).await;
        for policy in objects.of("ValidatingAdmissionPolicy") {
            let name = policy["metadata"]["name"].as_str().unwrap();
            let path = format!("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/{name}");
            let checked = eventually("the policy is checked", LIMIT, async || {
                let status = cluster.api().get(&path).await?["status"].clone();
                ensure!(status["typeChecking"].is_object(), "{status}");
                Ok(status["typeChecking"].clone())
            });
            assert_eq!(checked.await.unwrap(), json!({}), "{name}");
        }
    }
}

#[test]
#[ignore = "needs helm: make e2e"]
fn policies_can_be_left_out() {
    let count = |values: Value| render(values).of("ValidatingAdmissionPolicy").count();
    assert_eq!(count(json!({})), 2);
    assert_eq!(count(json!({"admission": {"mode": "Off"}})), 1);
    assert_eq!(
        count(json!({"admission": {"mode": "Off"}, "rbac": {"confinePods": false}})),
        0
    );
}
