//! What the operator publishes is what the proxies mount and what its Role names.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use weir_model::document::Config;
use weir_operator::{
    compile::{Options, Snapshot, compile},
    publish::{Settings, plan},
};

use crate::chart::render;

/// `ConfigMap weir-config` and so on.
fn published(endpoint_shards: u32, secret_shards: u32) -> BTreeSet<String> {
    let (snapshot, previous) = (Snapshot::default(), Config::default());
    let mut compilation = compile(&snapshot, &Options::default(), &previous);
    let settings = Settings {
        endpoint_shards,
        secret_shards,
        ..Settings::new("weir-system", "weir")
    };
    let plan = plan(&mut compilation, &previous, &snapshot, &settings)
        .unwrap()
        .unwrap();
    plan.objects
        .iter()
        .map(|object| format!("{} {}", object.kind.as_str(), object.name))
        .collect()
}

#[test]
#[ignore = "needs helm: make e2e"]
fn the_proxies_mount_all_that_is_published_and_nothing_else() {
    for (endpoints, secrets) in [(1, 1), (2, 1), (1, 3), (32, 32)] {
        let objects = render(json!({"delivery": {"endpointShards": endpoints, "secretShards": secrets}}));
        let volume = &objects.pods("proxy")["spec"]["volumes"][0]["projected"];
        // readable for the pod's group, and missing ones keep no proxy from starting
        assert_eq!(volume["defaultMode"], 0o440);
        let sources = volume["sources"].as_array().unwrap().iter();
        let mounted = sources.map(|source| {
            let (kind, source) = source.as_object().unwrap().iter().next().unwrap();
            assert_eq!(source["optional"], true);
            let kind = if kind == "secret" { "Secret" } else { "ConfigMap" };
            format!("{kind} {}", source["name"].as_str().unwrap())
        });
        assert_eq!(mounted.collect::<BTreeSet<_>>(), published(endpoints, secrets));
        let arguments = objects.arguments("operator");
        for flag in [
            format!("--endpoint-shards={endpoints}"),
            format!("--secret-shards={secrets}"),
        ] {
            assert!(arguments.contains(&flag), "{arguments:?}");
        }
    }
}

#[test]
#[ignore = "needs helm: make e2e"]
fn the_role_names_what_may_ever_be_published() {
    let objects = render(json!({}));
    let rules = objects.get("Role", "weir-operator")["rules"].as_array().unwrap();
    let mut named = BTreeSet::new();
    for rule in rules
        .iter()
        .filter(|rule| contains(&rule["verbs"], "patch") && rule["resourceNames"].is_array())
    {
        let kind = if contains(&rule["resources"], "secrets") {
            "Secret"
        } else {
            "ConfigMap"
        };
        let names = rule["resourceNames"].as_array().unwrap().iter();
        named.extend(names.map(|name| format!("{kind} {}", name.as_str().unwrap())));
    }
    let ever: BTreeSet<_> = (1..=32).flat_map(|shards| published(shards, shards)).collect();
    assert_eq!(named, ever);
}

#[test]
#[ignore = "needs helm: make e2e"]
fn the_operator_takes_no_object_of_the_chart_for_one_of_its_own() {
    let labels = Settings::new("weir-system", "weir").labels();
    for object in render(json!({"metrics": {"dashboard": {"enabled": true}}})).of("ConfigMap") {
        let theirs = &object["metadata"]["labels"];
        assert!(
            labels.iter().any(|(key, value)| theirs[key] != value.as_str()),
            "{object}"
        );
    }
}

fn contains(list: &Value, item: &str) -> bool {
    list.as_array().unwrap().iter().any(|found| found == item)
}
