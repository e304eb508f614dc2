use serde_json::json;

use super::*;

/// Each deviation of a TraefikService with this `spec`, as path, message and help.
fn told(spec: &Value) -> Vec<(String, String, String)> {
    told_of(ResourceKind::TraefikService, &json!({ "spec": spec }))
}

fn told_of(kind: ResourceKind, object: &Value) -> Vec<(String, String, String)> {
    let tell = |deviation: Deviation| {
        (
            deviation.path.to_string(),
            deviation.to_string(),
            deviation.help().unwrap_or_default(),
        )
    };
    deviations(kind, object).into_iter().map(tell).collect()
}

#[track_caller]
fn assert_told(spec: &Value, expected: &[(&str, &str, &str)]) {
    let told = told(spec);
    let told: Vec<_> = told
        .iter()
        .map(|(path, what, help)| (path.as_str(), what.as_str(), help.as_str()))
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn a_good_object_has_no_deviations() {
    let object = json!({
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "TraefikService",
        "metadata": { "name": "wrr1", "labels": { "a": "b" } },
        "spec": { "weighted": {
            "services": [
                { "name": "svc1", "port": 80, "weight": 1, "kind": "Service", "sticky": { "cookie": {} } },
                { "name": "svc2", "port": "web", "healthCheck": {
                    "interval": 10, "timeout": "5s", "headers": { "X-A.b": "c" }, "followRedirect": true,
                } },
            ],
            "sticky": null,
        } },
        "status": { "anything": [] },
    });
    assert_eq!(told_of(ResourceKind::TraefikService, &object), []);
}

#[test]
fn all_deviations_are_told_at_once_in_the_order_of_their_paths() {
    assert_told(
        &json!({ "weighted": { "services": [
            { "name": "a", "port": 80, "wieght": 3 },
            { "port": true },
            { "name": "c", "kind": "traefikservice", "weight": "1" },
            null,
        ] } }),
        &[
            (
                "spec.weighted.services[0].wieght",
                "unknown field `wieght`",
                "did you mean `weight`?",
            ),
            ("spec.weighted.services[1]", "missing field `name`", ""),
            (
                "spec.weighted.services[1].port",
                "expected an integer or a string, found the boolean true",
                "",
            ),
            (
                "spec.weighted.services[2].kind",
                "`kind` is the string \"traefikservice\", but must be `Service` or `TraefikService`",
                "did you mean `TraefikService`?",
            ),
            (
                "spec.weighted.services[2].weight",
                "expected an integer, found the string \"1\"",
                "remove the quotes: `1`",
            ),
            ("spec.weighted.services[3]", "expected an object, found null", ""),
        ],
    );
}

#[test]
fn a_field_that_slipped_out_of_its_object_is_recognised() {
    assert_told(
        &json!({ "weighted": { "sticky": { "cookie": null, "name": "lvl1" } } }),
        &[(
            "spec.weighted.sticky.name",
            "unknown field `name`",
            "`name` is a field of `cookie`; indent it",
        )],
    );
    assert_told(
        &json!({ "weighted": { "services": [], "port": 80 } }),
        &[(
            "spec.weighted.port",
            "unknown field `port`",
            "`port` is a field of `services`; indent it",
        )],
    );
    assert_told(
        &json!({ "services": [] }),
        &[(
            "spec.services",
            "unknown field `services`",
            "`services` is a field of `highestRandomWeight` or `weighted`; indent it",
        )],
    );
    assert_told(
        &json!({ "weighted": null, "services": [] }),
        &[(
            "spec.services",
            "unknown field `services`",
            "`services` is a field of `weighted`; indent it",
        )],
    );
}

#[test]
fn a_field_that_slipped_into_a_neighbour_is_recognised() {
    assert_told(
        &json!({ "weighted": { "services": [{ "name": "a", "sticky": { "cookie": {}, "weight": 1 } }] } }),
        &[(
            "spec.weighted.services[0].sticky.weight",
            "unknown field `weight`",
            "`weight` belongs one level up, next to `sticky`",
        )],
    );
    assert_told(
        &json!({ "mirroring": { "name": "a", "mirrors": [{ "name": "b", "mirrorBody": false }] } }),
        &[(
            "spec.mirroring.mirrors[0].mirrorBody",
            "unknown field `mirrorBody`",
            "`mirrorBody` belongs one level up, next to `mirrors`",
        )],
    );
}

#[test]
fn an_unknown_field_without_likeness_gets_no_hint() {
    assert_told(
        &json!({ "weighted": { "colour": "red" } }),
        &[("spec.weighted.colour", "unknown field `colour`", "")],
    );
}

#[test]
fn a_wrong_type_says_how_to_mend_it() {
    assert_told(
        &json!({ "weighted": { "services": { "name": "a", "responseForwarding": { "flushInterval": 100 } } } }),
        &[(
            "spec.weighted.services",
            "expected a list, found an object",
            "make it an item of a list: put `- ` before it",
        )],
    );
    assert_told(
        &json!({ "mirroring": [{ "name": "a" }] }),
        &[(
            "spec.mirroring",
            "expected an object, found a list",
            "it is not a list here: remove the `- `",
        )],
    );
    assert_told(
        &json!({ "mirroring": {
            "name": "a",
            "mirrorBody": "false",
            "maxBodySize": 1.5,
            "responseForwarding": { "flushInterval": 100 },
        } }),
        &[
            (
                "spec.mirroring.maxBodySize",
                "expected an integer, found the number 1.5",
                "",
            ),
            (
                "spec.mirroring.mirrorBody",
                "expected a boolean, found the string \"false\"",
                "remove the quotes: `false`",
            ),
            (
                "spec.mirroring.responseForwarding.flushInterval",
                "expected a string, found the number 100",
                "put it in quotes: `\"100\"`",
            ),
        ],
    );
}

#[test]
fn a_number_beyond_64_bits_is_no_integer() {
    assert_told(
        &json!({ "mirroring": { "name": "a", "maxBodySize": u64::MAX } }),
        &[(
            "spec.mirroring.maxBodySize",
            "expected an integer, found the number 18446744073709551615",
            "",
        )],
    );
}

#[test]
fn a_field_in_two_spellings_is_told() {
    assert_told(
        &json!({ "mirroring": { "name": "a", "healthCheck": { "followRedirect": true, "followRedirects": false } } }),
        &[(
            "spec.mirroring.healthCheck.followRedirect",
            "`followRedirect` is another spelling of `followRedirects`",
            "keep only `followRedirects`",
        )],
    );
}

#[test]
fn null_is_no_value_for_a_required_field() {
    assert_told(
        &json!({ "failover": { "service": null, "fallback": { "name": "b" } } }),
        &[
            ("spec.failover", "missing field `service`", ""),
            ("spec.failover", "missing field `errors`", ""),
        ],
    );
    let told = told_of(ResourceKind::IngressRoute, &json!({ "spec": null }));
    assert_eq!(
        told,
        [(String::new(), "missing field `spec`".to_owned(), String::new())]
    );
}

#[test]
fn what_is_not_an_object_is_told() {
    for object in [Value::Null, json!([]), json!("text"), json!(1)] {
        let found = deviations(ResourceKind::ServersTransport, &object);
        assert!(
            matches!(
                found[..],
                [Deviation {
                    kind: DeviationKind::WrongType { .. },
                    ..
                }]
            ),
            "{found:?}"
        );
    }
}

#[test]
fn a_field_beside_spec_is_told() {
    let object = json!({ "routes": [], "spec": { "routes": [] } });
    let told = told_of(ResourceKind::IngressRoute, &object);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "routes");
    assert_eq!(told[0].2, "`routes` is a field of `spec`; indent it");
}

#[test]
fn the_walk_ends_in_a_flood_of_deviations() {
    let flood: Vec<_> = (0..MAX_DEVIATIONS + 10).map(|number| json!(number)).collect();
    let object = json!({ "spec": { "certificatesSecrets": flood } });
    assert_eq!(
        deviations(ResourceKind::ServersTransport, &object).len(),
        MAX_DEVIATIONS
    );
}

#[test]
fn a_deeply_nested_unknown_value_is_not_entered() {
    let mut deep = json!(0);
    for _ in 0..100 {
        deep = json!({ "services": [deep] });
    }
    assert_told(
        &json!({ "weighted": { "services": [{ "name": "a", "x": deep }] } }),
        &[("spec.weighted.services[0].x", "unknown field `x`", "")],
    );
}

#[test]
fn long_texts_are_shortened() {
    let told = told(&json!({ "weighted": "é".repeat(10_000), "f".repeat(10_000): 1 }));
    assert!(
        told.iter().all(|(_, what, help)| what.len() + help.len() < 300),
        "{told:?}"
    );
    assert_eq!(told.len(), 2);
}
