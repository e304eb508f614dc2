//! When is compiled.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    cluster::{
        Scope,
        engine::Waits,
        testing::{Bench, millis_since, service, slice},
    },
    compile::finding::Kind,
};

/// A TraefikService over one Service, all there.
async fn bench() -> Bench {
    bench_with(Waits::default()).await
}

async fn bench_with(waits: Waits) -> Bench {
    let mut bench = Bench::with(Scope::default(), waits);
    let wrr = bench.weighted("wrr", &[("a", 1), ("b", 1)]);
    let objects = [
        (Kind::TraefikService, wrr),
        (Kind::Service, service("a")),
        (Kind::Service, service("b")),
        (Kind::EndpointSlice, slice("a", &["10.0.0.1"])),
    ];
    bench.sync(&objects).await
}

#[tokio::test(start_paused = true)]
async fn a_change_is_compiled_after_a_quiet_moment() {
    let mut bench = bench().await;
    let start = Instant::now();
    bench.apply(Kind::EndpointSlice, &slice("a", &["10.0.0.2"])).await;
    sleep(Duration::from_millis(30)).await;
    bench.apply(Kind::EndpointSlice, &slice("a", &["10.0.0.3"])).await;
    let compiled = bench.next().await;
    assert_eq!((millis_since(start), compiled.changes), (80, 2));
    assert!(bench.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn the_moment_and_its_limit_can_be_set() {
    let waits = Waits {
        quiet: Duration::from_millis(300),
        longest: Duration::from_millis(500),
    };
    let mut bench = bench_with(waits).await;
    let start = Instant::now();
    bench.apply(Kind::EndpointSlice, &slice("a", &["10.0.0.2"])).await;
    bench.next().await;
    assert_eq!(millis_since(start), 300);
    let start = Instant::now();
    for address in ["10.0.0.3", "10.0.0.4"] {
        bench.apply(Kind::EndpointSlice, &slice("a", &[address])).await;
        sleep(Duration::from_millis(250)).await;
    }
    bench.next().await;
    assert_eq!(millis_since(start), 500);
}

#[tokio::test(start_paused = true)]
async fn changes_without_end_are_compiled_once_a_second() {
    let mut bench = bench().await;
    let start = Instant::now();
    let changes = bench.changes.clone();
    let flood = tokio::spawn(async move {
        let source = crate::cluster::testing::source(Kind::EndpointSlice);
        for i in 0..100 {
            let slice = slice("a", &[&format!("10.0.1.{i}")]);
            let observed = crate::cluster::Observed::read(Kind::EndpointSlice, &slice);
            let event = kube::runtime::watcher::Event::Apply(observed);
            changes
                .send(crate::cluster::Change::Watched(source.clone(), event))
                .await
                .unwrap();
            sleep(Duration::from_millis(20)).await;
        }
    });
    bench.next().await;
    assert_eq!(millis_since(start), 1000);
    bench.next().await;
    assert!(millis_since(start) <= 2020);
    flood.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn weights_alone_go_out_at_once() {
    let mut bench = bench().await;
    let start = Instant::now();
    let wrr = bench.weighted("wrr", &[("a", 90), ("b", 10)]);
    bench.apply(Kind::TraefikService, &wrr).await;
    let compiled = bench.next().await;
    assert_eq!(millis_since(start), 0);
    let service = compiled.snapshot.traefik_services.values().next().unwrap();
    assert_eq!(service.meta.generation, bench.generation());
}

#[tokio::test(start_paused = true)]
async fn weights_take_along_what_was_waiting() {
    let mut bench = bench().await;
    let start = Instant::now();
    bench.apply(Kind::EndpointSlice, &slice("a", &["10.0.0.9"])).await;
    let wrr = bench.weighted("wrr", &[("a", 90), ("b", 10)]);
    bench.apply(Kind::TraefikService, &wrr).await;
    let compiled = bench.next().await;
    assert_eq!((millis_since(start), compiled.changes), (0, 2));
    let text = serde_json::to_string(&compiled.compilation.endpoints).unwrap();
    assert!(text.contains("10.0.0.9"), "{text}");
    assert!(bench.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn another_service_beside_new_weights_is_not_weights_alone() {
    let mut bench = bench().await;
    let start = Instant::now();
    let wrr = bench.weighted("wrr", &[("a", 90), ("c", 10)]);
    bench.apply(Kind::TraefikService, &wrr).await;
    bench.next().await;
    assert_eq!(millis_since(start), 50);
}
