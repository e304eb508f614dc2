use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::json;
use weir_model::document::Config;

use super::{testing::*, *};

/// A line for each edge: ends, share, and what it gets of the roots.
fn edges(view: &View) -> String {
    let amount = |a: &Amount| match (a.requests, a.copies) {
        (requests, 0.0) => format!("{requests:.4}"),
        (requests, copies) => format!("{requests:.4}+{copies:.4}"),
    };
    let mut text = String::new();
    for edge in &view.edges {
        let title = |i: usize| {
            let node: &Node = &view.nodes[i];
            let kind = node.id.split('/').next().unwrap_or_default();
            format!("{kind}:{}", node.title().replace("apps/", ""))
        };
        let share = edge
            .share
            .map_or_else(|| "?".to_owned(), |share| format!("{share:.4}"));
        let effective = match &edge.effective {
            None => "?".to_owned(),
            Some(Effective::Roots(roots)) => {
                let roots = roots
                    .iter()
                    .map(|(root, a)| format!("{} {}", title(*root), amount(a)));
                roots.collect::<Vec<_>>().join(", ")
            }
            Some(Effective::Bounds { least, most }) => format!("{}..{}", amount(least), amount(most)),
        };
        let cycle = if edge.cycle { " cycle" } else { "" };
        let skipped = if edge.skipped { " skipped" } else { "" };
        writeln!(
            text,
            "{} -> {} {share} [{effective}]{cycle}{skipped}",
            title(edge.from),
            title(edge.to)
        )
        .unwrap();
    }
    text
}

fn node<'a>(view: &'a View, id: &str) -> &'a Node {
    view.nodes.iter().find(|node| node.id == id).unwrap()
}

fn reasons(node: &Node) -> Vec<&'static str> {
    node.problems
        .iter()
        .map(|problem| problem.code.reason())
        .collect()
}

#[test]
fn three_levels_divide_and_copy() {
    let view = view_of(&three_levels());
    insta::assert_snapshot!(edges(&view), @r#"
    ir:web -> ts:wrr1 1.0000 [ir:web 1.0000]
    ts:mirror1 -> svc:svc1:80 1.0000 [ir:web 0.3333]
    ts:mirror1 -> svc:svc2:80 0.2000 [ir:web 0.0000+0.0667]
    ts:mirror1 -> ts:svc3 0.1500 [ir:web 0.0000+0.0500]
    ts:svc3 -> svc:svc3:80 1.0000 [ir:web 0.0000+0.0500]
    ts:wrr1 -> svc:svc1:80 0.3333 [ir:web 0.3333]
    ts:wrr1 -> ts:wrr2 0.3333 [ir:web 0.3333]
    ts:wrr1 -> ts:mirror1 0.3333 [ir:web 0.3333]
    ts:wrr2 -> svc:svc2:80 0.5000 [ir:web 0.1667]
    ts:wrr2 -> svc:svc3:80 0.5000 [ir:web 0.1667]
    "#);
}

#[test]
fn one_object_is_all_there_is_below_it() {
    let view = view_of(&three_levels());
    insta::assert_snapshot!(edges(&view.below("mirror1").unwrap()), @r#"
    ts:mirror1 -> svc:svc1:80 1.0000 [ts:mirror1 1.0000]
    ts:mirror1 -> svc:svc2:80 0.2000 [ts:mirror1 0.0000+0.2000]
    ts:mirror1 -> ts:svc3 0.1500 [ts:mirror1 0.0000+0.1500]
    ts:svc3 -> svc:svc3:80 1.0000 [ts:mirror1 0.0000+0.1500]
    "#);
}

#[test]
fn a_cycle_is_marked_and_gets_nothing() {
    let mut objects = services(&["svc1", "svc2"]);
    objects.extend([
        ingress_route("web", &[("Path(`/`)", "ts:top")]),
        weighted("top", &[("svc1", 1), ("ts:a", 1)]),
        weighted("a", &[("svc2", 1), ("ts:b", 1)]),
        weighted("b", &[("ts:a", 1)]),
    ]);
    let view = view_of(&objects);
    insta::assert_snapshot!(edges(&view), @r#"
    ir:web -> ts:top 1.0000 [ir:web 1.0000]
    ts:a -> svc:svc2:80 ? [?]
    ts:a -> ts:b ? [?] cycle
    ts:b -> ts:a ? [?] cycle
    ts:top -> svc:svc1:80 1.0000 [ir:web 1.0000]
    ts:top -> ts:a 0.0000 [ir:web 0.0000] skipped
    "#);
    assert_eq!(node(&view, "ts/apps/b").state, State::Refused);
    assert_eq!(reasons(node(&view, "ts/apps/b")), ["CycleDetected"]);
    insta::assert_snapshot!(edges(&view.below("ts/apps/b").unwrap()), @r#"
    ts:a -> svc:svc2:80 ? [?]
    ts:a -> ts:b ? [?] cycle
    ts:b -> ts:a ? [?] cycle
    "#);
}

#[test]
fn siblings_share_what_a_missing_service_cannot_get() {
    let mut objects = services(&["svc1", "svc2"]);
    objects.push(weighted(
        "wrr",
        &[("svc1", 2), ("svc9", 5), ("ts:nothing", 5), ("svc2", 1)],
    ));
    let view = view_of(&objects);
    insta::assert_snapshot!(edges(&view), @r#"
    ts:wrr -> svc:svc1:80 0.6667 [ts:wrr 0.6667]
    ts:wrr -> svc:svc9:80 0.0000 [ts:wrr 0.0000] skipped
    ts:wrr -> ts:nothing 0.0000 [ts:wrr 0.0000] skipped
    ts:wrr -> svc:svc2:80 0.3333 [ts:wrr 0.3333]
    "#);
    let missing = node(&view, "svc/apps/svc9:80");
    assert_eq!(
        (missing.state, reasons(missing)),
        (State::Missing, vec!["BackendNotFound"])
    );
    assert_eq!(node(&view, "ts/apps/nothing").state, State::Missing);
}

#[test]
fn services_without_endpoints_are_passed_over_where_endpoints_are_known() {
    let mut objects = services(&["svc1", "svc2"]);
    objects.extend([
        weighted("wrr", &[("ts:inner", 1), ("svc2", 1)]),
        weighted("inner", &[("svc1", 1)]),
    ]);
    assert_eq!(node(&view_of(&objects), "svc/apps/svc2:80").endpoints, None);
    objects.push(endpoints("svc2", &["10.0.0.1", "10.0.0.2"]));
    let view = view_of(&objects);
    insta::assert_snapshot!(edges(&view), @r#"
    ts:inner -> svc:svc1:80 0.0000 [?] skipped
    ts:wrr -> ts:inner 0.0000 [ts:wrr 0.0000] skipped
    ts:wrr -> svc:svc2:80 1.0000 [ts:wrr 1.0000]
    "#);
    let states = ["svc/apps/svc1:80", "svc/apps/svc2:80"].map(|id| {
        let node = node(&view, id);
        (node.state, node.endpoints)
    });
    assert_eq!(states, [(State::NoEndpoints, Some(0)), (State::Served, Some(2))]);
}

#[test]
fn a_shared_node_is_there_once_and_gets_the_sum() {
    let mut objects = services(&["svc1", "svc2"]);
    objects.extend([
        weighted("top", &[("ts:left", 1), ("ts:right", 3)]),
        weighted("left", &[("ts:shared", 1)]),
        mirroring("right", "ts:shared", &[("ts:shared", 10)]),
        weighted("shared", &[("svc1", 1), ("svc2", 1)]),
    ]);
    let view = view_of(&objects);
    insta::assert_snapshot!(edges(&view), @r#"
    ts:left -> ts:shared 1.0000 [ts:top 0.2500]
    ts:right -> ts:shared 1.0000 [ts:top 0.7500]
    ts:right -> ts:shared 0.1000 [ts:top 0.0000+0.0750]
    ts:shared -> svc:svc1:80 0.5000 [ts:top 0.5000+0.0375]
    ts:shared -> svc:svc2:80 0.5000 [ts:top 0.5000+0.0375]
    ts:top -> ts:left 0.2500 [ts:top 0.2500]
    ts:top -> ts:right 0.7500 [ts:top 0.7500]
    "#);
    assert_eq!(view.nodes.len(), 6);
}

#[test]
fn mirrors_below_mirrors_copy_copies() {
    let mut objects = services(&["svc1", "svc2", "svc3"]);
    objects.extend([
        mirroring("outer", "svc1", &[("ts:inner", 50)]),
        mirroring("inner", "svc2", &[("svc3", 10)]),
    ]);
    insta::assert_snapshot!(edges(&view_of(&objects)), @r#"
    ts:inner -> svc:svc2:80 1.0000 [ts:outer 0.0000+0.5000]
    ts:inner -> svc:svc3:80 0.1000 [ts:outer 0.0000+0.0500]
    ts:outer -> svc:svc1:80 1.0000 [ts:outer 1.0000]
    ts:outer -> ts:inner 0.5000 [ts:outer 0.0000+0.5000]
    "#);
}

#[test]
fn several_roots_are_told_apart() {
    let mut objects = services(&["svc1", "svc2"]);
    objects.extend([
        ingress_route("web", &[("Path(`/a`)", "ts:wrr"), ("Path(`/b`)", "svc1")]),
        weighted("wrr", &[("svc1", 1), ("svc2", 1)]),
        weighted("orphan", &[("ts:wrr", 1), ("svc2", 3)]),
    ]);
    insta::assert_snapshot!(edges(&view_of(&objects)), @r#"
    ir:web[0] -> ts:wrr 1.0000 [ir:web[0] 1.0000]
    ir:web[1] -> svc:svc1:80 1.0000 [ir:web[1] 1.0000]
    ts:orphan -> ts:wrr 0.2500 [ts:orphan 0.2500]
    ts:orphan -> svc:svc2:80 0.7500 [ts:orphan 0.7500]
    ts:wrr -> svc:svc1:80 0.5000 [ir:web[0] 0.5000, ts:orphan 0.1250]
    ts:wrr -> svc:svc2:80 0.5000 [ir:web[0] 0.5000, ts:orphan 0.1250]
    "#);
    let web = view_of(&objects).below("web").unwrap();
    assert_eq!(web.roots.len(), 2);
    assert!(web.nodes.iter().all(|node| node.name.name != "orphan"));
}

#[test]
fn many_roots_become_bounds_that_stay_exact_below() {
    let mut objects = services(&["svc1", "svc2", "svc3"]);
    objects.extend([
        weighted("shared", &[("ts:left", 1), ("ts:right", 3)]),
        weighted("left", &[("ts:end", 1)]),
        weighted("right", &[("ts:end", 1)]),
        weighted("end", &[("svc2", 1)]),
    ]);
    for i in 0..9 {
        let name = format!("r{i}");
        objects.push(weighted(&name, &[("svc3", i), ("ts:shared", 1)]));
    }
    let view = view_of(&objects);
    let text = edges(&view);
    assert!(
        text.contains("ts:r1 -> ts:shared 0.5000 [ts:r1 0.5000]"),
        "{text}"
    );
    assert!(
        text.contains("ts:shared -> ts:right 0.7500 [0.0833..0.7500]"),
        "{text}"
    );
    // not twice as much, though it comes from both sides
    assert!(
        text.contains("ts:end -> svc:svc2:80 1.0000 [0.1111..1.0000]"),
        "{text}"
    );
}

#[test]
fn what_is_refused_is_shown_and_keeps_what_was_accepted() {
    let mut objects = services(&["svc1", "svc2"]);
    objects.push(weighted("wrr", &[("svc1", 1), ("svc2", 1)]));
    objects.push(weighted("top", &[("ts:wrr", 1), ("svc1", 1)]));
    let (_, before) = view_after(&objects, &Config::default());

    objects[2]["spec"]["weighted"]["services"][0]["weight"] = json!(-1);
    objects[2]["metadata"]["generation"] = json!(2);
    let (view, _) = view_after(&objects, &before.config);
    assert_eq!(node(&view, "ts/apps/wrr").state, State::LastGood(1));
    assert_eq!(reasons(node(&view, "ts/apps/wrr")), ["InvalidWeight"]);
    // what is written cannot be read, so this is what is served
    insta::assert_snapshot!(edges(&view), @r#"
    ts:top -> ts:wrr 0.5000 [ts:top 0.5000]
    ts:top -> svc:svc1:80 0.5000 [ts:top 0.5000]
    ts:wrr -> svc:svc1:80 ? [?]
    ts:wrr -> svc:svc2:80 ? [?]
    "#);

    objects[2]["spec"] = weighted("wrr", &[("svc2", 1), ("ts:top", 1)])["spec"].take();
    let (view, _) = view_after(&objects, &before.config);
    insta::assert_snapshot!(edges(&view), @r#"
    ts:top -> ts:wrr ? [?] cycle
    ts:top -> svc:svc1:80 ? [?]
    ts:wrr -> svc:svc2:80 ? [?]
    ts:wrr -> ts:top ? [?] cycle
    "#);

    let view = view_of(&objects);
    assert_eq!(node(&view, "ts/apps/wrr").state, State::Refused);
}

#[test]
fn routes_say_why_they_are_refused() {
    let mut objects = services(&["svc1"]);
    objects.push(ingress_route(
        "web",
        &[("Path(`/a`)", "svc1"), ("Pth(`/b`)", "svc1")],
    ));
    objects.push(ingress_route("closed", &[("Path(`/c`)", "svc1")]));
    objects[2]["spec"]["routes"][0]["middlewares"] = json!([{ "name": "auth" }]);
    let view = view_of(&objects);
    let states: Vec<_> = view
        .nodes
        .iter()
        .map(|n| (n.title(), n.state, reasons(n)))
        .collect();
    let of = |title: &str| {
        let (_, state, reasons) = states.iter().find(|(t, ..)| t == title).unwrap();
        (*state, reasons.clone())
    };
    assert_eq!(of("apps/closed"), (State::Refused, vec!["UnsupportedFeature"]));
    assert_eq!(of("apps/web[0]"), (State::Served, vec![]));
    assert_eq!(of("apps/web[1]"), (State::Refused, vec!["InvalidRule"]));
}

#[test]
fn references_into_other_namespaces_are_passed_over_and_say_so() {
    let mut objects = services(&["svc1"]);
    objects.push(weighted("wrr", &[("svc1", 1), ("ts:other", 1)]));
    objects[1]["spec"]["weighted"]["services"][1]["namespace"] = json!("elsewhere");
    let mut other = weighted("other", &[("ts:wrr", 1)]);
    other["metadata"]["namespace"] = json!("elsewhere");
    other["spec"]["weighted"]["services"][0]["namespace"] = json!("apps");
    objects.push(other);
    let view = view_of(&objects);
    insta::assert_snapshot!(edges(&view), @r#"
    ts:wrr -> svc:svc1:80 1.0000 [?]
    ts:wrr -> ts:elsewhere/other 0.0000 [?] skipped
    ts:elsewhere/other -> ts:wrr 0.0000 [?] skipped
    "#);
    assert_eq!(view.edges[1].problems[0].code, Code::RefNotPermitted);
    assert!(view.edges[1].problems.len() == 1);
    assert!(view.below("wrr").is_ok());
}

#[test]
fn a_name_is_found_or_the_error_says_what_was_meant() {
    let mut objects = three_levels();
    objects.push(weighted("web", &[("svc1", 1)]));
    let mut elsewhere = weighted("wrr2", &[]);
    elsewhere["metadata"]["namespace"] = json!("shop");
    objects.push(elsewhere);
    let view = view_of(&objects);
    let error = |name: &str| view.below(name).unwrap_err().to_string();

    assert_eq!(view.below("apps/wrr1").unwrap(), view.below("wrr1").unwrap());
    assert_eq!(view.below("shop/wrr2").unwrap().nodes.len(), 1);
    assert_eq!(
        error("wrr2"),
        r#""wrr2" could be several objects: write ts/apps/wrr2 or ts/shop/wrr2"#
    );
    assert_eq!(
        error("apps/web"),
        r#""apps/web" could be several objects: write ir/apps/web or ts/apps/web"#
    );
    assert_eq!(view.below("ir/apps/web").unwrap().roots.len(), 1);
    assert_eq!(
        error("miror1"),
        r#"there is no IngressRoute and no TraefikService "miror1": did you mean "mirror1"?"#
    );
    assert_eq!(
        error("app/mirror1"),
        r#"there is no IngressRoute and no TraefikService "app/mirror1": did you mean "apps/mirror1"?"#
    );
    // a Service is none
    assert_eq!(
        error("svc1"),
        r#"there is no IngressRoute and no TraefikService "svc1": did you mean "svc3"?"#
    );
}

#[test]
fn a_hundred_thousand_nodes_are_walked_without_a_stack() {
    // a ring, and one TraefikService that very many refer to
    let mut objects = services(&["svc1", "svc2"]);
    objects.push(weighted("shared", &[("svc1", 1), ("svc2", 1)]));
    for i in 0..50_000 {
        let next = format!("ts:n{}", (i + 1) % 50_000);
        objects.push(weighted(&format!("n{i}"), &[(&next, 1)]));
        objects.push(weighted(&format!("r{i}"), &[("ts:shared", 1), ("svc1", 1)]));
    }
    let view = view_of(&objects);
    assert_eq!(view.edges.iter().filter(|edge| edge.cycle).count(), 50_000);
    assert_eq!(view.roots.len(), 50_000);
    assert_eq!(view.below("shared").unwrap().nodes.len(), 3);
    assert!(edges(&view).contains("ts:shared -> svc:svc1:80 0.5000 [0.2500..0.2500]"));
}

/// Edge by edge what one root's requests give, path by path.
fn follow_paths(view: &View, node: usize, arriving: Amount, sums: &mut [Amount]) {
    for (i, edge) in view.edges.iter().enumerate().filter(|(_, e)| e.from == node) {
        let share = edge.share.unwrap();
        let passed = match edge.role {
            Role::Mirror(_) => Amount {
                requests: 0.0,
                copies: (arriving.requests + arriving.copies) * share,
            },
            _ => Amount {
                requests: arriving.requests * share,
                copies: arriving.copies * share,
            },
        };
        sums[i].requests += passed.requests;
        sums[i].copies += passed.copies;
        follow_paths(view, edge.to, passed, sums);
    }
}

proptest! {
    #[test]
    fn effective_shares_are_the_sums_over_all_paths(
        shapes in prop::collection::vec((any::<bool>(), prop::collection::vec((0..100_usize, 0..4_i64), 1..4)), 1..20)
    ) {
        let mut objects = services(&["svc0", "svc1"]);
        for (i, (mirrors, references)) in shapes.iter().enumerate() {
            // to later ones or to a Service, so that there is no cycle
            let names: Vec<(String, i64)> = references.iter().map(|(to, number)| {
                let to = i + 1 + to % 6;
                (if to < shapes.len() { format!("ts:n{to}") } else { format!("svc{}", to % 2) }, *number)
            }).collect();
            let named: Vec<(&str, i64)> = names.iter().map(|(name, number)| (name.as_str(), *number)).collect();
            let name = format!("n{i}");
            objects.push(if *mirrors {
                mirroring(&name, named[0].0, &named[1..])
            } else {
                weighted(&name, &named)
            });
        }
        let view = view_of(&objects);
        let mut by_root = Vec::new();
        for root in &view.roots {
            let mut sums = vec![Amount::default(); view.edges.len()];
            follow_paths(&view, *root, Amount { requests: 1.0, copies: 0.0 }, &mut sums);
            by_root.push((*root, sums));
        }
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        for (i, edge) in view.edges.iter().enumerate() {
            match &edge.effective {
                Some(Effective::Roots(roots)) => for (root, amount) in roots {
                    let sums = by_root.iter().find(|(r, _)| r == root).unwrap().1[i];
                    prop_assert!(near(amount.requests, sums.requests) && near(amount.copies, sums.copies));
                },
                Some(Effective::Bounds { least, most }) => {
                    let some = by_root.iter().map(|(_, sums)| sums[i]).filter(|s| s.requests + s.copies > 0.0);
                    for sum in some {
                        prop_assert!(sum.requests >= least.requests - 1e-9 && sum.requests <= most.requests + 1e-9);
                        prop_assert!(sum.copies >= least.copies - 1e-9 && sum.copies <= most.copies + 1e-9);
                    }
                }
                None => prop_assert!(by_root.iter().all(|(_, sums)| near(sums[i].requests + sums[i].copies, 0.0))),
            }
        }
    }
}
