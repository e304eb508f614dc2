//! IngressRoutes of another class.

use serde_json::{Value, json};
use weir_e2e::cluster::{
    Cluster,
    namespace::Namespace,
    operator::OperatorProcess,
    release::Release,
    resource::{EVENT, INGRESS_ROUTE},
    wait::eventually,
};

use crate::{
    shape::{route, service, silent_service},
    told::{LIMIT, NO_PROXIES, await_told},
};

const CLASS: &str = "kubernetes.io/ingress.class";

async fn set_class(namespace: &Namespace<'_>, class: &str) {
    let change = json!({"metadata": {"annotations": {CLASS: class}}});
    namespace.patch(INGRESS_ROUTE, "theirs", &change).await.unwrap();
}

/// Waits until `theirs` is served, or nothing of it is left anywhere.
async fn await_served(release: &Release<'_>, served: bool) {
    let namespace = release.namespace;
    eventually(&format!("served: {served}"), LIMIT, async || {
        let published = release.read_published().await?.ingress_routes();
        let there = published.contains(&format!("{}/theirs", namespace.name));
        let object = namespace.get(INGRESS_ROUTE, "theirs").await?;
        let told = object["status"]
            .as_object()
            .is_some_and(|status| !status.is_empty());
        anyhow::ensure!(
            (there, told) == (served, served),
            "published: {published:?}, status: {:#}",
            object["status"]
        );
        Ok(())
    })
    .await
    .unwrap();
}

/// One that says who wrote what, and Events.
async fn traces(namespace: &Namespace<'_>) -> (Vec<Value>, Vec<Value>) {
    let object = namespace.get(INGRESS_ROUTE, "theirs").await.unwrap();
    let fields = object["metadata"]["managedFields"].as_array().unwrap().iter();
    let ours = fields.filter(|entry| entry["manager"] == "weir-operator");
    let events = namespace.list(EVENT).await.unwrap();
    let about = events
        .into_iter()
        .filter(|event| event["regarding"]["name"] == "theirs");
    (ours.cloned().collect(), about.collect())
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn an_ingress_route_of_another_class_is_left_alone_until_its_class_is_ours() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    silent_service(&namespace, "svc1").await.unwrap();
    let mut theirs = route("theirs.example.com", &service("no-such-service"));
    theirs["metadata"] = json!({"annotations": {CLASS: "traefik"}});
    namespace.create(INGRESS_ROUTE, "theirs", theirs).await.unwrap();
    let ours = route("ours.example.com", &service("svc1"));
    namespace.create(INGRESS_ROUTE, "ours", ours).await.unwrap();
    let release = Release::new(&namespace).unwrap();
    let operator = release.operator("first").await.unwrap();
    await_told(&namespace, INGRESS_ROUTE, "ours", &[NO_PROXIES])
        .await
        .unwrap();

    // it was seen together with the other one
    assert_eq!(traces(&namespace).await, (vec![], vec![]));
    let published = release.read_published().await.unwrap();
    assert_eq!(published.ingress_routes(), [format!("{}/ours", namespace.name)]);

    set_class(&namespace, "weir").await;
    await_served(&release, true).await;
    set_class(&namespace, "traefik").await;
    await_served(&release, false).await;
    drop(operator);
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn what_an_earlier_operator_told_is_taken_back_too_when_the_class_is_no_longer_ours() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    silent_service(&namespace, "svc1").await.unwrap();
    let object = route("theirs.example.com", &service("svc1"));
    namespace.create(INGRESS_ROUTE, "theirs", object).await.unwrap();
    let release = Release::new(&namespace).unwrap();
    let mut operator = release.operator("first").await.unwrap();
    await_told(&namespace, INGRESS_ROUTE, "theirs", &[NO_PROXIES])
        .await
        .unwrap();
    operator.process.terminate(LIMIT).await.unwrap();

    let operator = release.operator("second").await.unwrap();
    await_leader(&operator).await;
    set_class(&namespace, "traefik").await;
    await_served(&release, false).await;
}

async fn await_leader(operator: &OperatorProcess) {
    eventually("the operator leads", LIMIT, async || {
        anyhow::ensure!(operator.leads().await?, "its log:\n{}", operator.process.log());
        Ok(())
    })
    .await
    .unwrap();
}
