use proptest::prelude::*;
use serde_json::{Value, json};
use weir_model::document::Config;

use super::NOW;
use crate::status::{
    DesiredStatus, PROGRAMMED,
    condition::is_ours,
    merge,
    testing::{condition, made, object, progress, route, service, shown, traefik_service, weighted},
    withdraw,
};

const LATER: &str = "2026-02-02T00:00:00Z";

fn good(generation: i64) -> DesiredStatus {
    let objects = [service("svc1"), weighted("a", generation, &["svc1"])];
    made(&objects, &Config::default()).status(&traefik_service("a"), &progress(1, &[1]))
}

fn broken(generation: i64) -> DesiredStatus {
    let objects = [weighted("a", generation, &["ts:a", "b@c"])];
    made(&objects, &Config::default()).status(&traefik_service("a"), &progress(1, &[1]))
}

fn since<'a>(status: &'a Value, kind: &str) -> &'a str {
    condition(status, kind).unwrap()["lastTransitionTime"]
        .as_str()
        .unwrap()
}

#[test]
fn the_time_moves_when_the_status_does_and_not_with_the_message() {
    let first = merge(None, &good(1), NOW).unwrap();
    let next_generation = merge(Some(&first), &good(2), LATER).unwrap();
    assert_eq!(since(&next_generation, "Accepted"), NOW);
    let broken_now = merge(Some(&next_generation), &broken(3), LATER).unwrap();
    assert_eq!(shown(&broken_now, "Accepted"), "False InvalidName");
    assert_eq!(since(&broken_now, "Accepted"), LATER);
    assert_eq!(since(&broken_now, "ResolvedRefs"), NOW);
}

#[test]
fn a_later_generation_s_status_is_not_gone_back_on() {
    let later = merge(None, &good(5), NOW).unwrap();
    assert_eq!(merge(Some(&later), &broken(4), LATER), None);
    // another writer's generation is its own affair
    let foreign = json!({ "conditions": [{ "type": "Synced", "status": "True", "observedGeneration": 9 }] });
    assert!(merge(Some(&foreign), &good(5), LATER).is_some());
}

#[test]
fn what_is_no_longer_true_goes() {
    let lonely = merge(None, &good(1), NOW).unwrap();
    assert_eq!(shown(&lonely, "Orphaned"), "True Orphaned");
    let objects = [
        service("svc1"),
        weighted("a", 1, &["svc1"]),
        route("web", 1, &["Host(`a.test`)"], "a"),
    ];
    let used = made(&objects, &Config::default()).status(&traefik_service("a"), &progress(1, &[1]));
    let used = merge(Some(&lonely), &used, LATER).unwrap();
    assert_eq!(shown(&used, "Orphaned"), "absent");
    let empty = [object("TraefikService", "a", 2, &json!({}))];
    let empty = made(&empty, &Config::default()).status(&traefik_service("a"), &progress(2, &[2]));
    let empty = merge(Some(&used), &empty, LATER).unwrap();
    assert_eq!(shown(&empty, "Accepted"), "False NoServiceType");
    assert_eq!(empty.get("kind"), None);
}

#[test]
fn withdrawing_leaves_what_others_wrote() {
    let foreign = json!({ "conditions": [{ "type": "Synced", "status": "True" }], "phase": "Green" });
    let ours = merge(Some(&foreign), &good(1), NOW).unwrap();
    assert_eq!(withdraw(&ours), Some(foreign.clone()));
    assert_eq!(withdraw(&foreign), None);
    assert_eq!(withdraw(&merge(None, &good(1), NOW).unwrap()), Some(json!({})));
}

/// Conditions as anybody may have stored them: others', ours, some that are no conditions.
fn stored_condition() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(vec![
        "Accepted",
        "ResolvedRefs",
        "Programmed",
        "Ready",
        "Orphaned",
        "StickyGap",
        "Synced",
        "Reconciling",
        "",
    ]);
    let status = prop::sample::select(vec!["True", "False", "Unknown"]);
    let condition = (kind, status, 0..5_i64, any::<bool>()).prop_map(|(kind, status, generation, old)| {
        let since = if old { "2020-01-01T00:00:00Z" } else { NOW };
        json!({
            "type": kind, "status": status, "reason": "Stored", "message": "2 of 2 proxies run revision 1",
            "lastTransitionTime": since, "observedGeneration": generation,
        })
    });
    prop_oneof![8 => condition, 1 => Just(json!("what is this")), 1 => Just(json!({ "kind": 7 }))]
}

fn stored() -> impl Strategy<Value = Option<Value>> {
    let list = prop::collection::vec(stored_condition(), 0..8);
    prop::option::of(list.prop_map(|list| json!({ "conditions": list, "phase": "Green", "leaves": 99 })))
}

fn foreign(status: &Value) -> Vec<&Value> {
    let list = status["conditions"].as_array().unwrap().iter();
    list.filter(|c| !c.get("type").and_then(Value::as_str).is_some_and(is_ours))
        .collect()
}

proptest! {
    #[test]
    fn merging_again_writes_nothing(stored in stored(), is_good: bool, generation in 0..5_i64) {
        let desired = if is_good { good(generation) } else { broken(generation) };
        if let Some(written) = merge(stored.as_ref(), &desired, LATER) {
            prop_assert_eq!(merge(Some(&written), &desired, "2026-02-03T00:00:00Z"), None);
        }
    }

    #[test]
    fn conditions_of_others_stay_as_they_are(stored in stored(), generation in 0..5_i64) {
        if let (Some(stored), Some(written)) = (&stored, merge(stored.as_ref(), &good(generation), LATER)) {
            prop_assert_eq!(foreign(stored), foreign(&written));
            prop_assert_eq!(&written["phase"], "Green");
        }
    }

    #[test]
    fn each_of_ours_is_there_once_with_its_time_kept_or_moved(stored in stored(), generation in 0..5_i64) {
        let desired = good(generation);
        let Some(written) = merge(stored.as_ref(), &desired, LATER) else { return Ok(()) };
        for wanted in desired.conditions(stored.as_ref()) {
            let of_kind = |status: &Value| -> Vec<Value> {
                let list = status["conditions"].as_array().cloned().unwrap_or_default();
                list.into_iter().filter(|c| c.get("type") == Some(&json!(wanted.kind))).collect()
            };
            let [now] = &of_kind(&written)[..] else { panic!("{} is there {written}", wanted.kind) };
            let before = stored.as_ref().map(of_kind).unwrap_or_default();
            let same = before.first().filter(|before| before["status"] == now["status"]);
            let since = same.map_or_else(|| json!(LATER), |before| before["lastTransitionTime"].clone());
            prop_assert_eq!(&now["lastTransitionTime"], &since);
            prop_assert_eq!(&now["observedGeneration"], &json!(generation));
        }
        prop_assert!(desired.conditions(None).iter().any(|c| c.kind == PROGRAMMED));
    }
}
