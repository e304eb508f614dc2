//! What is known before anything is compiled, and what becomes of it when watches start over.

use std::time::Duration;

use kube::runtime::watcher::Event;
use serde_json::json;
use tokio::time::sleep;
use weir_model::document::Config;

use crate::{
    cluster::{
        Observed, Scope, Source,
        testing::{Bench, id, service, source},
    },
    compile::finding::{Code, Kind},
};

#[tokio::test(start_paused = true)]
async fn nothing_is_compiled_before_all_watches_have_listed() {
    let mut bench = Bench::start();
    bench.publish(Config::default());
    let mut sources = Scope::default().sources();
    let last = sources.pop().unwrap();
    for source in &sources {
        bench.list(source, &[]).await;
    }
    assert!(bench.is_quiet().await);
    let wrr = bench.weighted("wrr", &[("a", 1)]);
    bench.list(&last, &[(Kind::TraefikService, wrr)]).await;
    assert_eq!(bench.next().await.snapshot.traefik_services.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_not_complete_does_not_count() {
    let mut bench = Bench::start();
    bench.publish(Config::default());
    let mut sources = Scope::default().sources();
    let last = sources.pop().unwrap();
    for source in &sources {
        bench.list(source, &[]).await;
    }
    let wrr = bench.weighted("wrr", &[("a", 1)]);
    let observed = Observed::read(Kind::TraefikService, &wrr);
    bench.tell(&last, Event::Init).await;
    bench.tell(&last, Event::InitApply(observed)).await;
    assert!(bench.is_quiet().await);
    bench.tell(&last, Event::InitDone).await;
    bench.next().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_compiled_before_what_is_published_was_read() {
    let mut bench = Bench::start();
    for source in Scope::default().sources() {
        bench.list(&source, &[]).await;
    }
    assert!(bench.is_quiet().await);
    bench.publish(Config::default());
    bench.next().await;
}

#[tokio::test(start_paused = true)]
async fn kinds_that_the_cluster_lacks_are_empty_and_may_come_later() {
    let mut bench = Bench::synced(&[]).await;
    let wrr = bench.weighted("wrr", &[("a", 1)]);
    bench
        .list(&source(Kind::TraefikService), &[(Kind::TraefikService, wrr)])
        .await;
    assert_eq!(bench.next().await.compilation.reports.services.len(), 1);
    // and go
    bench.list(&source(Kind::TraefikService), &[]).await;
    assert!(bench.next().await.compilation.reports.services.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_is_gone() {
    let mut first = Bench::start();
    let wrr = first.weighted("wrr", &[("a", 1)]);
    let mut bench = Bench::synced(&[(Kind::TraefikService, wrr.clone())]).await;
    assert!(
        bench
            .outputs
            .records
            .get(&id(Kind::TraefikService, "wrr"))
            .is_some()
    );
    bench.delete(Kind::TraefikService, &wrr).await;
    assert!(bench.next().await.snapshot.traefik_services.is_empty());
    assert!(
        bench
            .outputs
            .records
            .get(&id(Kind::TraefikService, "wrr"))
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn what_went_while_a_watch_was_cut_off_vanishes_with_its_next_list() {
    let mut first = Bench::start();
    let (one, two) = (
        first.weighted("one", &[("a", 1)]),
        first.weighted("two", &[("a", 1)]),
    );
    let kind = Kind::TraefikService;
    let mut bench = Bench::synced(&[(kind, one.clone()), (kind, two)]).await;
    bench.list(&source(kind), &[(kind, one)]).await;
    let compiled = bench.next().await;
    let names: Vec<_> = compiled
        .snapshot
        .traefik_services
        .keys()
        .map(|n| &n.name)
        .collect();
    assert_eq!(names, ["one"]);
    assert!(bench.outputs.records.get(&id(kind, "two")).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_brings_nothing_new_wakes_nobody() {
    let mut first = Bench::start();
    let wrr = (Kind::TraefikService, first.weighted("wrr", &[("a", 1)]));
    let mut bench = Bench::synced(std::slice::from_ref(&wrr)).await;
    bench.list(&source(Kind::TraefikService), &[wrr]).await;
    assert!(bench.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_one_namespace_leaves_the_others_alone() {
    let mut bench = Bench::with_scope(Scope::new(["apps".to_owned(), "other".to_owned()]));
    bench.publish(Config::default());
    let place = |namespace: &str| Source {
        kind: Kind::TraefikService,
        namespace: Some(namespace.to_owned()),
    };
    let kept = (Kind::TraefikService, bench.weighted("wrr", &[("a", 1)]));
    for source in Scope::new(["apps".to_owned(), "other".to_owned()]).sources() {
        let objects = if source == place("apps") {
            std::slice::from_ref(&kept)
        } else {
            &[]
        };
        bench.list(&source, objects).await;
    }
    bench.next().await;
    bench.list(&place("other"), &[]).await;
    bench.list(&place("apps"), &[]).await;
    assert!(bench.next().await.snapshot.traefik_services.is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_broken_object_stops_nobody() {
    let mut first = Bench::start();
    let good = first.weighted("good", &[("a", 1)]);
    let broken = json!({ "metadata": { "namespace": "apps", "name": "broken" }, "spec": { "weighted": 7 } });
    let bench = Bench::synced(&[
        (Kind::TraefikService, broken),
        (Kind::TraefikService, good),
        (Kind::Service, service("a")),
        (
            Kind::Service,
            json!({ "metadata": { "namespace": "apps", "name": "odd" }, "spec": { "ports": "none" } }),
        ),
    ])
    .await;
    sleep(Duration::ZERO).await;
    let compiled = bench.outputs.compiled.borrow().clone().unwrap();
    let invalid: Vec<String> = compiled
        .compilation
        .findings
        .iter()
        .filter(|finding| finding.code == Code::InvalidSpec)
        .map(|finding| finding.object.to_string())
        .collect();
    assert_eq!(invalid, ["Service apps/odd", "TraefikService apps/broken"]);
    let config = &compiled.compilation.config;
    assert!(config.nodes.keys().any(|id| id.as_str() == "ts/apps/good"));
}
