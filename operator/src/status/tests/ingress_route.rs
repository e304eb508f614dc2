use serde_json::json;
use weir_model::document::Config;

use super::{NOW, status};
use crate::status::{
    merge,
    testing::{condition, ingress_route, made, progress, route, service, shown, weighted},
};

#[test]
fn hosts_and_the_state_of_each_route_are_shown() {
    let objects = [
        service("svc1"),
        weighted("a", 1, &["svc1"]),
        route(
            "web",
            1,
            &["Host(`b.test`)", "Host(`a.test`) && PathPrefix(`/x`)"],
            "a",
        ),
    ];
    let status = status(&objects, &ingress_route("web"));
    assert_eq!(shown(&status, "Ready"), "True Ready");
    assert_eq!(status["hosts"], "a.test, b.test");
    assert_eq!(
        status["routes"][0],
        json!({ "match": "Host(`b.test`)", "state": "Served", "reason": "Served", "service": "TraefikService apps/a" })
    );
}

#[test]
fn a_rule_that_never_parsed_is_a_dropped_rule_beside_good_ones() {
    let objects = [
        service("svc1"),
        weighted("a", 1, &["svc1"]),
        route("web", 1, &["Host(`a.test`)", "Host(`b.test`"], "a"),
    ];
    let status = status(&objects, &ingress_route("web"));
    assert_eq!(shown(&status, "Accepted"), "False InvalidRule");
    assert_eq!(shown(&status, "PartiallyInvalid"), "True InvalidRule");
    // the good route is there
    assert_eq!(shown(&status, "Programmed"), "True Programmed");
    assert_eq!(shown(&status, "Ready"), "False InvalidRule");
    let message = condition(&status, "PartiallyInvalid").unwrap()["message"]
        .as_str()
        .unwrap();
    assert!(
        message.starts_with("Dropped Rule: route 2 (Host(`b.test`) is not served"),
        "{message}"
    );
    assert_eq!(
        (&status["routes"][0]["state"], &status["routes"][0]["reason"]),
        (&json!("Served"), &json!("Served"))
    );
    let bad = &status["routes"][1];
    assert_eq!(
        (&bad["state"], &bad["reason"]),
        (&json!("NotServed"), &json!("InvalidRule"))
    );
    assert!(
        bad["message"]
            .as_str()
            .unwrap()
            .starts_with("spec.routes[1].match: ")
    );
}

#[test]
fn a_rule_that_parsed_before_falls_back() {
    let good = [
        service("svc1"),
        weighted("a", 1, &["svc1"]),
        route("web", 4, &["Host(`a.test`)"], "a"),
    ];
    let before = made(&good, &Config::default()).compilation.config;
    let bad = [
        service("svc1"),
        weighted("a", 1, &["svc1"]),
        route("web", 5, &["Host(`a.test`"], "a"),
    ];
    let desired = made(&bad, &before).status(&ingress_route("web"), &progress(1, &[1]));
    let status = merge(None, &desired, NOW).unwrap();
    let expected = "Fall Back: route 1 (Host(`a.test`) is served as generation 4 has it";
    assert_eq!(shown(&status, "Programmed"), "False LastGoodServed");
    assert_eq!(condition(&status, "Programmed").unwrap()["message"], expected);
    assert_eq!(
        condition(&status, "PartiallyInvalid").unwrap()["message"],
        expected
    );
    assert_eq!(status["routes"][0]["state"], "LastGood");
}

#[test]
fn where_nothing_is_served_nothing_is_partial() {
    let status = status(&[route("web", 1, &["Nonsense("], "a")], &ingress_route("web"));
    assert_eq!(shown(&status, "PartiallyInvalid"), "absent");
    assert_eq!(shown(&status, "Programmed"), "False NotAccepted");
    assert_eq!(status.get("hosts"), None);
}

#[test]
fn what_concerns_all_routes_is_each_route_s_reason() {
    let mut web = route("web", 1, &["Host(`a.test`)"], "a");
    web["spec"]["parentRefs"] = json!([{ "name": "parent" }]);
    let status = status(
        &[service("svc1"), weighted("a", 1, &["svc1"]), web],
        &ingress_route("web"),
    );
    let (state, reason) = (&status["routes"][0]["state"], &status["routes"][0]["reason"]);
    assert_eq!(
        (state, reason),
        (&json!("Unavailable"), &json!("UnsupportedFeature"))
    );
}

#[test]
fn many_broken_routes_stay_within_bounds() {
    let rules: Vec<String> = (0..3000)
        .map(|i| format!("Host(`{i}.{}`", "x".repeat(200)))
        .collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let status = status(&[route("web", 1, &rules, "a")], &ingress_route("web"));
    let size = serde_json::to_string(&status).unwrap().len();
    assert!(size < 512 << 10, "{size}");
    assert_eq!(status["routes"].as_array().unwrap().len(), 3000);
}
