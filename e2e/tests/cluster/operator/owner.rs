//! The object that owns what is published. Whoever deletes it, as uninstalling does, wants all of that gone.

use anyhow::ensure;
use weir_e2e::cluster::{
    Cluster,
    release::Release,
    resource::{CONFIG_MAP, TRAEFIK_SERVICE},
    wait::eventually,
    watch::Event,
};

use crate::{
    shape::{silent_service, weighted},
    told::{LIMIT, NO_PROXIES, await_told, told},
};

const OWNER: &str = "weir-owner";

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn what_is_published_goes_with_its_owner_and_stays_away_until_the_next_start() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    silent_service(&namespace, "svc1").await.unwrap();
    namespace
        .create(TRAEFIK_SERVICE, "wrr", weighted(&[("svc1", 1)]))
        .await
        .unwrap();
    let release = Release::new(&namespace).unwrap();
    let mut operator = release.operator("first").await.unwrap();
    await_told(&namespace, TRAEFIK_SERVICE, "wrr", &[NO_PROXIES])
        .await
        .unwrap();
    let before = release.read_published().await.unwrap();
    assert_eq!(before.objects.len(), 3);

    let mut watch = namespace.watch(CONFIG_MAP).await.unwrap();
    namespace.delete(CONFIG_MAP, OWNER).await.unwrap();
    eventually("what it owned is gone", LIMIT, async || {
        let objects = release.read_published().await?.objects;
        ensure!(objects.is_empty(), "{:?}", objects.keys());
        let failures = operator.counts("weir_publish_failures_total").await?;
        let tries = failures
            .get("{reason=\"owner_gone\"}")
            .copied()
            .unwrap_or_default();
        ensure!(tries > 2, "{failures:?}");
        Ok(())
    })
    .await
    .unwrap();
    let change = weighted(&[("svc1", 2)]);
    namespace.patch(TRAEFIK_SERVICE, "wrr", &change).await.unwrap();
    let gone = "revision 2 cannot be published: ConfigMap weir-owner, which owns what is published, is gone; \
                is the release being uninstalled?";
    let failed = [told("Programmed", "False", "PublishFailed", gone)];
    await_told(&namespace, TRAEFIK_SERVICE, "wrr", &failed)
        .await
        .unwrap();
    namespace
        .create(CONFIG_MAP, "last", serde_json::json!({}))
        .await
        .unwrap();
    let events = watch.until(LIMIT, |event| event.name() == "last").await.unwrap();
    let made = |event: &&Event| matches!(event, Event::Added(_)) && event.name() != "last";
    assert_eq!(events.iter().filter(made).count(), 0, "{events:#?}");
    let log = operator.process.log();
    assert_eq!(
        log.matches("is the release being uninstalled?").count(),
        1,
        "{log}"
    );

    operator.process.terminate(LIMIT).await.unwrap();
    let _next = release.operator("next").await.unwrap();
    await_told(&namespace, TRAEFIK_SERVICE, "wrr", &[NO_PROXIES])
        .await
        .unwrap();
    let owner = namespace.get(CONFIG_MAP, OWNER).await.unwrap();
    let after = release.read_published().await.unwrap();
    assert_eq!(
        after.objects.keys().collect::<Vec<_>>(),
        before.objects.keys().collect::<Vec<_>>()
    );
    for object in after.objects.values() {
        let references = &object["metadata"]["ownerReferences"];
        assert_eq!(references[0]["uid"], owner["metadata"]["uid"], "{object}");
    }
}
