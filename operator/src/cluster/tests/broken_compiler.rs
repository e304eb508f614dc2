//! A compiler that breaks down.

use std::sync::atomic::{AtomicU32, Ordering};

use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::{
    cluster::{
        Scope,
        engine::{Engine, Waits},
        testing::{Bench, millis_since, service, slice},
    },
    compile::{Compilation, Options, Snapshot, compile, finding::Kind},
    metrics::Metrics,
};

/// How often it breaks down from now on.
static BROKEN: AtomicU32 = AtomicU32::new(0);

fn compiler(snapshot: &Snapshot, options: &Options, previous: &weir_model::document::Config) -> Compilation {
    let left = BROKEN.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    assert!(left.is_err(), "broken");
    compile(snapshot, options, previous)
}

#[tokio::test(start_paused = true)]
async fn after_a_breakdown_the_change_is_compiled_again_without_another_one() {
    let metrics = Metrics::register(&mut Registry::default()).compiler;
    let scope = Scope::default();
    let (engine, outputs) = Engine::new(
        scope.clone(),
        Options::default(),
        Waits::default(),
        metrics.clone(),
    );
    let mut bench = Bench::of(engine.compiling_by(compiler), outputs, scope);
    let wrr = bench.weighted("wrr", &[("a", 1)]);
    let objects = [(Kind::TraefikService, wrr), (Kind::Service, service("a"))];
    let mut bench = bench.sync(&objects).await;
    assert_eq!(metrics.failures(), 0);

    BROKEN.store(8, Ordering::SeqCst);
    let start = Instant::now();
    bench.apply(Kind::EndpointSlice, &slice("a", &["10.0.0.2"])).await;
    for _ in 0..3 {
        assert!(bench.outputs.compiled.borrow().is_some(), "what there was stays");
        tokio::time::sleep(std::time::Duration::from_secs(50)).await;
    }
    let compiled = bench.next().await;
    // 1, 2, 4, 8, 16, 32 seconds, then twice one minute
    assert_eq!((millis_since(start), metrics.failures()), (183_050, 8));
    assert_eq!(compiled.changes, 1);
    assert!(bench.is_quiet().await);

    // the next change does not wait for what failed, and the count begins anew
    BROKEN.store(1, Ordering::SeqCst);
    let start = Instant::now();
    bench.apply(Kind::EndpointSlice, &slice("a", &["10.0.0.3"])).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    bench.apply(Kind::EndpointSlice, &slice("a", &["10.0.0.4"])).await;
    assert_eq!(bench.next().await.changes, 2);
    assert_eq!((millis_since(start), metrics.failures()), (550, 9));
    assert!(bench.is_quiet().await);
}
