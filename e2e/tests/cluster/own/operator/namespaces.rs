//! A namespace that is deleted while an operator watches all of them.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use hyper::StatusCode;
use serde_json::{Value, json};
use weir_e2e::{
    cluster::{
        Cluster,
        app::App,
        namespace::Namespace,
        operator::OperatorProcess,
        release::{Release, target},
        resource::{INGRESS_ROUTE, SERVICE, TRAEFIK_SERVICE},
        wait::eventually,
    },
    http,
    load::Load,
};

use super::scene::{PAUSE, all_good};
use crate::{
    shape::{impossible, route, service, traefik_service, weighted},
    told::{LIMIT, READY, await_told, told},
};

const FINALIZERS: &str = "/metadata/finalizers";

/// Good and broken objects, for requests to this host.
async fn fill(namespace: &Namespace<'_>, host: &str) -> Result<()> {
    namespace
        .create(TRAEFIK_SERVICE, "wrr", weighted(&[("svc1", 1)]))
        .await?;
    namespace
        .create(TRAEFIK_SERVICE, "copies", impossible("svc1"))
        .await?;
    let web = route(host, &traefik_service("wrr"));
    namespace.create(INGRESS_ROUTE, "web", web).await?;
    let lost = route(&format!("lost.{host}"), &service("no-such-service"));
    namespace.create(INGRESS_ROUTE, "lost", lost).await?;
    Ok(())
}

async fn await_filled(namespace: &Namespace<'_>) {
    await_told(namespace, TRAEFIK_SERVICE, "wrr", &[READY])
        .await
        .unwrap();
    await_told(namespace, INGRESS_ROUTE, "web", &[READY])
        .await
        .unwrap();
    let copies = [told("Accepted", "False", "InvalidPercent", "150")];
    await_told(namespace, TRAEFIK_SERVICE, "copies", &copies)
        .await
        .unwrap();
    let lost = [told(
        "ResolvedRefs",
        "False",
        "BackendNotFound",
        "no-such-service",
    )];
    await_told(namespace, INGRESS_ROUTE, "lost", &lost).await.unwrap();
}

/// What the operator has written about objects, or tried to, by metric and result.
async fn writes(operator: &OperatorProcess) -> BTreeMap<String, u64> {
    let mut writes = BTreeMap::new();
    for metric in ["weir_status_writes_total", "weir_events_total"] {
        let counts = operator.counts(metric).await.unwrap();
        writes.extend(
            counts
                .into_iter()
                .map(|(labels, count)| (format!("{metric}{labels}"), count)),
        );
    }
    writes
}

/// Changes an object until three times in a row nothing is written but what that costs.
async fn await_quiet(namespace: &Namespace<'_>, operator: &OperatorProcess) {
    let mut expected = BTreeMap::new();
    let mut quiet = 0;
    for weight in 2.. {
        let edit = weighted(&[("svc1", weight)]);
        namespace.patch(TRAEFIK_SERVICE, "wrr", &edit).await.unwrap();
        await_told(namespace, TRAEFIK_SERVICE, "wrr", &[READY])
            .await
            .unwrap();
        let written = writes(operator).await;
        quiet = if written == expected { quiet + 1 } else { 0 };
        if quiet == 3 {
            return;
        }
        assert!(weight < 20, "{written:#?} are written, not {expected:#?}");
        expected = written;
        for one in [
            "weir_status_writes_total{result=\"written\"}",
            "weir_events_total{result=\"created\"}",
        ] {
            *expected.get_mut(one).unwrap() += 1;
        }
    }
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_namespace_that_is_deleted_takes_its_routes_along_and_stops_nobody() {
    let cluster = Cluster::start().await.unwrap();
    cluster.install_crds().await.unwrap();
    let (stays, goes) = (
        cluster.namespace().await.unwrap(),
        cluster.namespace().await.unwrap(),
    );
    let _apps = [
        App::start(&stays, "svc1").await.unwrap(),
        App::start(&goes, "svc1").await.unwrap(),
    ];
    fill(&stays, "stays.example.com").await.unwrap();
    fill(&goes, "goes.example.com").await.unwrap();
    // as long as somebody has not tidied up behind it, it holds the namespace up
    let mut held = weighted(&[("svc1", 1)]);
    held["metadata"] = json!({"finalizers": ["weir.dev/e2e"]});
    goes.create(TRAEFIK_SERVICE, "held", held).await.unwrap();
    let mut release = Release::new(&stays).unwrap();
    release.operators.namespaces.clear();
    let operator = release.operator("first").await.unwrap();
    let proxy = release.proxy().await.unwrap();
    await_filled(&stays).await;
    await_filled(&goes).await;
    await_told(&goes, TRAEFIK_SERVICE, "held", &[READY])
        .await
        .unwrap();
    let before = writes(&operator).await;
    let mut load = Load::connect(proxy.web, target("stays.example.com"), 2)
        .await
        .unwrap();
    load.set_pause(PAUSE);

    let going = async {
        cluster
            .api()
            .delete(&format!("/api/v1/namespaces/{}", goes.name))
            .await
            .unwrap();
        // its Service is gone, and no Event can be created about that
        let missing = format!("Service {}/svc1 does not exist", goes.name);
        let missing = [told("ResolvedRefs", "False", "BackendNotFound", &missing)];
        await_told(&goes, TRAEFIK_SERVICE, "held", &missing)
            .await
            .unwrap();
        eventually("its routes are gone", LIMIT, async || {
            let routes = release.read_published().await?.ingress_routes();
            ensure!(
                routes.iter().all(|route| route.starts_with(&stays.name)),
                "{routes:?}"
            );
            let (status, _) = http::get_from(proxy.web, "goes.example.com", "/").await?;
            ensure!(status == StatusCode::NOT_FOUND, "{status}");
            Ok(())
        })
        .await
        .unwrap();
    };
    let ((), answers) = load.send_during("going", going).await;
    all_good(&answers);
    assert!(goes.list(SERVICE).await.unwrap().is_empty());
    await_quiet(&stays, &operator).await;
    let after = writes(&operator).await;
    let tries = |writes: &BTreeMap<String, u64>| writes.values().sum::<u64>();
    assert!(
        tries(&after) - tries(&before) < 30,
        "{before:#?} became {after:#?}"
    );

    let object = goes.get(TRAEFIK_SERVICE, "held").await.unwrap();
    assert!(object.pointer(FINALIZERS).is_some());
    goes.patch(
        TRAEFIK_SERVICE,
        "held",
        &json!({"metadata": {"finalizers": Value::Null}}),
    )
    .await
    .unwrap();
    let path = format!("/api/v1/namespaces/{}", goes.name);
    eventually("the namespace is gone", LIMIT, async || {
        ensure!(cluster.api().find(&path).await?.is_none(), "it is there");
        let metrics = operator.metrics().await?;
        ensure!(!metrics.contains(&goes.name), "{metrics}");
        Ok(())
    })
    .await
    .unwrap();
}
