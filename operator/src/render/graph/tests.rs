use std::io;

use serde_json::{Value, json};

use super::*;
use crate::compile::view::testing::{
    endpoints, ingress_route, mirroring, services, three_levels, view_of, weighted,
};

fn written(write: impl Fn(&mut dyn io::Write, &View) -> io::Result<()>, objects: &[Value]) -> String {
    let mut out = Vec::new();
    write(&mut out, &view_of(objects)).unwrap();
    String::from_utf8(out).unwrap()
}

/// A cycle, a missing Service, one without endpoints, and a rule with everything that must be escaped.
fn troubled() -> Vec<Value> {
    let mut objects = services(&["svc1", "svc2"]);
    objects.extend([
        endpoints("svc1", &["10.0.0.1"]),
        ingress_route(
            "web",
            &[(
                "Host(\"a.b\") &&\n PathRegexp(`^/(?P<x>#amp&lt\\d;style:)$`)",
                "ts:top",
            )],
        ),
        weighted("top", &[("svc1", 1), ("svc2", 1), ("svc9", 1), ("ts:a", 1)]),
        mirroring("a", "ts:b", &[("svc2", 20)]),
        weighted("b", &[("ts:a", 1)]),
    ]);
    objects
}

#[test]
fn mermaid_draws_three_levels() {
    insta::assert_snapshot!(written(mermaid::write, &three_levels()), @r#"
    flowchart LR
      n0(["apps/web<br/>Host(`example.com`) && PathPrefix(`/foo`)"])
      n1("apps/svc1:80<br/>Service, http")
      n2("apps/svc2:80<br/>Service, http")
      n3("apps/svc3:80<br/>Service, http")
      n4[["apps/mirror1<br/>TraefikService, mirroring"]]
      n5["apps/svc3<br/>TraefikService"]
      n6["apps/wrr1<br/>TraefikService"]
      n7["apps/wrr2<br/>TraefikService"]
      n0 --> n6
      n4 -->|"main<br/>33.3 % of apps/web"| n1
      n4 -.->|"20 % copies<br/>6.67 % of apps/web as copies"| n2
      n4 -.->|"15 % copies<br/>5 % of apps/web as copies"| n5
      n5 -->|"1 of 1 · 100 %<br/>5 % of apps/web as copies"| n3
      n6 -->|"1 of 3 · 33.3 %"| n1
      n6 -->|"1 of 3 · 33.3 %"| n7
      n6 -->|"1 of 3 · 33.3 %"| n4
      n7 -->|"1 of 2 · 50 %<br/>16.7 % of apps/web"| n2
      n7 -->|"1 of 2 · 50 %<br/>16.7 % of apps/web"| n3
    "#);
}

#[test]
fn mermaid_shows_trouble() {
    insta::assert_snapshot!(written(mermaid::write, &troubled()), @r#"
    flowchart LR
      n0(["apps/web<br/>Host(#quot;a.b#quot;) && PathRegexp(`^/(?P#lt;x#gt;#35;amp#amp;lt\d;#115;tyle:)$`)"])
      n1("apps/svc1:80<br/>Service, http, 1 endpoint")
      n2("apps/svc2:80<br/>Service, http<br/>no endpoints")
      n3("apps/svc9:80<br/>Service<br/>missing: BackendNotFound")
      n4[["apps/a<br/>TraefikService, mirroring<br/>refused: CycleDetected"]]
      n5["apps/b<br/>TraefikService<br/>refused: CycleDetected"]
      n6["apps/top<br/>TraefikService"]
      n0 --> n6
      n4 -->|"cycle"| n5
      n4 -.->|"20 % copies"| n2
      n5 -->|"cycle"| n4
      n6 -->|"1 of 1 · 100 %"| n1
      n6 -->|"weight 1, passed over"| n2
      n6 -->|"weight 1, passed over"| n3
      n6 -->|"weight 1, passed over"| n4
      classDef problem stroke:#c00,stroke-dasharray:5 5
      class n2,n3,n4,n5 problem
      linkStyle 1,3 stroke:#c00,color:#c00
    "#);
}

#[test]
fn dot_draws_three_levels() {
    insta::assert_snapshot!(written(dot::write, &three_levels()), @r#"
    digraph weir {
      rankdir=LR;
      node [shape=box, fontname="sans-serif"];
      edge [fontname="sans-serif", fontsize=10];
      "ir/apps/web/76f78beeda6e3d06c2b7" [label="apps/web\nHost(`example.com`) &amp;&amp; PathPrefix(`/foo`)", shape=ellipse];
      "svc/apps/svc1:80" [label="apps/svc1:80\nService, http", style=rounded];
      "svc/apps/svc2:80" [label="apps/svc2:80\nService, http", style=rounded];
      "svc/apps/svc3:80" [label="apps/svc3:80\nService, http", style=rounded];
      "ts/apps/mirror1" [label="apps/mirror1\nTraefikService, mirroring", peripheries=2];
      "ts/apps/svc3" [label="apps/svc3\nTraefikService"];
      "ts/apps/wrr1" [label="apps/wrr1\nTraefikService"];
      "ts/apps/wrr2" [label="apps/wrr2\nTraefikService"];
      "ir/apps/web/76f78beeda6e3d06c2b7" -> "ts/apps/wrr1" [label=""];
      "ts/apps/mirror1" -> "svc/apps/svc1:80" [label="main\n33.3 % of apps/web"];
      "ts/apps/mirror1" -> "svc/apps/svc2:80" [label="20 % copies\n6.67 % of apps/web as copies", style=dashed];
      "ts/apps/mirror1" -> "ts/apps/svc3" [label="15 % copies\n5 % of apps/web as copies", style=dashed];
      "ts/apps/svc3" -> "svc/apps/svc3:80" [label="1 of 1 · 100 %\n5 % of apps/web as copies"];
      "ts/apps/wrr1" -> "svc/apps/svc1:80" [label="1 of 3 · 33.3 %"];
      "ts/apps/wrr1" -> "ts/apps/wrr2" [label="1 of 3 · 33.3 %"];
      "ts/apps/wrr1" -> "ts/apps/mirror1" [label="1 of 3 · 33.3 %"];
      "ts/apps/wrr2" -> "svc/apps/svc2:80" [label="1 of 2 · 50 %\n16.7 % of apps/web"];
      "ts/apps/wrr2" -> "svc/apps/svc3:80" [label="1 of 2 · 50 %\n16.7 % of apps/web"];
    }
    "#);
}

#[test]
fn dot_shows_trouble() {
    insta::assert_snapshot!(written(dot::write, &troubled()), @r#"
    digraph weir {
      rankdir=LR;
      node [shape=box, fontname="sans-serif"];
      edge [fontname="sans-serif", fontsize=10];
      "ir/apps/web/52c8b26f04356d670b67" [label="apps/web\nHost(\"a.b\") &amp;&amp; PathRegexp(`^/(?P<x>#amp&amp;lt\\d;style:)$`)", shape=ellipse];
      "svc/apps/svc1:80" [label="apps/svc1:80\nService, http, 1 endpoint", style=rounded];
      "svc/apps/svc2:80" [label="apps/svc2:80\nService, http\nno endpoints", style="rounded,dashed", color=red3];
      "svc/apps/svc9:80" [label="apps/svc9:80\nService\nmissing: BackendNotFound", style="rounded,dashed", color=red3];
      "ts/apps/a" [label="apps/a\nTraefikService, mirroring\nrefused: CycleDetected", peripheries=2, style=dashed, color=red3];
      "ts/apps/b" [label="apps/b\nTraefikService\nrefused: CycleDetected", style=dashed, color=red3];
      "ts/apps/top" [label="apps/top\nTraefikService"];
      "ir/apps/web/52c8b26f04356d670b67" -> "ts/apps/top" [label=""];
      "ts/apps/a" -> "ts/apps/b" [label="cycle", color=red3, fontcolor=red3];
      "ts/apps/a" -> "svc/apps/svc2:80" [label="20 % copies", style=dashed];
      "ts/apps/b" -> "ts/apps/a" [label="cycle", color=red3, fontcolor=red3];
      "ts/apps/top" -> "svc/apps/svc1:80" [label="1 of 1 · 100 %"];
      "ts/apps/top" -> "svc/apps/svc2:80" [label="weight 1, passed over"];
      "ts/apps/top" -> "svc/apps/svc9:80" [label="weight 1, passed over"];
      "ts/apps/top" -> "ts/apps/a" [label="weight 1, passed over"];
    }
    "#);
}

#[test]
fn json_holds_all_of_it() {
    let mut objects = services(&["svc1"]);
    objects.extend([
        ingress_route("web", &[("Path(`/`)", "ts:top")]),
        mirroring("top", "svc1", &[("svc9", 20)]),
    ]);
    // one node or edge a line
    let text = written(json::write, &objects);
    let words: Vec<&str> = text.split_whitespace().collect();
    let lines = words
        .join(" ")
        .replace("}, { \"id\"", "},\n{ \"id\"")
        .replace(" { \"from\"", "\n{ \"from\"");
    insta::assert_snapshot!(lines, @r#"
    { "nodes": [ { "id": "ir/apps/web/ea3e18f6ac2df301c2eb", "kind": "Route", "namespace": "apps", "name": "web", "position": 0, "rule": "Path(`/`)", "state": "Served", "problems": [] },
    { "id": "svc/apps/svc1:80", "kind": "Service", "namespace": "apps", "name": "svc1", "port": 80, "mode": "endpoints", "scheme": "http", "state": "Served", "problems": [] },
    { "id": "svc/apps/svc9:80", "kind": "Service", "namespace": "apps", "name": "svc9", "port": 80, "mode": "endpoints", "state": "Missing", "problems": [ { "code": "WEIR0020", "reason": "BackendNotFound", "message": "Service apps/svc9 does not exist" } ] },
    { "id": "ts/apps/top", "kind": "TraefikService", "namespace": "apps", "name": "top", "mirroring": true, "state": "Served", "problems": [] } ], "edges": [
    { "from": "ir/apps/web/ea3e18f6ac2df301c2eb", "to": "ts/apps/top", "role": "Route", "cycle": false, "skipped": false, "share": 1.0, "effective": [ { "root": "ir/apps/web/ea3e18f6ac2df301c2eb", "requests": 1.0, "copies": 0.0 } ], "problems": [] },
    { "from": "ts/apps/top", "to": "svc/apps/svc1:80", "role": "Main", "cycle": false, "skipped": false, "share": 1.0, "effective": [ { "root": "ir/apps/web/ea3e18f6ac2df301c2eb", "requests": 1.0, "copies": 0.0 } ], "problems": [] },
    { "from": "ts/apps/top", "to": "svc/apps/svc9:80", "role": "Mirror", "percent": 20, "cycle": false, "skipped": true, "share": 0.0, "effective": [ { "root": "ir/apps/web/ea3e18f6ac2df301c2eb", "requests": 0.0, "copies": 0.0 } ], "problems": [] } ], "roots": [ "ir/apps/web/ea3e18f6ac2df301c2eb" ] }
    "#);
}

#[test]
fn json_rounds_what_additions_leave() {
    let mut objects = services(&["svc1"]);
    objects.push(weighted(
        "wrr",
        &[("svc1", 1), ("svc1", 1), ("svc1", 1), ("svc1", 1_000_000)],
    ));
    let document: Value = serde_json::from_str(&written(json::write, &objects)).unwrap();
    assert_eq!(document["edges"][0]["share"], json!(9.999_970_000_09e-7));
}

#[test]
fn edges_of_few_roots_name_them_and_of_many_do_not() {
    let mut objects = services(&["svc1", "svc2"]);
    objects.push(weighted("wrr", &[("svc1", 1)]));
    let label = |objects: &[Value]| {
        let view = view_of(objects);
        let edge = view.edges.last().unwrap();
        assert_eq!(view.nodes[edge.from].id, "ts/apps/wrr");
        edge_lines(&view, edge)[1..].join("|")
    };
    for (name, weight) in [("a", 1), ("b", 3), ("c", 0)] {
        objects.push(weighted(name, &[("ts:wrr", 1), ("svc2", weight)]));
    }
    assert_eq!(label(&objects), "50 % of apps/a|25 % of apps/b|100 % of apps/c");
    objects.push(mirroring("d", "svc2", &[("ts:wrr", 10)]));
    assert_eq!(
        label(&objects),
        "0 % to 100 % of 4 roots each, and 0 % to 10 % as copies"
    );
    objects.truncate(3);
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
        objects.push(weighted(name, &[("ts:wrr", 1), ("svc2", 1)]));
    }
    assert_eq!(label(&objects), "50 % of each root");
}

#[test]
fn percents_keep_what_tells_them_from_none_and_all() {
    let shown = [
        (0.0, "0 %"),
        (1.0 / 3.0, "33.3 %"),
        (0.5, "50 %"),
        (1.0 / 18.0, "5.56 %"),
        (1.0 / 1_000_001.0, "0.0001 %"),
        (1_000_000.0 / 1_000_001.0, "99.9999 %"),
        (1.0 / 2_147_483_648.0, "0.0000000466 %"),
        (1e-14, "under 0.000000001 %"),
        (0.1 + 0.2 + 0.7, "100 %"),
        (1.2, "120 %"),
    ];
    for (part, text) in shown {
        assert_eq!(percent(part), text, "{part}");
    }
}

#[test]
fn long_rules_are_cut() {
    let rule = format!("Path(`/{}`)", "ä".repeat(500));
    assert_eq!(shortened(&rule).chars().count(), RULE_SHOWN + 1);
    assert_eq!(shortened("A(`a`)\n  && B(`b`)"), "A(`a`) && B(`b`)");
}
