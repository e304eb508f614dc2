//! Events, as they are listed and as `kubectl describe` shows them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use weir_e2e::cluster::{
    Cluster,
    namespace::Namespace,
    release::Release,
    resource::{EVENT, INGRESS_ROUTE, TRAEFIK_SERVICE},
};

use crate::{
    shape::{impossible, route, service, silent_service, weighted},
    told::{LIMIT, await_told, told},
};

/// How many Events there are, by `KIND NAME TYPE REASON`.
async fn events(namespace: &Namespace<'_>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for event in namespace.list(EVENT).await.unwrap() {
        let regarding = &event["regarding"];
        let words = [
            &regarding["kind"],
            &regarding["name"],
            &event["type"],
            &event["reason"],
        ];
        let key = words.map(|word| word.as_str().unwrap_or("?")).join(" ");
        *counts.entry(key).or_default() += 1;
    }
    counts
}

fn counts(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected
        .iter()
        .map(|(key, count)| ((*key).to_owned(), *count))
        .collect()
}

fn reference(name: &str) -> Value {
    json!({"spec": {"weighted": {"services": [{"name": name, "kind": "TraefikService"}]}}})
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn there_is_one_event_for_each_object_generation_and_reason_whoever_leads() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    silent_service(&namespace, "svc1").await.unwrap();
    let create = async |name, spec| namespace.create(TRAEFIK_SERVICE, name, spec).await.unwrap();
    create("a", reference("b")).await;
    create("b", reference("a")).await;
    create("copies", impossible("svc1")).await;
    create("good", weighted(&[("svc1", 1)])).await;
    let spec = route("example.com", &service("no-such-service"));
    namespace.create(INGRESS_ROUTE, "web", spec).await.unwrap();
    let release = Release::new(&namespace).unwrap();
    let mut operator = release.operator("first").await.unwrap();

    let told_percent = [told("Accepted", "False", "InvalidPercent", "150")];
    let await_all = async || {
        for name in ["a", "b"] {
            let cycle = [told("Accepted", "False", "CycleDetected", "-> ")];
            await_told(&namespace, TRAEFIK_SERVICE, name, &cycle)
                .await
                .unwrap();
        }
        await_told(&namespace, TRAEFIK_SERVICE, "copies", &told_percent)
            .await
            .unwrap();
        let missing = [told(
            "ResolvedRefs",
            "False",
            "BackendNotFound",
            "no-such-service",
        )];
        await_told(&namespace, INGRESS_ROUTE, "web", &missing)
            .await
            .unwrap();
    };
    await_all().await;
    let mut expected = counts(&[
        ("IngressRoute web Warning BackendNotFound", 1),
        ("TraefikService a Warning CycleDetected", 1),
        ("TraefikService b Warning CycleDetected", 1),
        ("TraefikService copies Warning InvalidPercent", 1),
    ]);
    assert_eq!(events(&namespace).await, expected);

    // as wrong as before, in another generation
    let edit = json!({"spec": {"mirroring": {"mirrors": [{"name": "svc1", "port": 80, "percent": 1500}]}}});
    namespace.patch(TRAEFIK_SERVICE, "copies", &edit).await.unwrap();
    await_all().await;
    expected.insert("TraefikService copies Warning InvalidPercent".to_owned(), 2);
    assert_eq!(events(&namespace).await, expected);

    // those that come next have nothing to tell but of what is new
    for (next, killed) in [("second", false), ("third", true)] {
        if killed {
            operator.process.kill().unwrap();
        } else {
            operator.process.terminate(LIMIT).await.unwrap();
        }
        operator = release.operator(next).await.unwrap();
        create(next, impossible("svc1")).await;
        await_told(&namespace, TRAEFIK_SERVICE, next, &told_percent)
            .await
            .unwrap();
        await_all().await;
        expected.insert(format!("TraefikService {next} Warning InvalidPercent"), 1);
        assert_eq!(events(&namespace).await, expected);
    }

    let described = namespace
        .kubectl(&["describe", "traefikservice", "copies"])
        .await
        .unwrap();
    let (_, described) = described.split_once("\nEvents:").expect("there are Events");
    let lines: Vec<_> = described
        .lines()
        .filter(|line| line.contains("InvalidPercent"))
        .collect();
    assert_eq!(lines.len(), 2, "{described}");
    let told = [
        "Warning",
        "weir-operator",
        "spec.mirroring.mirrors[0].percent: percent 1500 is outside 0 to 100",
    ];
    assert!(
        lines
            .iter()
            .any(|line| told.iter().all(|part| line.contains(part))),
        "{described}"
    );
}
