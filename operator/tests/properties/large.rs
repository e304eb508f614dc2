//! Graphs far larger than anybody's: no stack overflow, no panic, a time that grows with the input.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_model::document::Config;
use weir_operator::compile::{
    Compilation, Options, Snapshot, compile,
    finding::{Code, Finding},
};

fn service(name: &str, services: &[Value]) -> Value {
    json!({ "apiVersion": "traefik.io/v1alpha1", "kind": "TraefikService",
        "metadata": { "namespace": "apps", "name": name }, "spec": { "weighted": { "services": services } } })
}

fn reference(name: &str) -> Value {
    json!({ "name": name, "kind": "TraefikService" })
}

fn node(i: usize) -> String {
    format!("n{i}")
}

/// Compiles objects and prints how long that took; the bound is for the test profile on a slow machine.
fn measured(what: &str, objects: impl Iterator<Item = Value>) -> Compilation {
    let mut snapshot = Snapshot::default();
    for object in objects {
        snapshot.insert(&object);
    }
    let start = Instant::now();
    let compilation = compile(&snapshot, &Options::default(), &Config::default());
    let took = start.elapsed();
    eprintln!("{what}: {took:?}");
    assert!(took < Duration::from_mins(1), "{what}: {took:?}");
    assert_eq!(compilation.violations, []);
    compilation
}

fn count(findings: &[Finding], code: Code) -> usize {
    findings.iter().filter(|finding| finding.code == code).count()
}

const NODES: usize = 100_000;

#[test]
fn a_ring() {
    let ring = (0..NODES).map(|i| service(&node(i), &[reference(&node((i + 1) % NODES))]));
    let compilation = measured("ring of 100,000", ring);
    assert_eq!(count(&compilation.findings, Code::CycleDetected), NODES);
    assert!(compilation.config.nodes.is_empty());
    assert!(
        compilation
            .findings
            .iter()
            .all(|finding| finding.message.len() < 400)
    );
}

#[test]
fn a_chain() {
    let chain = (0..NODES).map(|i| service(&node(i), &[reference(&node(i + 1))]));
    let compilation = measured("chain of 100,000", chain);
    assert_eq!(count(&compilation.findings, Code::GraphTooLarge), NODES - 64);
}

#[test]
fn a_chain_that_is_allowed() {
    let chain = (0..10_000).map(|i| service(&node(i), &[reference(&node(i + 1))]));
    let mut snapshot = Snapshot::default();
    chain.for_each(|object| {
        snapshot.insert(&object);
    });
    let options = Options {
        max_depth: 20_000,
        max_nodes: 20_000,
        ..Options::default()
    };
    let start = Instant::now();
    let compilation = compile(&snapshot, &options, &Config::default());
    eprintln!("chain of 10,000, all served: {:?}", start.elapsed());
    assert_eq!(compilation.config.nodes.len(), 10_001);
    assert_eq!(compilation.violations, []);
}

#[test]
fn a_star() {
    let spokes: Vec<Value> = (1..NODES).map(|i| reference(&node(i))).collect();
    let star = (0..NODES).map(|i| {
        if i == 0 {
            service(&node(0), &spokes)
        } else {
            service(&node(i), &[])
        }
    });
    let compilation = measured("star of 100,000", star);
    assert_eq!(count(&compilation.findings, Code::GraphTooLarge), 1);
}

/// Layers in which everything refers to everything in the next one: few objects, and very many ways.
#[test]
fn many_ways() {
    let name = |layer: usize, i: usize| format!("l{layer}-{i}");
    let all = |layer: usize| -> Vec<Value> { (0..60).map(|i| reference(&name(layer, i))).collect() };
    let layers = (0..60).flat_map(|layer| (0..60).map(move |i| (layer, i)));
    let objects = layers.map(|(layer, i)| {
        service(
            &name(layer, i),
            &if layer == 59 { Vec::new() } else { all(layer + 1) },
        )
    });
    let compilation = measured("60 layers of 60", objects);
    assert_eq!(count(&compilation.findings, Code::GraphTooLarge), 0);
}

#[test]
fn missing_references() {
    let missing = |i: usize| json!({ "name": format!("gone{i}"), "port": 80 });
    let objects = (0..10_000).map(|i| {
        service(
            &node(i),
            &[missing(i), missing(i + 1), reference(&format!("nope{i}"))],
        )
    });
    let compilation = measured("10,000 objects with 3 missing references each", objects);
    assert_eq!(count(&compilation.findings, Code::BackendNotFound), 30_000);
}

/// What a large installation has. Prints what takes how long; the numbers mean something in release only.
#[test]
#[ignore = "a measurement"]
fn ten_thousand_services() {
    const SERVICES: usize = 10_000;
    let mut snapshot = Snapshot::default();
    let leaf = |i: usize| json!({ "name": format!("svc{}", i % SERVICES), "port": 80, "weight": 1 + i % 3 });
    let addresses: Vec<Value> = (0..10)
        .map(|i| json!({ "addresses": [format!("10.0.{i}.1")] }))
        .collect();
    let start = Instant::now();
    for i in 0..SERVICES {
        let metadata = json!({ "namespace": "apps", "name": format!("svc{i}") });
        let ports = json!([{ "name": "http", "port": 80 }]);
        snapshot.insert(&service(&node(i), &[leaf(i), leaf(i + 1), leaf(i + 2)]));
        snapshot.insert(&json!({ "apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": { "ports": ports } }));
        snapshot.insert(&json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": { "namespace": "apps", "name": format!("svc{i}-1"), "labels": { "kubernetes.io/service-name": format!("svc{i}") } },
            "ports": ports, "endpoints": addresses }));
        snapshot.insert(&json!({ "apiVersion": "traefik.io/v1alpha1", "kind": "IngressRoute",
            "metadata": { "namespace": "apps", "name": format!("r{i}") },
            "spec": { "routes": [{ "match": format!("Host(`h{i}.example.com`)"), "services": [reference(&node(i))] }] } }));
    }
    eprintln!("objects into the snapshot: {:?}", start.elapsed());
    let mut previous = Config::default();
    for what in ["first compile", "compile without a change", "and again"] {
        let start = Instant::now();
        let compilation = compile(&snapshot, &Options::default(), &previous);
        eprintln!("{what}: {:?}", start.elapsed());
        previous = Config::clone(&compilation.config);
        if what == "and again" {
            assert_eq!(compilation.findings, []);
            let start = Instant::now();
            let config = weir_model::document::text::write(&*compilation.config)
                .unwrap()
                .0
                .len();
            eprintln!("config.json of {config} bytes: {:?}", start.elapsed());
            let start = Instant::now();
            let endpoints = weir_model::document::text::write(&*compilation.endpoints)
                .unwrap()
                .0
                .len();
            eprintln!("endpoints.json of {endpoints} bytes: {:?}", start.elapsed());
        }
    }
}
