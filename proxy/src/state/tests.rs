//! Snapshots as a whole: what documents become, and what stays from one to the next.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use http::HeaderMap;
use weir_model::document::{HealthCheck, NodeSpec, RouteTls, Scheme, Secrets, Target};

use super::{
    fixture::{Fixture, node_id, route_id},
    *,
};
use crate::{
    health::fixture::{failed, passed, settings},
    router::RequestView,
};

fn snapshot(fixture: &Fixture, registry: &mut Registry) -> Snapshot {
    let routing = Routing::build(&fixture.config, &[entry_point("web=:80")]).unwrap();
    Snapshot::build(
        &fixture.config,
        Arc::new(routing),
        &fixture.endpoints,
        &Secrets::default(),
        registry,
    )
}

fn entry_point(text: &str) -> weir_model::entry_point::EntryPoint {
    text.parse().unwrap()
}

fn find<'a>(snapshot: &'a Snapshot, entry_point: usize, host: &str) -> Option<&'a Arc<Route>> {
    let headers = HeaderMap::new();
    let request = RequestView::new("GET", host, "/", None, &headers, Ipv4Addr::LOCALHOST.into()).unwrap();
    let (place, route) = snapshot.route(entry_point, &request)?;
    assert!(Arc::ptr_eq(route, &snapshot.routes()[place]));
    assert!(Arc::ptr_eq(route, snapshot.route_of(&route.id)?));
    Some(route)
}

/// The leaves that `requests` requests for host `a` go to, and those that their copies go to.
fn send(snapshot: &Snapshot, requests: u64) -> BTreeMap<String, u64> {
    let route = find(snapshot, 0, "a").unwrap();
    let mut taken = BTreeMap::new();
    for _ in 0..requests {
        let mut open = vec![(route.target.unwrap(), route.counter.next())];
        while let Some((node, n)) = open.pop() {
            let forest = snapshot.forest();
            let pick = forest.pick(node, n, |copy: crate::balance::CopyPick| {
                open.push((forest.target(copy.target).node, copy.n));
            });
            let label = snapshot
                .leaf(pick.unwrap().leaf)
                .label
                .trim_start_matches("apps-")
                .split('-')
                .next()
                .unwrap();
            *taken.entry(label.to_owned()).or_default() += 1;
        }
    }
    taken
}

fn taken<const N: usize>(of: [(&str, u64); N]) -> BTreeMap<String, u64> {
    of.into_iter()
        .map(|(leaf, requests)| (leaf.to_owned(), requests))
        .collect()
}

#[test]
fn children_without_endpoints_are_left_out_at_every_level_and_come_back() {
    let fixture = Fixture::default()
        .leaf("l1", &["10.0.0.1:80"])
        .leaf("l2", &[])
        .leaf("l3", &["10.0.0.3:80"])
        .leaf_without_set("l4")
        .missing("gone")
        .weighted("inner", &[("l2", 1), ("l4", 5)])
        .weighted("middle", &[("inner", 3), ("l3", 1), ("gone", 9)])
        .weighted("outer", &[("l1", 2), ("middle", 2), ("inner", 7)])
        .route("a", "outer");
    let mut registry = Registry::new(0);
    assert_eq!(
        send(&snapshot(&fixture, &mut registry), 8),
        taken([("l1", 4), ("l3", 4)])
    );
    let fixture = fixture.set("l4", &["10.0.0.4:80"], &[]);
    let expected = taken([("l1", 8), ("l3", 2), ("l4", 6 + 28)]);
    assert_eq!(send(&snapshot(&fixture, &mut registry), 44), expected);
}

#[test]
fn a_mirror_is_as_usable_as_its_main_service_and_copies_to_usable_targets_only() {
    let fixture = Fixture::default()
        .leaf("main", &["10.0.0.1:80"])
        .leaf("copies", &["10.0.0.2:80"])
        .leaf("empty", &[])
        .mirror("mirror", "main", &[("empty", 100), ("copies", 10)])
        .mirror("dead", "empty", &[("copies", 100)])
        .weighted("root", &[("mirror", 1), ("dead", 1)])
        .route("a", "root");
    assert_eq!(
        send(&snapshot(&fixture, &mut Registry::new(0)), 25),
        taken([("copies", 3), ("main", 25)])
    );
}

#[test]
fn a_route_with_nothing_usable_has_no_target() {
    let fixture = Fixture::default()
        .leaf("empty", &[])
        .weighted("root", &[("empty", 1)])
        .route("a", "root")
        .route_to("b", Target::Unavailable("UnsupportedFeature".into()));
    let snapshot = snapshot(&fixture, &mut Registry::new(0));
    let route = |host| find(&snapshot, 0, host).unwrap();
    assert_eq!(
        (route("a").target, route("a").unavailable.as_deref()),
        (None, None)
    );
    assert_eq!(
        (route("b").target, route("b").unavailable.as_deref()),
        (None, Some("UnsupportedFeature"))
    );
}

#[test]
fn terminating_endpoints_serve_only_where_none_is_ready() {
    let fixture = Fixture::default().leaf_without_set("leaf").route("a", "leaf");
    let addresses = |ready: &[&str]| {
        let fixture = fixture.clone().set("leaf", ready, &["10.0.0.9:80"]);
        let snapshot = snapshot(&fixture, &mut Registry::new(0));
        snapshot.leaves()[0]
            .endpoints()
            .iter()
            .map(|endpoint| endpoint.address.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(addresses(&["10.0.0.1:80"]), ["10.0.0.1:80"]);
    assert_eq!(addresses(&[]), ["10.0.0.9:80"]);
}

#[test]
fn a_reload_goes_on_with_the_sequence_of_routes_that_it_does_not_touch() {
    let fixture = Fixture::default()
        .leaf("l1", &["10.0.0.1:80"])
        .leaf("l2", &["10.0.0.2:80"])
        .weighted("root", &[("l1", 7), ("l2", 3)])
        .route("a", "root");
    let mut registry = Registry::new(40);
    let mut total = BTreeMap::new();
    let mut before = None;
    for reload in 0..10 {
        let fixture = fixture
            .clone()
            .route("b", "l1")
            .leaf("l3", &[])
            .route(&format!("c{reload}"), "l3");
        let next = snapshot(&fixture, &mut registry);
        for (leaf, requests) in send(&next, 3) {
            *total.entry(leaf).or_default() += requests;
        }
        before = Some(next);
    }
    drop(before);
    assert_eq!(total, taken([("l1", 21), ("l2", 9)]));
}

#[test]
fn endpoints_stay_themselves_while_any_snapshot_has_them() {
    let fixture = Fixture::default()
        .leaf("l1", &["10.0.0.1:80", "10.0.0.2:80"])
        .route("a", "l1");
    let mut registry = Registry::new(0);
    let before = snapshot(&fixture, &mut registry);
    let after = snapshot(
        &fixture.clone().set("l1", &["10.0.0.2:80", "10.0.0.3:80"], &[]),
        &mut registry,
    );
    let [old, new] = [&before, &after].map(|snapshot| snapshot.leaves()[0].endpoints());
    assert!(Arc::ptr_eq(&old[1], &new[0]));
    assert!(old.iter().all(|endpoint| endpoint.id != new[1].id));
}

#[test]
fn one_address_reached_in_two_ways_is_two_endpoints() {
    let mut fixture = Fixture::default()
        .leaf("l1", &["10.0.0.1:80"])
        .leaf("l2", &["10.0.0.1:80"]);
    fixture = fixture
        .weighted("root", &[("l1", 1), ("l2", 1)])
        .route("a", "root");
    let ids = |fixture: &Fixture| {
        let snapshot = snapshot(fixture, &mut Registry::new(0));
        [0, 1].map(|leaf: usize| snapshot.leaves()[leaf].endpoints()[0].id)
    };
    let [one, other] = ids(&fixture);
    assert_eq!(one, other);
    let Some(NodeSpec::Leaf(leaf)) = fixture
        .config
        .nodes
        .get_mut(&node_id("l1"))
        .map(|node| &mut node.spec)
    else {
        panic!("no leaf")
    };
    leaf.scheme = Scheme::Https;
    let [one, other] = ids(&fixture);
    assert_ne!(one, other);
    let snapshot = snapshot(&fixture, &mut Registry::new(0));
    let speak_tls = |leaf: &Arc<Leaf>| leaf.transport.tls.is_some();
    assert_eq!(snapshot.leaves().iter().filter(|leaf| speak_tls(leaf)).count(), 1);
}

#[test]
fn a_thousand_reloads_leave_nothing_behind() {
    let mut registry = Registry::new(0);
    let mut current = None;
    for reload in 0..1_000 {
        let address = format!("10.0.{}.{}:80", reload / 250, reload % 250);
        let fixture = Fixture::default()
            .leaf("l1", &[&address, "10.9.9.9:80"])
            .route("a", "l1")
            .route(&format!("h{reload}"), "l1");
        current = Some(snapshot(&fixture, &mut registry));
        registry.sweep();
    }
    assert_eq!(registry.len(), (2, 2));
    let endpoint = Arc::downgrade(&current.unwrap().leaves()[0].endpoints()[0]);
    registry.sweep();
    assert_eq!((registry.len(), Weak::strong_count(&endpoint)), ((0, 0), 0));
}

#[test]
fn a_leaf_stays_the_same_while_what_it_is_made_of_does() {
    let mut registry = Registry::new(0);
    let fixture = || {
        Fixture::default()
            .leaf("l1", &["10.0.0.1:80", "10.0.0.2:80"])
            .leaf("l2", &["10.0.0.3:80"])
            .route("a", "l1")
            .route("b", "l2")
    };
    let first = snapshot(&fixture(), &mut registry);
    let leaf = |snapshot: &Snapshot| Arc::clone(snapshot.leaf_of(&node_id("l1")).unwrap());
    let other = snapshot(&fixture().leaf("l2", &["10.0.0.4:80"]), &mut registry);
    assert!(Arc::ptr_eq(&leaf(&first), &leaf(&other)));
    let moved = snapshot(&fixture().leaf("l1", &["10.0.0.1:80"]), &mut registry);
    assert_eq!(leaf(&moved).endpoints().len(), 1);
    assert!(Arc::ptr_eq(
        &leaf(&moved).endpoints()[0],
        &leaf(&first).endpoints()[0]
    ));
    let mut fixture = fixture();
    let node = fixture.config.nodes.get_mut(&node_id("l1")).unwrap();
    if let NodeSpec::Leaf(leaf) = &mut node.spec {
        leaf.pass_host_header = false;
    }
    let told = snapshot(&fixture, &mut registry);
    assert!(leaf(&first).pass_host_header && !leaf(&told).pass_host_header);
}

#[test]
fn chains_of_a_hundred_thousand_nodes_need_no_stack() {
    let chain = |link: fn(Fixture, &str, &str) -> Fixture| {
        let mut fixture = Fixture::default().leaf("n0", &["10.0.0.1:80"]);
        for i in 1..=100_000 {
            fixture = link(fixture, &format!("n{i}"), &format!("n{}", i - 1));
        }
        fixture.route("a", "n100000")
    };
    let weighted = |fixture: Fixture, name: &str, below: &str| fixture.weighted(name, &[(below, 1)]);
    let mirrors = |fixture: Fixture, name: &str, below: &str| fixture.mirror(name, below, &[("n0", 1)]);
    let small_stack = thread::Builder::new().stack_size(64 << 10);
    let work = move || {
        for fixture in [chain(weighted), chain(mirrors)] {
            let snapshot = snapshot(&fixture, &mut Registry::new(1));
            let route = find(&snapshot, 0, "a").unwrap();
            let pick = snapshot.forest().pick(
                route.target.unwrap(),
                route.counter.next(),
                |_: crate::balance::CopyPick| {},
            );
            assert_eq!(
                &*snapshot.leaf(pick.unwrap().leaf).label,
                "apps-n0-80@kubernetescrd"
            );
        }
    };
    small_stack.spawn(work).unwrap().join().unwrap();
}

#[test]
fn a_shared_node_is_built_once() {
    let mut fixture = Fixture::default()
        .leaf("n0", &["10.0.0.1:80"])
        .leaf("n1", &["10.0.0.1:80"]);
    // as a tree this would have 2 to the power of 60 leaves
    for i in 2..60 {
        fixture = fixture.weighted(
            &format!("n{i}"),
            &[(&format!("n{}", i - 1), 1), (&format!("n{}", i - 2), 1)],
        );
    }
    let snapshot = snapshot(&fixture.route("a", "n59"), &mut Registry::new(0));
    assert_eq!(snapshot.leaves().len(), 2);
    assert_eq!(send(&snapshot, 100).values().sum::<u64>(), 100);
}

#[test]
fn routes_are_served_where_they_may_be_and_by_precedence() {
    let mut fixture = Fixture::default().leaf("l1", &["10.0.0.1:80"]);
    fixture = fixture
        .route("*", "l1")
        .route("a", "l1")
        .route("tls", "l1")
        .route("elsewhere", "l1");
    let routes = &mut fixture.config.routes;
    for host in ["*", "a", "tls"] {
        routes.get_mut(&route_id(host)).unwrap().entry_points = vec!["secure".into(), "web".into()];
    }
    routes.get_mut(&route_id("elsewhere")).unwrap().entry_points = vec!["metal".into()];
    routes.get_mut(&route_id("tls")).unwrap().tls = Some(RouteTls::default());
    let entry_points = ["web=:80", "secure=:443,tls", "unused=:1"].map(entry_point);
    let hosts = |fixture: &Fixture| {
        let routing = Routing::build(&fixture.config, &entry_points).unwrap();
        assert_eq!(&*routing.unknown_entry_points, ["metal".into()]);
        let snapshot = Snapshot::build(
            &fixture.config,
            Arc::new(routing),
            &fixture.endpoints,
            &Secrets::default(),
            &mut Registry::new(0),
        );
        [(0, "a"), (0, "tls"), (1, "tls"), (1, "a"), (2, "a"), (3, "a")].map(|(entry_point, host)| {
            let label = find(&snapshot, entry_point, host)
                .map(|route| route.label.clone())
                .unwrap_or_default();
            label
                .trim_start_matches("apps-web-")
                .trim_end_matches("@kubernetescrd")
                .to_owned()
        })
    };
    let priority = |priority| {
        let mut fixture = fixture.clone();
        fixture.config.routes.get_mut(&route_id("*")).unwrap().priority = priority;
        hosts(&fixture)
    };
    assert_eq!(priority(-1), ["a", "*", "tls", "a", "", ""]);
    assert_eq!(priority(1), ["*", "*", "*", "*", "", ""]);
}

#[test]
fn readers_see_what_is_published_and_never_take_a_snapshot_apart() {
    let current = Current::new(Snapshot::default());
    let mut generation = current.generation();
    let mut reader = current.reader();
    assert!(find(reader.load(), 0, "a").is_none());
    let fixture = Fixture::default().leaf("l1", &["10.0.0.1:80"]).route("a", "l1");
    current.publish(snapshot(&fixture, &mut Registry::new(0)));
    assert!(generation.has_changed().unwrap());
    assert_eq!(*generation.borrow_and_update(), 1);
    let request = Arc::downgrade(find(reader.load(), 0, "a").unwrap());
    current.publish(Snapshot::default());
    current.sweep();
    assert!(request.upgrade().is_some(), "the reader has not looked again");
    reader.load();
    assert!(
        request.upgrade().is_some(),
        "only a sweep may drop the last reference"
    );
    current.sweep();
    assert!(request.upgrade().is_none());
}

#[test]
fn the_health_of_an_address_is_one_for_all_that_check_it_in_the_same_way() {
    let check = |seconds| settings(Duration::from_secs(seconds), Duration::from_secs(1));
    let fixture = Fixture::default()
        .leaf("l1", &["10.0.0.1:80", "10.0.0.2:80"])
        .check("l1", check(1))
        .leaf("l2", &["10.0.0.1:80"])
        .check("l2", check(1))
        .leaf("l3", &["10.0.0.1:80"])
        .check("l3", check(3))
        .leaf("l4", &["10.0.0.1:80"])
        .leaf("l5", &["10.0.0.1:80"])
        .check(
            "l5",
            HealthCheck {
                port: Some(81),
                ..check(1)
            },
        )
        .leaf("unused", &["10.0.0.9:80"])
        .check("unused", check(1))
        .weighted("w", &[("l1", 1), ("l2", 1), ("l3", 1), ("l4", 1), ("l5", 1)])
        .route("a", "w");
    let mut registry = Registry::new(0);
    let first = snapshot(&fixture, &mut registry);
    let found = |snapshot: &Snapshot, leaf: &str, place: usize| {
        let label = format!("apps-{leaf}-80@kubernetescrd");
        let mut its = snapshot
            .checked()
            .iter()
            .filter(|checked| *checked.service == *label);
        Arc::clone(&its.nth(place).unwrap().health)
    };
    assert_eq!(first.checked().len(), 5);
    let shared = found(&first, "l1", 0);
    assert!(Arc::ptr_eq(&shared, &found(&first, "l2", 0)));
    assert!(!Arc::ptr_eq(&shared, &found(&first, "l3", 0)));
    assert_eq!(found(&first, "l5", 0).address.to_string(), "10.0.0.1:81");
    failed(&shared);
    let second = snapshot(&fixture, &mut registry);
    assert!(Arc::ptr_eq(&shared, &found(&second, "l1", 0)));
    assert_eq!(second.checked().len(), 5);
    // l2 is gone, l1 has one endpoint less
    assert_eq!(
        send(&second, 8),
        taken([("l1", 2), ("l3", 2), ("l4", 2), ("l5", 2)])
    );
    let of_l1 = |snapshot: &Snapshot| -> Vec<u64> {
        snapshot
            .leaf_of(&node_id("l1"))
            .unwrap()
            .endpoints()
            .iter()
            .map(|endpoint| endpoint.id)
            .collect()
    };
    assert_eq!(of_l1(&second), of_l1(&first)[1..]);
    passed(&shared);
    drop(first);
    let third = snapshot(&fixture, &mut registry);
    assert_eq!(
        send(&third, 5),
        taken([("l1", 1), ("l2", 1), ("l3", 1), ("l4", 1), ("l5", 1)])
    );
    // it is the one that it was, with its connections
    assert_eq!(of_l1(&third), [found_id(&second), of_l1(&second)[0]]);
}

/// The id of the first endpoint that is checked at 10.0.0.1:80 for `l1`.
fn found_id(snapshot: &Snapshot) -> u64 {
    let mut its = snapshot.checked().iter();
    its.find(|checked| {
        checked.endpoint.address.to_string() == "10.0.0.1:80" && checked.service.contains("l1")
    })
    .unwrap()
    .endpoint
    .id
}
