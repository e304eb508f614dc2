//! Which events wake the engine.

use serde_json::{Value, json};

use crate::{
    cluster::testing::{Bench, id, service, slice},
    compile::finding::Kind,
};

async fn bench() -> (Bench, Value) {
    let mut first = Bench::start();
    let wrr = first.weighted("wrr", &[("a", 1)]);
    let bench = Bench::synced(&[
        (Kind::TraefikService, wrr.clone()),
        (Kind::Service, service("a")),
        (Kind::Service, service("unrelated")),
        (Kind::EndpointSlice, slice("a", &["10.0.0.1"])),
    ])
    .await;
    (bench, wrr)
}

#[tokio::test(start_paused = true)]
async fn a_status_wakes_nobody_but_is_on_record() {
    let (mut bench, mut wrr) = bench().await;
    wrr["status"] = json!({ "leaves": 1 });
    wrr["metadata"]["resourceVersion"] = json!("77");
    bench.apply(Kind::TraefikService, &wrr).await;
    assert!(bench.is_quiet().await);
    let record = bench
        .outputs
        .records
        .get(&id(Kind::TraefikService, "wrr"))
        .unwrap();
    assert_eq!(record.resource_version, "77");
    assert_eq!(record.status, Some(json!({ "leaves": 1 })));
    // once from the first list and once from now
    let touched = bench.outputs.records.touched().await;
    assert_eq!(
        touched.into_iter().collect::<Vec<_>>(),
        [id(Kind::TraefikService, "wrr")]
    );
}

#[tokio::test(start_paused = true)]
async fn labels_and_annotations_that_are_not_read_wake_nobody() {
    let (mut bench, mut wrr) = bench().await;
    wrr["metadata"]["labels"] = json!({ "app": "x" });
    wrr["metadata"]["annotations"] = json!({ "note": "y" });
    bench.apply(Kind::TraefikService, &wrr).await;
    assert!(bench.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn a_slice_with_the_same_addresses_wakes_nobody() {
    let (mut bench, _) = bench().await;
    let mut same = slice("a", &["10.0.0.1"]);
    same["metadata"]["resourceVersion"] = json!("9");
    same["endpoints"][0]["nodeName"] = json!("node-7");
    bench.apply(Kind::EndpointSlice, &same).await;
    assert!(bench.is_quiet().await);
    same["endpoints"][0]["conditions"] = json!({ "serving": false });
    bench.apply(Kind::EndpointSlice, &same).await;
    bench.next().await;
}

#[tokio::test(start_paused = true)]
async fn services_that_nothing_refers_to_wake_nobody_until_something_does() {
    let (mut bench, _) = bench().await;
    bench
        .apply(Kind::EndpointSlice, &slice("unrelated", &["10.0.0.7"]))
        .await;
    bench.delete(Kind::Service, &service("unrelated")).await;
    assert!(bench.is_quiet().await);
    bench.apply(Kind::Service, &service("unrelated")).await;
    let wrr = bench.weighted("wrr", &[("unrelated", 1)]);
    bench.apply(Kind::TraefikService, &wrr).await;
    let compiled = bench.next().await;
    let text = serde_json::to_string(&compiled.compilation.endpoints).unwrap();
    assert!(text.contains("10.0.0.7"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_missing_wakes_when_it_comes() {
    let (mut bench, _) = bench().await;
    let wrr = bench.weighted("wrr", &[("later", 1)]);
    bench.apply(Kind::TraefikService, &wrr).await;
    bench.next().await;
    bench.apply(Kind::Service, &service("later")).await;
    bench.next().await;
}

#[tokio::test(start_paused = true)]
async fn a_slice_that_is_relabelled_matters_to_the_service_it_leaves() {
    let (mut bench, _) = bench().await;
    let mut moved = slice("a", &["10.0.0.1"]);
    moved["metadata"]["labels"]["kubernetes.io/service-name"] = json!("unrelated");
    bench.apply(Kind::EndpointSlice, &moved).await;
    let compiled = bench.next().await;
    let text = serde_json::to_string(&compiled.compilation.endpoints).unwrap();
    assert!(!text.contains("10.0.0.1"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn ingress_routes_of_another_class_wake_nobody_until_they_are_ours() {
    let (mut bench, _) = bench().await;
    let mut route = json!({
        "metadata": { "namespace": "apps", "name": "web" },
        "spec": { "ingressClassName": "other", "routes": [{ "match": "Path(`/`)", "services": [{ "name": "a", "port": 80 }] }] },
    });
    bench.apply(Kind::IngressRoute, &route).await;
    assert!(bench.is_quiet().await);
    route["spec"]["ingressClassName"] = json!("weir");
    bench.apply(Kind::IngressRoute, &route).await;
    assert_eq!(bench.next().await.compilation.config.routes.len(), 1);
    route["spec"]["ingressClassName"] = json!("other");
    bench.apply(Kind::IngressRoute, &route).await;
    assert!(bench.next().await.compilation.config.routes.is_empty());
}
