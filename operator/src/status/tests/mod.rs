//! From objects to what stands in their status.

mod events;
mod ingress_route;
mod merging;
mod programmed;

use serde_json::{Value, json};
use weir_model::document::Config;

use super::{
    desired, merge,
    testing::{condition, made, object, progress, route, service, shown, traefik_service, weighted},
};
use crate::compile::finding::{Kind, ObjectId};

const NOW: &str = "2026-02-01T00:00:00Z";

fn status(objects: &[Value], object: &ObjectId) -> Value {
    let status = made(objects, &Config::default()).status(object, &progress(1, &[1, 1, 1]));
    merge(None, &status, NOW).unwrap()
}

#[test]
fn a_good_traefik_service_has_all_four_conditions_and_its_details() {
    let objects = [
        service("svc1"),
        weighted("a", 3, &["svc1"]),
        route("web", 1, &["Host(`a.test`)"], "a"),
    ];
    let status = status(&objects, &traefik_service("a"));
    let kinds: Vec<&str> = status["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["Accepted", "ResolvedRefs", "Programmed", "Ready"]);
    for condition in status["conditions"].as_array().unwrap() {
        assert_eq!(
            (
                &condition["status"],
                &condition["observedGeneration"],
                &condition["lastTransitionTime"]
            ),
            (&json!("True"), &json!(3), &json!(NOW))
        );
    }
    assert_eq!(
        condition(&status, "Programmed").unwrap()["message"],
        "3 of 3 proxies run revision 1"
    );
    let details = (
        &status["kind"],
        &status["leaves"],
        &status["usedBy"],
        &status["observedGeneration"],
    );
    assert_eq!(details, (&json!("Weighted"), &json!(1), &json!(1), &json!(3)));
}

#[test]
fn all_members_of_a_cycle_name_it_and_are_not_ready() {
    let objects = [weighted("a", 1, &["ts:b"]), weighted("b", 1, &["ts:a"])];
    for (name, path) in [
        ("a", "apps/a -> apps/b -> apps/a"),
        ("b", "apps/b -> apps/a -> apps/b"),
    ] {
        let status = status(&objects, &traefik_service(name));
        assert_eq!(shown(&status, "Accepted"), "False CycleDetected");
        assert_eq!(shown(&status, "Ready"), "False CycleDetected");
        assert_eq!(shown(&status, "Programmed"), "False NotAccepted");
        let message = condition(&status, "Accepted").unwrap()["message"]
            .as_str()
            .unwrap();
        assert!(
            message.starts_with("spec.weighted.services[0].name: "),
            "{message}"
        );
        assert!(message.contains(path) && message.contains("; effect: ") && message.contains("; help: "));
        // what is written, since nothing is served
        assert_eq!(status["kind"], "Weighted");
    }
}

#[test]
fn a_missing_service_is_resolved_refs_alone() {
    let objects = [service("svc1"), weighted("a", 1, &["svc1", "svc9"])];
    let status = status(&objects, &traefik_service("a"));
    assert_eq!(shown(&status, "Accepted"), "True Accepted");
    assert_eq!(shown(&status, "ResolvedRefs"), "False BackendNotFound");
    assert_eq!(shown(&status, "Programmed"), "True Programmed");
    assert_eq!(shown(&status, "Ready"), "False BackendNotFound");
}

#[test]
fn warnings_are_conditions_of_their_own_while_true() {
    let lonely = [service("svc1"), weighted("a", 1, &["svc1"])];
    assert_eq!(
        shown(&status(&lonely, &traefik_service("a")), "Orphaned"),
        "True Orphaned"
    );
    let used = [
        service("svc1"),
        weighted("a", 1, &["svc1"]),
        route("web", 1, &["Host(`a.test`)"], "a"),
    ];
    assert_eq!(shown(&status(&used, &traefik_service("a")), "Orphaned"), "absent");
    let none = [weighted("a", 1, &[])];
    let status = status(&none, &traefik_service("a"));
    assert_eq!(shown(&status, "NoUsableWeight"), "True NoUsableWeight");
    assert_eq!(shown(&status, "Ready"), "True Ready");
}

#[test]
fn several_problems_are_listed_and_the_lowest_number_is_the_reason() {
    let spec = json!({ "mirroring": { "name": "a@file", "port": 80, "mirrors": [
        { "name": "svc1", "port": 80, "percent": 150 },
        { "name": "svc1", "port": 80, "percent": -1 },
    ] } });
    let status = status(
        &[service("svc1"), object("TraefikService", "m", 1, &spec)],
        &traefik_service("m"),
    );
    assert_eq!(shown(&status, "Accepted"), "False InvalidName");
    let message = condition(&status, "Accepted").unwrap()["message"]
        .as_str()
        .unwrap();
    assert_eq!(message.lines().count(), 3, "{message}");
    assert!(message.contains("spec.mirroring.mirrors[1].percent: "));
}

#[test]
fn a_servers_transport_is_accepted_or_not_and_says_nothing_of_proxies() {
    let good = object("ServersTransport", "tls", 1, &json!({ "serverName": "a.test" }));
    let bad = object(
        "ServersTransport",
        "bad",
        1,
        &json!({ "maxIdleConnsPerHost": "x" }),
    );
    let made = made(&[good, bad], &Config::default());
    let all = desired(&made.compilation, &made.snapshot, &progress(1, &[1]));
    let status = |name: &str| {
        let (_, desired) = all
            .iter()
            .find(|(id, _)| id.kind == Kind::ServersTransport && id.name.name == name)
            .unwrap();
        merge(None, desired, NOW).unwrap()
    };
    assert_eq!(shown(&status("tls"), "Ready"), "True Ready");
    assert_eq!(shown(&status("tls"), "Programmed"), "absent");
    assert_eq!(shown(&status("bad"), "Accepted"), "False InvalidSpec");
}
