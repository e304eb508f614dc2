//! What kubectl shows and waits for, of objects that a real operator reports on and a real proxy serves.

use serde_json::{Value, json};
use weir_e2e::cluster::{
    Cluster,
    resource::{INGRESS_ROUTE, TRAEFIK_SERVICE},
};

use super::scene::Scene;
use crate::{
    shape::{impossible, rule, service, traefik_service},
    told::{READY, await_told, told},
};

/// The words of each line that starts with this name.
fn row<'a>(table: &'a str, name: &str) -> Vec<&'a str> {
    let rows = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut rows = rows.filter(|row| row.first() == Some(&name));
    rows.next().unwrap_or_else(|| panic!("{name} is not in\n{table}"))
}

fn reference(name: &str) -> Value {
    json!({"spec": {"weighted": {"services": [traefik_service(name)]}}})
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn kubectl_get_shows_how_each_object_does_and_kubectl_wait_waits_for_it() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let _scene = Scene::start(&namespace).await.unwrap();
    namespace
        .create(TRAEFIK_SERVICE, "a", reference("b"))
        .await
        .unwrap();
    namespace
        .create(TRAEFIK_SERVICE, "b", reference("a"))
        .await
        .unwrap();
    namespace
        .create(TRAEFIK_SERVICE, "copies", impossible("svc1"))
        .await
        .unwrap();
    let kubectl = async |line: &str| {
        let arguments: Vec<_> = line.split(' ').collect();
        namespace.kubectl(&arguments).await.unwrap()
    };
    kubectl("wait --for=condition=Ready --timeout=30s traefikservice/wrr1 traefikservice/mirror1 ingressroute/test-name").await;
    kubectl("wait --for=condition=Accepted=false --timeout=30s traefikservice/a traefikservice/b").await;
    kubectl("wait --for=condition=Programmed=false --timeout=30s traefikservice/copies").await;

    let table = kubectl("get traefikservices").await;
    let head = ["NAME", "KIND", "LEAVES", "READY", "REASON", "AGE"];
    assert_eq!(row(&table, "NAME"), head);
    for (name, cells) in [
        ("wrr1", ["Weighted", "6", "True", "Ready"]),
        ("wrr2", ["Weighted", "2", "True", "Ready"]),
        ("mirror1", ["Mirroring", "3", "True", "Ready"]),
        ("svc3", ["Weighted", "1", "True", "Ready"]),
    ] {
        let row = row(&table, name);
        assert_eq!(row[1..5], cells, "{table}");
        assert!(row[5].ends_with('s'), "{table}");
    }
    for (name, cells) in [
        ("a", ["0", "False", "CycleDetected"]),
        ("copies", ["0", "False", "InvalidPercent"]),
    ] {
        let row = row(&table, name);
        assert_eq!(row[row.len() - 4..row.len() - 1], cells, "{table}");
    }
    let wide = kubectl("get traefikservices -o wide").await;
    let cycle = format!("{0}/b -> {0}/a -> {0}/b", namespace.name);
    assert!(
        wide.lines()
            .any(|line| line.starts_with("b ") && line.contains(&cycle)),
        "{wide}"
    );

    // one of which two others make use, and one of a route
    for (name, used) in [("wrr1", 1), ("wrr2", 1), ("svc3", 1), ("copies", 0)] {
        let object = namespace.get(TRAEFIK_SERVICE, name).await.unwrap();
        assert_eq!(object["status"]["usedBy"], used, "{name}: {:#}", object["status"]);
    }
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn kubectl_shows_the_state_of_each_route() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let _scene = Scene::start(&namespace).await.unwrap();
    let routes = |first: &str, second: &str| {
        json!({"spec": {"entryPoints": ["web"], "routes": [
            rule(first, &traefik_service("wrr1")),
            rule(second, &service("svc2")),
        ]}})
    };
    let good = routes("Host(`one.example.com`)", "Host(`two.example.com`)");
    namespace.create(INGRESS_ROUTE, "both", good).await.unwrap();
    await_told(&namespace, INGRESS_ROUTE, "both", &[READY])
        .await
        .unwrap();
    let table = namespace.kubectl(&["get", "ingressroutes"]).await.unwrap();
    let expected = [
        "both",
        "one.example.com,",
        "two.example.com",
        "[\"web\"]",
        "True",
        "Ready",
    ];
    assert_eq!(row(&table, "both")[..6], expected, "{table}");
    let expected = ["test-name", "example.com", "[\"web\"]", "True", "Ready"];
    assert_eq!(row(&table, "test-name")[..5], expected, "{table}");

    // one that was good before falls back to that, one that never was is not served
    let broken = "Host(`two.example.com`";
    namespace
        .patch(INGRESS_ROUTE, "both", &routes("Host(`one.example.com`)", broken))
        .await
        .unwrap();
    namespace
        .create(
            INGRESS_ROUTE,
            "never",
            routes("Host(`three.example.com`)", broken),
        )
        .await
        .unwrap();
    for (name, outcome, state) in [
        (
            "both",
            "Fall Back: route 2 (Host(`two.example.com`) is served as generation 1 has it",
            "LastGood",
        ),
        (
            "never",
            "Dropped Rule: route 2 (Host(`two.example.com`) is not served, its requests may reach other routes or get 404",
            "NotServed",
        ),
    ] {
        let refused = "spec.routes[1].match: this `(` is never closed";
        let wanted = [
            told("Accepted", "False", "InvalidRule", refused),
            told("PartiallyInvalid", "True", "InvalidRule", outcome),
            told("Ready", "False", "InvalidRule", refused),
        ];
        let object = await_told(&namespace, INGRESS_ROUTE, name, &wanted)
            .await
            .unwrap();
        let routes = object["status"]["routes"].as_array().unwrap();
        let states = routes.iter().map(|route| [&route["state"], &route["reason"]]);
        let expected = [["Served", "Served"], [state, "InvalidRule"]];
        assert!(states.eq(expected), "{routes:#?}");
        let wrr1 = format!("TraefikService {}/wrr1", namespace.name);
        assert_eq!(routes[0]["service"], wrr1);

        let table = namespace.kubectl(&["get", "ingressroutes"]).await.unwrap();
        let row = row(&table, name);
        let cells = &row[row.len() - 3..row.len() - 1];
        assert_eq!(cells, ["False", "InvalidRule"], "{table}");
        let described = namespace
            .kubectl(&["describe", "ingressroute", name])
            .await
            .unwrap();
        for part in [outcome, state, "PartiallyInvalid"] {
            assert!(described.contains(part), "{part} is not in\n{described}");
        }
    }
}
