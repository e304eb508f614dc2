use serde_json::{Value, json};
use weir_model::document::Config;

use super::NOW;
use crate::status::{
    Announced, DesiredStatus, EventType, Progress, events, merge,
    testing::{Made, made, object, progress, service, traefik_service, weighted},
};

fn announced(stored: Option<&Value>, desired: &DesiredStatus) -> Vec<(EventType, &'static str)> {
    let events = events(&traefik_service("a"), stored, desired);
    events
        .iter()
        .map(|event| (event.event_type, event.reason))
        .collect()
}

fn desired(made: &Made, progress: &Progress) -> DesiredStatus {
    made.status(&traefik_service("a"), progress)
}

#[test]
fn good_news_come_once_per_generation() {
    let made = made(
        &[service("svc1"), weighted("a", 1, &["svc1"])],
        &Config::default(),
    );
    let waiting = desired(&made, &progress(1, &[0]));
    assert_eq!(announced(None, &waiting), []);
    let stored = merge(None, &waiting, NOW).unwrap();
    let reached = desired(&made, &progress(1, &[1]));
    assert_eq!(
        announced(Some(&stored), &reached),
        [(EventType::Normal, "Programmed")]
    );
    let stored = merge(Some(&stored), &reached, NOW).unwrap();
    assert_eq!(announced(Some(&stored), &reached), []);
    // a restarted proxy is no news either
    assert_eq!(announced(Some(&stored), &waiting), []);
}

/// With two kinds of problems.
fn troubled(generation: i64, uid: &str) -> DesiredStatus {
    let children = json!([{ "name": "svc9", "port": 80, "weight": 0 }]);
    let mut object = object(
        "TraefikService",
        "a",
        generation,
        &json!({ "weighted": { "services": children } }),
    );
    object["metadata"]["uid"] = uid.into();
    desired(&made(&[object], &Config::default()), &progress(1, &[1]))
}

#[test]
fn each_kind_of_problem_is_a_warning_with_the_condition_s_text() {
    let desired = troubled(2, "u1");
    let events = events(&traefik_service("a"), None, &desired);
    let warnings: Vec<_> = events
        .iter()
        .filter(|event| event.event_type == EventType::Warning)
        .collect();
    let reasons: Vec<&str> = warnings.iter().map(|event| event.reason).collect();
    assert_eq!(reasons, ["BackendNotFound", "NoUsableWeight"]);
    let conditions = desired.conditions(None);
    let resolved_refs = conditions
        .iter()
        .find(|condition| condition.kind == "ResolvedRefs")
        .unwrap();
    assert_eq!(warnings[0].message, resolved_refs.message);
    // information is none
    assert!(conditions.iter().any(|condition| condition.kind == "Orphaned"));
}

#[test]
fn a_refusing_proxy_is_a_warning() {
    let made = made(
        &[service("svc1"), weighted("a", 1, &["svc1"])],
        &Config::default(),
    );
    let mut progress = progress(1, &[0]);
    progress.proxies[0].rejection = Some("unknown schema 9".into());
    assert_eq!(
        announced(None, &desired(&made, &progress)),
        [(EventType::Warning, "ProxyRejected")]
    );
}

#[test]
fn names_are_stable_and_differ_by_uid_generation_and_reason() {
    let of = |generation: i64, uid: &str| {
        let events = events(&traefik_service("a"), None, &troubled(generation, uid));
        events.into_iter().map(|event| event.name).collect::<Vec<_>>()
    };
    assert_eq!(of(1, "u1"), of(1, "u1"));
    let mut names: Vec<String> = [of(1, "u1"), of(2, "u1"), of(1, "u2")].concat();
    assert!(
        names
            .iter()
            .all(|name| name.starts_with("a.") && name.len() == 18),
        "{names:?}"
    );
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 9);
}

#[test]
fn what_was_announced_is_not_announced_again_until_it_is_forgotten() {
    let made = made(
        &[service("svc1"), weighted("a", 1, &["svc1"])],
        &Config::default(),
    );
    let event = events(&traefik_service("a"), None, &desired(&made, &progress(1, &[1]))).remove(0);
    let mut announced = Announced::default();
    assert!(announced.note(&event));
    assert!(!announced.note(&event));
    announced.forget(&event);
    assert!(announced.note(&event));
}

#[test]
fn only_so_many_events_are_remembered() {
    let made = made(
        &[service("svc1"), weighted("a", 1, &["svc1"])],
        &Config::default(),
    );
    let event = events(&traefik_service("a"), None, &desired(&made, &progress(1, &[1]))).remove(0);
    let mut announced = Announced::default();
    assert!(announced.note(&event));
    for i in 0..30_000 {
        let mut other = event.clone();
        other.name = format!("a.{i}");
        announced.note(&other);
    }
    assert!(announced.note(&event));
}
