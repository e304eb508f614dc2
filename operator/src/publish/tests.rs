//! From compilations to stored objects and back.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use weir_model::document::{
    Config, Endpoints, NodeId, NodeSpec,
    text::{read, write},
    validate::{Violation, absent_sets, validate},
};

use super::*;
use crate::{
    compile::{Options, compile, finding::Code},
    status::testing::{ingress_route, made, object, route, service, traefik_service, weighted},
};

fn settings() -> Settings {
    Settings::new("edge", "weir")
}

fn planned(objects: &[Value], settings: &Settings) -> (Compilation, Plan) {
    let made = made(objects, &Config::default());
    let mut compilation = made.compilation;
    let plan = plan(&mut compilation, &Config::default(), &made.snapshot, settings)
        .unwrap()
        .unwrap();
    (compilation, plan)
}

fn small() -> [Value; 3] {
    [
        service("svc1"),
        weighted("a", 1, &["svc1"]),
        route("web", 1, &["Host(`a.test`)"], "a"),
    ]
}

/// More than 256 KiB as text.
fn large() -> Vec<Value> {
    let services = (0..600).map(|i| weighted(&format!("ts{i:03}"), 1, &["svc1"]));
    std::iter::once(service("svc1")).chain(services).collect()
}

fn stored(plan: &Plan) -> Vec<Value> {
    plan.objects.iter().map(|object| object.value.clone()).collect()
}

#[test]
fn what_the_config_needs_comes_before_it() {
    let (compilation, plan) = planned(&small(), &settings());
    let names: Vec<_> = plan
        .objects
        .iter()
        .map(|o| (o.kind.as_str(), o.name.as_str()))
        .collect();
    assert_eq!(
        names,
        [
            ("Secret", "weir-secrets"),
            ("ConfigMap", "weir-endpoints"),
            ("ConfigMap", "weir-config")
        ]
    );
    let (text, digest) = write(&*compilation.config).unwrap();
    let config = &plan.objects[2].value;
    assert_eq!(config["data"], json!({ "config.json": text }));
    assert_eq!(config["metadata"]["namespace"], "edge");
    assert_eq!(
        config["metadata"]["labels"]["app.kubernetes.io/component"],
        "config"
    );
    assert_eq!(config["metadata"]["labels"]["app.kubernetes.io/instance"], "weir");
    assert_eq!((plan.revision, &plan.digests["config"]), (1, &digest.to_string()));
    assert_eq!(plan.objects[0].value["type"], "Opaque");
}

#[test]
fn equal_compilations_give_equal_objects() {
    for objects in [small().to_vec(), large()] {
        assert_eq!(planned(&objects, &settings()).1, planned(&objects, &settings()).1);
    }
}

#[test]
fn nothing_at_all_is_published_as_empty_documents() {
    let (_, plan) = planned(&[], &settings());
    assert_eq!(plan.objects.len(), 3);
    assert_eq!(previous(&stored(&plan)).unwrap(), Config::default());
}

#[test]
fn the_config_is_read_back_plain_and_packed() {
    let (compilation, plain) = planned(&small(), &settings());
    assert_eq!(previous(&stored(&plain)).unwrap(), *compilation.config);
    let (compilation, packed) = planned(&large(), &settings());
    let config = &packed.objects[2].value;
    assert!(config.get("data").is_none() && config["binaryData"]["config.json.gz"].is_string());
    assert_eq!(previous(&stored(&packed)).unwrap(), *compilation.config);
    assert!(packed.held_back.is_empty());
}

#[test]
fn without_a_stored_config_it_starts_empty_and_a_broken_one_is_an_error() {
    assert_eq!(previous(&[]).unwrap(), Config::default());
    for broken in [
        json!({ "data": { "config.json": "{}" } }),
        json!({ "binaryData": { "config.json.gz": "?" } }),
        json!({ "binaryData": { "config.json.gz": BASE64_STANDARD.encode("no gzip") } }),
    ] {
        assert!(previous([&broken]).is_err(), "{broken}");
    }
}

#[test]
fn a_config_that_does_not_hold_is_no_plan() {
    let made = made(&small(), &Config::default());
    let mut compilation = made.compilation;
    compilation.violations = vec![Violation::Cycle(vec![])];
    assert_eq!(
        plan(&mut compilation, &Config::default(), &made.snapshot, &settings()).unwrap(),
        None
    );
}

#[test]
fn shards_hold_everything_together_and_former_ones_are_obsolete() {
    let services = (0..20).map(|i| service(&format!("svc{i}")));
    let names: Vec<String> = (0..20).map(|i| format!("svc{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let objects: Vec<Value> = services.chain([weighted("a", 1, &names)]).collect();
    let spread = Settings {
        endpoint_shards: 3,
        secret_shards: 2,
        ..settings()
    };
    let (compilation, plan) = planned(&objects, &spread);
    let names: Vec<&str> = plan.objects.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "weir-secrets-0",
            "weir-secrets-1",
            "weir-endpoints-0",
            "weir-endpoints-1",
            "weir-endpoints-2",
            "weir-config"
        ]
    );
    let mut together = Endpoints::default();
    for shard in 0..3 {
        let text = plan.objects[2 + shard].value["data"][format!("endpoints-{shard}.json")]
            .as_str()
            .unwrap();
        let (part, digest) = read::<Endpoints>(text).unwrap();
        assert_eq!(plan.digests[&format!("endpoints-{shard}")], digest.to_string());
        together.sets.extend(part.sets);
    }
    assert_eq!(together, *compilation.endpoints);
    let (_, before) = planned(&objects, &settings());
    let obsolete: Vec<bool> = stored(&before)
        .iter()
        .map(|object| plan.is_obsolete(object))
        .collect();
    assert_eq!(obsolete, [true, true, false]);
}

#[test]
fn an_object_is_stored_as_planned_until_somebody_touches_it() {
    let owner = json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": "weir", "uid": "u1" });
    let (_, plan) = planned(
        &small(),
        &Settings {
            owner: Some(owner),
            ..settings()
        },
    );
    let planned = &plan.objects[2];
    let mut stored = planned.value.clone();
    stored["metadata"]["resourceVersion"] = "7".into();
    stored["metadata"]["labels"]["somebody/else"] = "x".into();
    stored["binaryData"] = json!({});
    assert!(planned.is_stored_as(&stored));
    for (pointer, value) in [
        ("/data/config.json", json!("{}")),
        ("/data", json!({})),
        ("/metadata/labels", json!({})),
        ("/metadata/ownerReferences", json!([])),
    ] {
        let mut touched = stored.clone();
        *touched.pointer_mut(pointer).unwrap() = value;
        assert!(!planned.is_stored_as(&touched), "{pointer}");
    }
}

#[test]
fn debug_shows_no_content() {
    let (_, plan) = planned(&small(), &settings());
    let shown = format!("{plan:?}");
    assert!(
        !shown.contains("config.json") && shown.contains("weir-secrets"),
        "{shown}"
    );
}

/// `old` at first, then `a` to `d`, each a day younger, all with a route; `old` refers to `d`.
fn too_large() -> Vec<Value> {
    let mut objects = vec![service("svc1"), weighted("old", 1, &["svc1", "ts:d"])];
    let mirror = json!({ "mirroring": {
        "name": "svc1", "port": 80, "mirrors": [{ "name": "d", "kind": "TraefikService", "percent": 10 }],
    } });
    objects.push(object("TraefikService", "copies", 1, &mirror));
    for (day, name) in ["a", "b", "c", "d"].iter().enumerate() {
        let mut service = weighted(name, 1, &["svc1"; 6]);
        service["metadata"]["creationTimestamp"] = format!("2026-03-0{}T00:00:00Z", day + 1).into();
        objects.push(service);
    }
    objects
        .extend(["old", "copies", "d"].map(|name| route(name, 1, &[&format!("Host(`{name}.test`)")], name)));
    objects
}

/// Room for all but the youngest.
fn tight(objects: &[Value]) -> Settings {
    let all = write(&*made(objects, &Config::default()).compilation.config)
        .unwrap()
        .0
        .len();
    Settings {
        max_bytes: all - 10,
        ..settings()
    }
}

#[test]
fn the_youngest_objects_are_held_back_and_the_rest_holds() {
    let objects = too_large();
    let (compilation, plan) = planned(&objects, &tight(&objects));
    assert_eq!(plan.held_back.keys().collect::<Vec<_>>(), [&traefik_service("d")]);
    assert!(plan.held_back[&traefik_service("d")].contains("fit into a ConfigMap"));
    assert!(plan.objects.last().unwrap().bytes <= tight(&objects).max_bytes + "config.json".len());
    let config = previous(&stored(&plan)).unwrap();
    assert_eq!(config, *compilation.config);
    assert_eq!(validate(&config), Ok(()));
    assert_eq!(absent_sets(&config, &compilation.endpoints).count(), 0);
    let missing: Vec<&str> = config
        .nodes
        .iter()
        .filter(|(_, node)| matches!(node.spec, NodeSpec::Missing(_)))
        .map(|(id, _)| id.as_str())
        .collect();
    let of_route = missing[0];
    assert!(
        of_route.starts_with("ir/apps/d/") && of_route.ends_with(">ts/apps/d"),
        "{of_route}"
    );
    assert_eq!(
        missing[1..],
        ["ts/apps/copies>ts/apps/d", "ts/apps/old>ts/apps/d"]
    );
    assert_eq!(
        compilation.reports.services[&traefik_service("d").name].revision,
        None
    );
    let told = compilation
        .findings
        .iter()
        .filter(|f| f.code == Code::DependencyInvalid)
        .map(|f| f.object.clone());
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            ingress_route("d"),
            traefik_service("copies"),
            traefik_service("old")
        ]
    );
}

#[test]
fn holding_back_again_changes_nothing() {
    let objects = too_large();
    let settings = tight(&objects);
    let (first, first_plan) = planned(&objects, &settings);
    let snapshot = Snapshot::from_objects(&objects);
    let mut again = compile(&snapshot, &Options::default(), &first.config);
    let again_plan = plan(&mut again, &first.config, &snapshot, &settings)
        .unwrap()
        .unwrap();
    assert_eq!(again_plan, first_plan);
    assert_eq!(again.reports, first.reports);
}

#[test]
fn what_was_held_back_comes_when_there_is_room() {
    let objects = too_large();
    let (held, _) = planned(&objects, &tight(&objects));
    let snapshot = Snapshot::from_objects(&objects);
    let mut complete = compile(&snapshot, &Options::default(), &held.config);
    let plan = plan(&mut complete, &held.config, &snapshot, &settings())
        .unwrap()
        .unwrap();
    assert_eq!((plan.held_back.len(), plan.revision), (0, 2));
    assert!(
        complete
            .config
            .nodes
            .contains_key(&NodeId::traefik_service(&traefik_service("d").name))
    );
}

#[test]
fn any_limit_is_kept_with_a_config_that_holds() {
    let objects = too_large();
    let all = write(&*made(&objects, &Config::default()).compilation.config)
        .unwrap()
        .0
        .len();
    for max_bytes in (250..all).step_by(97) {
        let (compilation, plan) = planned(
            &objects,
            &Settings {
                max_bytes,
                ..settings()
            },
        );
        assert_eq!(validate(&compilation.config), Ok(()));
        assert!(
            plan.objects.last().unwrap().bytes <= max_bytes + "config.json".len(),
            "{max_bytes}"
        );
        assert!(!plan.held_back.is_empty());
    }
}

#[test]
fn what_is_too_large_and_cannot_be_held_back_is_named() {
    let (_, mut plan) = planned(&small(), &settings());
    plan.objects[1].bytes = 2 << 20;
    let named: Vec<String> = plan.too_large().collect();
    assert_eq!(
        named,
        [
            "ConfigMap weir-endpoints would have 2.0 MiB, more than the 1.0 MiB that fit: spread it over more shards"
        ]
    );
}
