//! Configs that this version did not write.

use kube::runtime::watcher::Event;
use serde_json::{Value, json};
use weir_model::document::text::Digest;

use super::bench::{Bench, CONFIG};
use crate::{cluster::testing::log::Logged, publish::ObjectKind};

fn failure(bench: &Bench) -> String {
    let state = bench.outputs.state.borrow();
    state.published.failure.clone().unwrap_or_default()
}

fn config(text: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "weir-config", "namespace": "edge" },
        "data": { "config.json": text },
    })
}

fn of_another_version() -> Value {
    let body = r#"{"schema":99,"more":{}}"#;
    let digest = Digest::of(body.as_bytes());
    config(&format!("{{\"digest\":\"{digest}\",\"document\":\n{body}\n}}\n"))
}

#[tokio::test]
async fn what_another_version_wrote_stays_until_it_is_deleted() {
    let logged = Logged::start("info");
    let mut bench = Bench::start_on(Some(of_another_version())).await;
    assert!(bench.publisher.round().await.is_some(), "it looks again");
    assert_eq!(*bench.outputs.previous.borrow(), None);
    assert_eq!(bench.api.writes(), [""; 0]);
    let why = bench.outputs.blocked.borrow().clone().unwrap();
    for part in [
        "schema 99",
        "run that version",
        "delete ConfigMap edge/weir-config",
    ] {
        assert!(why.contains(part), "{why}");
    }
    assert_eq!(failure(&bench), why);
    assert_eq!(logged.lines("nothing is published").len(), 1);

    let deleted = bench.api.state().delete(CONFIG).unwrap();
    bench
        .publisher
        .observe(ObjectKind::ConfigMap, Event::Delete(deleted));
    assert_eq!(*bench.outputs.blocked.borrow(), None);
    bench.compile(1);
    assert_eq!(bench.publisher.round().await, None);
    assert_eq!(failure(&bench), "");
    assert!(bench.api.state().get(CONFIG).is_some());
}

#[tokio::test]
async fn what_a_newer_leader_writes_while_this_one_runs_stays_too() {
    let mut bench = Bench::start().await;
    bench.compile(1);
    assert_eq!(bench.publisher.round().await, None);
    bench.api.writes();
    let mut newer = bench.api.state().get(CONFIG).cloned().unwrap();
    newer["data"] = of_another_version()["data"].clone();
    let newer = bench.api.state().put(CONFIG, newer);
    bench
        .publisher
        .observe(ObjectKind::ConfigMap, Event::Apply(newer));
    bench.compile(2);
    assert!(bench.publisher.round().await.is_some());
    assert_eq!(bench.api.writes(), [""; 0]);
    assert!(failure(&bench).contains("schema 99"), "{}", failure(&bench));
    // so that whoever edited something is told that it is not published
    let state = bench.outputs.state.borrow();
    let planned = state.planned.as_ref().unwrap();
    assert_eq!(
        (planned.compilation.config.revision, state.published.revision),
        (2, 1)
    );
}

#[tokio::test]
async fn what_somebody_broke_is_written_anew() {
    let logged = Logged::start("info");
    let mut bench = Bench::start_on(Some(config("{}"))).await;
    assert_eq!(*bench.outputs.blocked.borrow(), None);
    assert_eq!(logged.lines("written anew").len(), 1);
    bench.compile(1);
    assert_eq!(bench.publisher.round().await, None);
    let stored = bench.api.state().get(CONFIG).cloned().unwrap();
    assert_ne!(stored["data"]["config.json"], "{}");
}
