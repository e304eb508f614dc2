//! Objects that are deleted and made anew under the same name.

use serde_json::Value;
use weir_e2e::cluster::{
    Cluster,
    namespace::Namespace,
    release::Release,
    resource::{EVENT, INGRESS_ROUTE, TRAEFIK_SERVICE},
    wait::eventually,
};

use crate::{
    shape::{impossible, route, silent_service, traefik_service, weighted},
    told::{LIMIT, NO_PROXIES, Told, await_told, told},
};

const REFUSED: Told<'_> = told(
    "Accepted",
    "False",
    "InvalidPercent",
    "spec.mirroring.mirrors[0].percent",
);
const NOTHING_SERVED: Told<'_> = told(
    "Programmed",
    "False",
    "NotAccepted",
    "nothing of it is served: generation 1 is not accepted, and no earlier one was",
);

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap()
}

/// How many Events there are about this object with this reason.
async fn events(namespace: &Namespace<'_>, uid: &str, reason: &str) -> usize {
    let events = namespace.list(EVENT).await.unwrap();
    let about = events.iter().filter(|event| event["regarding"]["uid"] == uid);
    about.filter(|event| event["reason"] == reason).count()
}

/// Nothing in the status is older than the object.
fn assert_from_scratch(object: &Value) {
    let created = object["metadata"]["creationTimestamp"].as_str().unwrap();
    for condition in object["status"]["conditions"].as_array().unwrap() {
        assert!(
            condition["lastTransitionTime"].as_str().unwrap() >= created,
            "{object:#}"
        );
        assert_eq!(condition["observedGeneration"], 1, "{object:#}");
    }
    assert_eq!(object["status"]["observedGeneration"], 1, "{object:#}");
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn an_object_made_anew_has_neither_last_good_nor_status_nor_events_of_the_old_one() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    silent_service(&namespace, "svc1").await.unwrap();
    let old = namespace
        .create(TRAEFIK_SERVICE, "wrr", weighted(&[("svc1", 1)]))
        .await
        .unwrap();
    let to = traefik_service("wrr");
    namespace
        .create(INGRESS_ROUTE, "web", route("example.com", &to))
        .await
        .unwrap();
    let release = Release::new(&namespace).unwrap();
    let operator = release.operator("first").await.unwrap();
    await_told(&namespace, TRAEFIK_SERVICE, "wrr", &[NO_PROXIES])
        .await
        .unwrap();
    let edit =
        serde_json::json!({"spec": {"weighted": null, "mirroring": impossible("svc1")["spec"]["mirroring"]}});
    namespace.patch(TRAEFIK_SERVICE, "wrr", &edit).await.unwrap();
    let kept = told(
        "Programmed",
        "False",
        "LastGoodServed",
        "generation 1 is served, since generation 2 is not accepted",
    );
    await_told(&namespace, TRAEFIK_SERVICE, "wrr", &[REFUSED, kept])
        .await
        .unwrap();

    namespace.delete(TRAEFIK_SERVICE, "wrr").await.unwrap();
    let new = namespace
        .create(TRAEFIK_SERVICE, "wrr", impossible("svc1"))
        .await
        .unwrap();
    let object = await_told(&namespace, TRAEFIK_SERVICE, "wrr", &[REFUSED, NOTHING_SERVED])
        .await
        .unwrap();
    assert_eq!(uid(&object), uid(&new));
    assert_from_scratch(&object);
    let name = &namespace.name;
    let missing = format!("TraefikService {name}/wrr is not accepted");
    let route = told("ResolvedRefs", "False", "DependencyInvalid", &missing);
    await_told(&namespace, INGRESS_ROUTE, "web", &[route])
        .await
        .unwrap();
    let published = release.read_published().await.unwrap().config;
    let id = format!("ts/{name}/wrr");
    assert!(!published.nodes.keys().any(|node| node.as_str() == id));

    // once more, as wrong as before in the same generation
    namespace.delete(TRAEFIK_SERVICE, "wrr").await.unwrap();
    let newest = namespace
        .create(TRAEFIK_SERVICE, "wrr", impossible("svc1"))
        .await
        .unwrap();
    let object = await_told(&namespace, TRAEFIK_SERVICE, "wrr", &[REFUSED, NOTHING_SERVED])
        .await
        .unwrap();
    assert_eq!(uid(&object), uid(&newest));
    for object in [&old, &new, &newest] {
        assert_eq!(events(&namespace, uid(object), "InvalidPercent").await, 1);
    }
    drop(operator);
}

/// Faster than anything is compiled in between.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn an_object_made_anew_many_times_at_once_is_what_it_is_at_last() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    silent_service(&namespace, "svc1").await.unwrap();
    let release = Release::new(&namespace).unwrap();
    let operator = release.operator("first").await.unwrap();
    let mut last = namespace
        .create(TRAEFIK_SERVICE, "wrr", weighted(&[("svc1", 1)]))
        .await
        .unwrap();
    await_told(&namespace, TRAEFIK_SERVICE, "wrr", &[NO_PROXIES])
        .await
        .unwrap();
    let again = async |spec: Value| {
        namespace.delete(TRAEFIK_SERVICE, "wrr").await.unwrap();
        namespace.create(TRAEFIK_SERVICE, "wrr", spec).await.unwrap()
    };
    for _ in 0..8 {
        again(impossible("svc1")).await;
        last = again(weighted(&[("svc1", 1)])).await;
    }
    // the same content, and another object
    let object = await_told(&namespace, TRAEFIK_SERVICE, "wrr", &[NO_PROXIES])
        .await
        .unwrap();
    assert_eq!(uid(&object), uid(&last));
    assert_from_scratch(&object);
    let id = format!("ts/{}/wrr", namespace.name);
    eventually("the last one is published", LIMIT, async || {
        let config = release.read_published().await?.config;
        let node = config.nodes.iter().find(|(node, _)| node.as_str() == id);
        let source = node.map(|(_, node)| node.source.uid.clone());
        anyhow::ensure!(source.as_deref() == Some(uid(&last)), "{source:?}");
        Ok(())
    })
    .await
    .unwrap();

    last = again(impossible("svc1")).await;
    let object = await_told(&namespace, TRAEFIK_SERVICE, "wrr", &[REFUSED, NOTHING_SERVED])
        .await
        .unwrap();
    assert_eq!(uid(&object), uid(&last));
    assert_eq!(events(&namespace, uid(&last), "InvalidPercent").await, 1);
    drop(operator);
}
