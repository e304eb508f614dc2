//! The machine loses its power, or proxies die while nobody is there who could tell them anything.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use weir_e2e::{
    cluster::{control_plane::Component, namespace::condition_of, resource::POD, wait::eventually},
    node::{Node, installed::Pod},
};

use crate::support::{App, Scene, await_page};

const LIMIT: Duration = Duration::from_mins(2);
const PROXIES: usize = 2;

/// How often the containers of each pod in a namespace were started again.
async fn restarts(scene: &Scene<'_>) -> Result<BTreeMap<String, u64>> {
    let pods = scene.namespace.list(POD).await?;
    let name = |pod: &Value| pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let count = |pod: &Value| pod["status"]["containerStatuses"][0]["restartCount"].as_u64();
    let counted = pods
        .iter()
        .map(|pod| Some((name(pod), count(pod)?)))
        .collect::<Option<_>>();
    counted.context("a pod without a container")
}

/// Waits until each pod that was there was started again and is ready. Until kubelet has spoken, the API says what was so
/// before.
async fn await_restarted(scene: &Scene<'_>, before: &BTreeMap<String, u64>) -> Result<()> {
    eventually("every pod was started again", LIMIT, async || {
        let now = restarts(scene).await?;
        ensure!(now.keys().eq(before.keys()), "{now:?} instead of {before:?}");
        ensure!(now.iter().all(|(pod, count)| *count > before[pod]), "{now:?}");
        for pod in scene.namespace.list(POD).await? {
            let ready = condition_of(&pod, "Ready");
            ensure!(ready["status"] == "True", "{}: {ready}", pod["metadata"]["name"]);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs a node: make e2e-node"]
async fn after_a_reboot_everything_is_served_and_told_as_before() {
    let node = Node::shared().await.unwrap();
    let apps = [(App::new("a", 1), 2), (App::new("b", 1), 1)];
    let scene = Scene::start(node, &apps, &[]).await.unwrap();
    scene.await_ready().await.unwrap();
    let before = restarts(&scene).await.unwrap();

    node.reboot().await.unwrap();

    await_restarted(&scene, &before).await.unwrap();
    // they have other addresses now
    let proxies = scene.weir.await_pods("proxy", PROXIES).await.unwrap();
    scene
        .await_converged(&proxies, &[("a", 2), ("b", 1)])
        .await
        .unwrap();
    scene.weigh(&[("a", 1), ("b", 4)]).await.unwrap();
    scene
        .await_converged(&proxies, &[("a", 1), ("b", 4)])
        .await
        .unwrap();
    let mut load = scene.load(PROXIES * 2).await.unwrap();
    let answers = load.send("rebooted", 100).await;
    assert_eq!(answers.failed, 0, "{:#?}", answers.failures);
    scene.end().await.unwrap();
}

/// Kills proxies without a chance to clean up, and waits until others have taken their places, in the same pods.
async fn kill_and_await(scene: &Scene<'_>, proxies: &[Pod], weights: &[(&str, u32)]) -> Result<()> {
    for proxy in proxies {
        let before = await_page(proxy, |_| Ok(())).await?;
        scene.weir.node.kill(proxy, "weir-proxy")?;
        let after = await_page(proxy, |page| {
            let (now, then) = (&page["loaded"], &before["loaded"]);
            ensure!(!now.is_null() && now["at"] != then["at"], "{page:#}");
            Ok(())
        })
        .await?;
        for what in ["revision", "digests"] {
            let (now, then) = (&after["loaded"][what], &before["loaded"][what]);
            ensure!(now == then, "{what}: {now}, before it was {then}");
        }
        scene.await_served(proxy, weights).await?;
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs a node: make e2e-node"]
async fn proxies_start_from_their_files_while_the_operators_and_the_api_server_are_gone() {
    let node = Node::shared().await.unwrap();
    let apps = [(App::new("a", 1), 2), (App::new("b", 1), 1)];
    let scene = Scene::start(node, &apps, &[]).await.unwrap();
    let weights = [("a", 2), ("b", 1)];

    // without operators a new pod gets what was published
    scene.scale_operators(0).await.unwrap();
    let before = scene.weir.await_pods("proxy", PROXIES).await.unwrap();
    let delete = ["delete", "pod", &before[0].name];
    scene.namespace.kubectl(&delete).await.unwrap();
    let proxies = scene.weir.await_pods("proxy", PROXIES).await.unwrap();
    assert!(!proxies.contains(&before[0]), "{proxies:?}");
    for proxy in &proxies {
        scene.await_served(proxy, &weights).await.unwrap();
    }
    let before = restarts(&scene).await.unwrap();

    // without the API server a new container gets what is in its pod
    let cluster = node.cluster();
    cluster.kill_component(Component::ApiServer).unwrap();
    let killed = kill_and_await(&scene, &proxies, &weights).await;
    let refused = cluster.api().text("/readyz").await;
    cluster.start_component(Component::ApiServer).unwrap();
    cluster.wait_until_ready().await.unwrap();
    killed.unwrap();
    refused.unwrap_err();

    eventually(
        "kubelet says that proxies were started again",
        LIMIT,
        async || {
            let now = restarts(&scene).await?;
            let again = proxies.iter().all(|proxy| now[&proxy.name] > before[&proxy.name]);
            ensure!(again, "{now:?} instead of {before:?}");
            Ok(())
        },
    )
    .await
    .unwrap();
    scene.weigh(&[("a", 1), ("b", 4)]).await.unwrap();
    scene.scale_operators(2).await.unwrap();
    let proxies = scene.weir.await_pods("proxy", PROXIES).await.unwrap();
    scene
        .await_converged(&proxies, &[("a", 1), ("b", 4)])
        .await
        .unwrap();
    scene.end().await.unwrap();
}
