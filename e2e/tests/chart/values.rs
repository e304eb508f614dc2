//! The values: each has a default and is explained, and everything else is refused.

use std::fs;

use serde_json::{Map, Value, json};
use weir_e2e::cluster::kubectl::Kubectl;

use crate::chart::{Chart, refusal, render, values};

fn schema() -> Value {
    serde_json::from_str(&fs::read_to_string(Kubectl::file("charts/weir/values.schema.json")).unwrap())
        .unwrap()
}

/// A schema without its `$ref`.
fn resolved<'a>(schema: &'a Value, whole: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => whole.pointer(&reference[1..]).unwrap(),
        None => schema,
    }
}

/// Values with the key `typo` in every object that has fields, and the pointers of these objects.
fn typos(schema: &Value, whole: &Value, at: &str, pointers: &mut Vec<String>) -> Value {
    let schema = resolved(schema, whole);
    if schema["items"].is_object() {
        return json!([typos(&schema["items"], whole, &format!("{at}/0"), pointers)]);
    }
    let Some(fields) = schema["properties"].as_object() else {
        return Value::Null;
    };
    pointers.push(at.to_owned());
    let inner = fields.iter().map(|(name, field)| {
        (
            name.clone(),
            typos(field, whole, &format!("{at}/{name}"), pointers),
        )
    });
    let mut object: Map<String, Value> = inner
        .filter(|(_, value)| value.is_object() || value[0].is_object())
        .collect();
    object.insert("typo".to_owned(), true.into());
    object.into()
}

#[test]
#[ignore = "needs helm: make e2e"]
fn a_typo_is_refused_wherever_it_is() {
    let schema = schema();
    let mut pointers = Vec::new();
    let wrong = typos(&schema, &schema, "", &mut pointers);
    let said = refusal(&wrong);
    let missed = pointers
        .iter()
        .filter(|at| !said.contains(&format!("at '{at}': additional properties 'typo' not allowed")));
    assert_eq!(missed.collect::<Vec<_>>(), Vec::<&String>::new(), "{said}");
    println!("{} objects", pointers.len());
    assert!(pointers.len() > 80);
}

#[test]
#[ignore = "needs helm: make e2e"]
fn every_value_of_the_schema_has_a_default() {
    let schema = schema();
    let mut missing = Vec::new();
    without_default(&schema, &schema, &values(), "", &mut missing);
    assert_eq!(missing, Vec::<String>::new());
}

fn without_default(schema: &Value, whole: &Value, default: &Value, at: &str, missing: &mut Vec<String>) {
    let fields = resolved(schema, whole)["properties"].as_object();
    // what belongs to Kubernetes is passed on as it is
    for (name, field) in fields
        .into_iter()
        .flatten()
        .filter(|_| default != &json!({}) && !at.ends_with("/resources"))
    {
        let at = format!("{at}/{name}");
        match default.get(name) {
            Some(default) => without_default(field, whole, default, &at, missing),
            None => missing.push(at),
        }
    }
}

#[test]
#[ignore = "needs helm: make e2e"]
fn every_value_is_explained() {
    let text = fs::read_to_string(Kubectl::file("charts/weir/values.yaml")).unwrap();
    let mut unexplained = Vec::new();
    // of the keys above the present line: how far they are indented, and whether they or one above them has a comment
    let mut above: Vec<(usize, bool)> = Vec::new();
    let mut comment = false;
    for line in text.lines() {
        let content = line.trim_start();
        let indentation = line.len() - content.len();
        let key = content
            .split_once(':')
            .filter(|(key, _)| key.chars().all(char::is_alphanumeric));
        if let Some((key, value)) = key {
            above.retain(|(outer, _)| *outer < indentation);
            let explained = comment || above.iter().any(|(_, explained)| *explained);
            if !explained && !value.trim().is_empty() {
                unexplained.push(key);
            }
            above.push((indentation, explained));
        }
        comment = content.starts_with('#');
    }
    assert_eq!(unexplained, Vec::<&str>::new());
}

#[test]
#[ignore = "needs helm: make e2e"]
fn what_the_schema_cannot_say_is_refused_with_its_reason() {
    let entry_points =
        |second: Value| json!({"entryPoints": [{"name": "web", "port": 8000, "exposedPort": 80}, second]});
    let cases = [
        (
            entry_points(json!({"name": "web", "port": 8001})),
            "the name entry point web is taken by entry point web",
        ),
        (
            entry_points(json!({"name": "admin", "port": 8001})),
            "the name entry point admin is taken by the admin port",
        ),
        (
            entry_points(json!({"name": "b", "port": 8000})),
            "entry point b has the port of entry point web",
        ),
        (
            entry_points(json!({"name": "b", "port": 9000})),
            "entry point b has the port of the admin port",
        ),
        (
            entry_points(json!({"name": "b", "port": 8001, "exposedPort": 80})),
            "entry point b has the exposedPort of entry point web",
        ),
        (
            entry_points(
                json!({"name": "b", "port": 8001, "http": {"redirections": {"entryPoint": {"to": "c"}}}}),
            ),
            "entry point b redirects to c, which does not exist",
        ),
        (
            entry_points(
                json!({"name": "b", "port": 8001, "http": {"redirections": {"entryPoint": {"to": "b"}}}}),
            ),
            "entry point b redirects to b, which serves nothing but a redirect itself",
        ),
        (
            entry_points(json!({"name": "b", "port": 8001, "proxyProtocol": {"trustedIPs": ["localhost"]}})),
            "does not match pattern",
        ),
        (
            entry_points(json!({"name": "b", "port": 80})),
            "minimum: got 80, want 1,024",
        ),
        (
            json!({"proxy": {"kind": "DaemonSet", "autoscaling": {"enabled": true}}}),
            "a DaemonSet has a pod on each node",
        ),
        (
            json!({"proxy": {"resources": null, "autoscaling": {"enabled": true}}}),
            "proxy.resources.requests.cpu is missing",
        ),
        (
            json!({"proxy": {"autoscaling": {"minReplicas": 11}}}),
            "minReplicas is above maxReplicas",
        ),
        (
            json!({"metrics": {"buckets": [0.5, 0.25]}}),
            "metrics.buckets: 0.25 does not ascend",
        ),
    ];
    for (values, expected) in cases {
        let said = refusal(&values);
        assert!(said.contains(expected), "{expected:?} is not in {said}");
    }
    let dotted = Chart {
        name: "a.b".to_owned(),
        ..Chart::with(json!({}))
    };
    assert!(
        dotted
            .render()
            .unwrap_err()
            .contains("the release's name \"a.b\" has a dot")
    );
}

#[test]
#[ignore = "needs helm: make e2e"]
fn the_chart_has_the_version_of_the_programs() {
    let version = env!("CARGO_PKG_VERSION");
    let objects = render(json!({}));
    let image = &objects.pods("operator")["spec"]["containers"][0]["image"];
    assert_eq!(image, &format!("weir-operator:{version}"));
    let elsewhere = json!({
        "image": {"registry": "registry.example.com/team/", "tag": "1.2.3"},
        "proxy": {"image": {"digest": format!("sha256:{}", "0".repeat(64))}},
    });
    let objects = render(elsewhere);
    let image = |component| {
        objects.pods(component)["spec"]["containers"][0]["image"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(image("operator"), "registry.example.com/team/weir-operator:1.2.3");
    assert_eq!(
        image("proxy"),
        format!("registry.example.com/team/weir-proxy@sha256:{}", "0".repeat(64))
    );
}

#[test]
#[ignore = "needs helm: make e2e"]
fn helm_lint_finds_nothing() {
    let on = json!({"enabled": true});
    let everything = json!({
        "metrics": {"podMonitor": on, "prometheusRule": on, "dashboard": on},
        "networkPolicy": on, "proxy": {"autoscaling": on}, "admission": {"mode": "Deny"},
    });
    for values in [json!({}), everything] {
        let said = Chart::with(values)
            .helm(&["lint", "--strict", "CHART"], None)
            .unwrap();
        assert!(
            said.contains("0 chart(s) failed") && !said.contains("[WARNING]"),
            "{said}"
        );
    }
}
