//! Probes over hours that take no time.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio::time::{advance, sleep, timeout};
use weir_model::document::Secrets;

use super::*;
use crate::{
    health::{Fault, Passed, fixture::settings},
    state::{Registry, Routing, Snapshot, fixture::Fixture},
};

const SECOND: Duration = Duration::from_secs(1);

fn snapshot(fixture: &Fixture, registry: &mut Registry) -> Snapshot {
    let entry_points = ["web=:80".parse().unwrap()];
    let routing = Routing::build(&fixture.config, &entry_points).unwrap();
    Snapshot::build(
        &fixture.config,
        routing.into(),
        &fixture.endpoints,
        &Secrets::default(),
        registry,
    )
}

/// One leaf with so many endpoints.
fn fixture(endpoints: usize, interval: Duration) -> Fixture {
    let addresses: Vec<_> = (0..endpoints)
        .map(|n| format!("10.0.{}.{}:80", n / 250, n % 250))
        .collect();
    let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
    Fixture::default()
        .leaf("l", &addresses)
        .check("l", settings(interval, interval))
        .route("a", "l")
}

fn prober(fixture: &Fixture, limits: Limits) -> Prober {
    let current = Current::new(Snapshot::default());
    current.publish(snapshot(fixture, &mut Registry::new(0)));
    Prober {
        changed: Arc::default(),
        counts: Arc::default(),
        current: Arc::new(current),
        limits,
        seed: 1,
    }
}

fn limits(per_second: usize, at_a_time: usize) -> Limits {
    Limits {
        health_max_probes_per_second: per_second,
        health_max_probes: at_a_time,
        ..Limits::default()
    }
}

/// Runs for a while; when the probes of each endpoint started.
async fn run(prober: Prober, time: Duration, takes: Duration) -> BTreeMap<u64, Vec<Instant>> {
    let started = Mutex::new(BTreeMap::<_, Vec<_>>::new());
    let probe = |health: Arc<Health>| {
        started
            .lock()
            .unwrap()
            .entry(health.id)
            .or_default()
            .push(Instant::now());
        async move {
            sleep(takes).await;
            Ok(Passed::Status(200))
        }
    };
    assert!(timeout(time, prober.run(probe)).await.is_err());
    started.into_inner().unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_endpoint_is_probed_at_once_and_then_every_interval() {
    let prober = prober(&fixture(20, 10 * SECOND), Limits::default());
    let counts = prober.counts.clone();
    let start = Instant::now();
    let started = run(prober, 1_001 * SECOND, SECOND).await;
    assert_eq!(started.len(), 20);
    for times in started.values() {
        assert!(times[0] - start < Duration::from_millis(5));
        assert!((95..=106).contains(&times.len()), "{}", times.len());
        for pair in times.windows(2) {
            let interval = (pair[1] - pair[0]).as_secs_f64();
            assert!((8.99..=11.01).contains(&interval), "{interval}");
        }
    }
    assert_eq!(counts.delayed.get(), 0);
    let ok = counts.outcomes[Outcome::Ok as usize].get();
    assert!((1_900..=2_120).contains(&ok), "{ok}");
}

#[tokio::test(start_paused = true)]
async fn beyond_the_bound_intervals_stretch_for_all_alike() {
    // 10,000 a second are wanted
    let prober = prober(&fixture(1_000, SECOND / 10), limits(500, 100));
    let counts = prober.counts.clone();
    let started = run(prober, 20 * SECOND, Duration::from_millis(1)).await;
    let probes: usize = started.values().map(Vec::len).sum();
    assert!((9_900..=10_051).contains(&probes), "{probes}");
    for times in started.values() {
        assert!((9..=11).contains(&times.len()), "{}", times.len());
    }
    assert!(counts.delayed.get() > 8_000);
    assert!(counts.lag.get() > 1_000_000);
}

#[tokio::test(start_paused = true)]
async fn no_more_are_under_way_than_may_be_and_never_two_of_one() {
    let prober = prober(&fixture(30, SECOND), limits(10_000, 7));
    let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (running, most) = (Arc::new(running), Arc::new(most));
    let busy = Arc::new(Mutex::new(BTreeMap::<u64, bool>::new()));
    let probe = |health: Arc<Health>| {
        let (running, busy) = (running.clone(), busy.clone());
        most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let was_busy = busy.lock().unwrap().insert(health.id, true);
        assert_ne!(was_busy, Some(true));
        async move {
            sleep(5 * SECOND).await;
            running.fetch_sub(1, Ordering::Relaxed);
            busy.lock().unwrap().insert(health.id, false);
            Err(Fault::Timeout("probing"))
        }
    };
    assert!(timeout(100 * SECOND, prober.run(probe)).await.is_err());
    assert_eq!(most.load(Ordering::Relaxed), 7);
    assert_eq!(busy.lock().unwrap().len(), 30);
}

#[tokio::test(start_paused = true)]
async fn changes_are_told_once() {
    let prober = prober(&fixture(1, SECOND), Limits::default());
    let (changed, counts, current) = (
        prober.changed.clone(),
        prober.counts.clone(),
        prober.current.clone(),
    );
    let good = Arc::new(AtomicBool::new(true));
    let answers = good.clone();
    let probe = move |_: Arc<Health>| {
        let good = answers.load(Ordering::Relaxed);
        async move {
            if good {
                Ok(Passed::Serving)
            } else {
                Err(Fault::Status(500))
            }
        }
    };
    let task = tokio::spawn(prober.run(probe));
    let health = current.load().checked()[0].health.clone();
    assert!(
        timeout(10 * SECOND, changed.notified()).await.is_err(),
        "it was up all the time"
    );
    for state in [false, true, false] {
        good.store(state, Ordering::Relaxed);
        timeout(2 * SECOND, changed.notified()).await.unwrap();
        assert_eq!(health.is_up(), state);
        assert!(timeout(10 * SECOND, changed.notified()).await.is_err());
    }
    assert_eq!(counts.changes.get(), 3);
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn what_a_new_snapshot_names_is_probed_and_what_it_does_not_name_is_not() {
    let mut registry = Registry::new(0);
    let prober = prober(&Fixture::default(), Limits::default());
    let current = prober.current.clone();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = seen.clone();
    let probe = move |health: Arc<Health>| {
        sees.lock().unwrap().push(health.address.to_string());
        async move {
            // until somebody breaks it off
            pending::<()>().await;
            Ok(Passed::Serving)
        }
    };
    let task = tokio::spawn(prober.run(probe));
    let counts = async |addresses: &[&str]| {
        let check = settings(SECOND, SECOND);
        let fixture = Fixture::default()
            .leaf("l", addresses)
            .check("l", check)
            .route("a", "l");
        current.publish(snapshot(&fixture, &mut registry));
        // the prober's turn
        advance(SECOND).await;
        sleep(SECOND).await;
        std::mem::take(&mut *seen.lock().unwrap())
    };
    let mut counts = counts;
    assert_eq!(counts(&["10.0.0.1:80"]).await, ["10.0.0.1:80"]);
    assert_eq!(counts(&["10.0.0.1:80", "10.0.0.2:80"]).await, ["10.0.0.2:80"]);
    assert_eq!(counts(&["10.0.0.2:80"]).await, Vec::<String>::new());
    // a probe that was broken off does not keep it from being probed anew
    assert_eq!(counts(&["10.0.0.1:80", "10.0.0.2:80"]).await, ["10.0.0.1:80"]);
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_breaks_down_costs_itself_only() {
    let prober = prober(&fixture(2, SECOND), Limits::default());
    let probes = Arc::new(AtomicUsize::new(0));
    let count = probes.clone();
    let probe = move |_: Arc<Health>| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        async move {
            assert_ne!(number, 0, "on purpose");
            Ok(Passed::Serving)
        }
    };
    assert!(timeout(10 * SECOND, prober.run(probe)).await.is_err());
    assert!(probes.load(Ordering::Relaxed) > 16, "{probes:?}");
}
