//! How what is published comes in.

use std::sync::Arc;

use weir_model::document::Config;

use crate::{
    cluster::testing::{Bench, service},
    compile::finding::Kind,
};

async fn bench() -> Bench {
    let mut first = Bench::start();
    let wrr = first.weighted("wrr", &[("a", 1)]);
    Bench::synced(&[(Kind::TraefikService, wrr), (Kind::Service, service("a"))]).await
}

#[tokio::test(start_paused = true)]
async fn its_own_result_once_published_starts_nothing() {
    let mut bench = bench().await;
    let compiled = bench.outputs.compiled.borrow().clone().unwrap();
    let config = compiled.compilation.config.clone();
    assert_eq!(config.revision, 1);
    bench.publish(config.clone());
    assert!(bench.is_quiet().await);
    assert!(compiled.holds_for(&Arc::new(Config::clone(&config))));
    let wrr = bench.weighted("wrr", &[("a", 5)]);
    bench.apply(Kind::TraefikService, &wrr).await;
    assert_eq!(bench.next().await.compilation.config.revision, 2);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_published_is_compiled_upon() {
    let mut bench = bench().await;
    let foreign = Config {
        revision: 7,
        ..Config::default()
    };
    let stale = bench.outputs.compiled.borrow().clone().unwrap();
    bench.publish(foreign.clone());
    assert!(!stale.holds_for(&Arc::new(foreign)));
    let compiled = bench.next().await;
    assert_eq!(compiled.compilation.config.revision, 8);
    assert!(bench.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn what_was_accepted_before_outlives_a_bad_edit() {
    let mut bench = bench().await;
    let config = bench
        .outputs
        .compiled
        .borrow()
        .as_ref()
        .unwrap()
        .compilation
        .config
        .clone();
    bench.publish(config);
    let mut bad = bench.weighted("wrr", &[("a", 1)]);
    bad["spec"]["weighted"]["services"][0]["weight"] = serde_json::json!("many");
    bench.apply(Kind::TraefikService, &bad).await;
    let compiled = bench.next().await;
    let mut nodes = compiled.compilation.config.nodes.keys();
    assert!(nodes.any(|id| id.as_str() == "ts/apps/wrr"));
}
