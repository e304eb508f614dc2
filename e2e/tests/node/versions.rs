//! Documents of a schema that a proxy or an operator does not read, as when a half of weir is newer than the other.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use hyper::StatusCode;
use serde_json::{Value, json};
use weir_e2e::{
    cluster::{
        namespace::condition_of,
        resource::{CONFIG_MAP, POD, TRAEFIK_SERVICE},
        wait::eventually,
    },
    http,
    node::{Node, installed::Pod},
};
use weir_model::document::{SCHEMA, text::Digest};

use crate::support::{App, Clients, SPLIT, Scene};

const LIMIT: Duration = Duration::from_mins(1);
/// Within which kubelet has brought a change, if it saw that before the pod's.
const BROUGHT: Duration = Duration::from_secs(2);
const CONFIG: &str = "weir-config";
const FILE: &str = "config.json";
const NEWER: u32 = SCHEMA + 1;
/// No version reads what is older than the schema before its own.
const OLDER: u32 = 0;
const BEFORE: [(&str, u32); 2] = [("one", 3), ("two", 1)];
const AFTER: [(&str, u32); 2] = [("one", 1), ("two", 3)];

#[tokio::test]
#[ignore = "needs a node: make e2e-node"]
async fn proxies_and_operators_that_meet_another_schema_serve_on_and_say_so() {
    let node = Node::shared().await.unwrap();
    let apps = BEFORE.map(|(name, weight)| (App::new(name, 1), weight));
    let scene = Scene::start(node, &apps, &[]).await.unwrap();
    let mut clients = Clients::connect(&scene).await.unwrap();
    let proxies = scene.weir.await_pods("proxy", 2).await.unwrap();

    // as from a newer operator
    let newer = async {
        let before = try_join_all(proxies.iter().map(rejections)).await?;
        publish(&scene, NEWER).await?;
        for (proxy, before) in proxies.iter().zip(before) {
            await_refusal(&scene, proxy, NEWER).await?;
            ensure!(
                rejections(proxy).await? > before,
                "{} does not count it",
                proxy.name
            );
        }
        scene.weigh(&AFTER).await?;
        await_unpublished(&scene, NEWER).await?;
        // one that starts now does not even know what was accepted before
        let sayings = [
            "another version of the operator wrote",
            "delete ConfigMap",
            &not_read(NEWER),
        ];
        restart_in_vain(&scene, "weir-operator", &sayings).await
    };
    clients.unharmed_by("a newer schema", newer).await;

    // what the operator says would help
    let deleted = async {
        scene.namespace.delete(CONFIG_MAP, CONFIG).await?;
        scene.await_rollout("weir-operator").await?;
        scene.await_programmed().await?;
        for proxy in &proxies {
            scene.await_served(proxy, &AFTER).await?;
        }
        Ok(())
    };
    clients.unharmed_by("the config is deleted", deleted).await;

    // as from an operator that is still to be upgraded, after more than one version
    let older = async {
        let operators = scene.pods_of("weir-operator").await?;
        scene.scale("weir-operator", 0).await?;
        scene.await_end(&operators).await?;
        publish(&scene, OLDER).await?;
        let sayings = ["not loaded, nothing is served yet", &not_read(OLDER)];
        restart_in_vain(&scene, "weir-proxy", &sayings).await?;
        for proxy in &proxies {
            scene.await_served(proxy, &AFTER).await?;
        }
        Ok(())
    };
    clients.unharmed_by("a schema that is too old", older).await;

    let upgraded = async {
        scene.scale("weir-operator", 2).await?;
        scene.await_rollout("weir-operator").await?;
        scene.await_rollout("weir-proxy").await?;
        scene.weigh(&BEFORE).await?;
        scene.await_programmed().await?;
        for proxy in scene.weir.await_pods("proxy", 2).await? {
            ensure!(!proxies.contains(&proxy), "{proxy:?} was not replaced");
            scene.await_served(&proxy, &BEFORE).await?;
        }
        Ok(())
    };
    clients
        .unharmed_by("the operator writes anew what is too old", upgraded)
        .await;
    scene.end().await.unwrap();
}

/// Stores the config as a version with this schema would, with something in it that this one does not know.
async fn publish(scene: &Scene<'_>, schema: u32) -> Result<()> {
    let stored = scene.namespace.get(CONFIG_MAP, CONFIG).await?;
    let text = stored["data"][FILE].as_str().context("no config")?;
    let mut document = serde_json::from_str::<Value>(text)?["document"].take();
    document["schema"] = schema.into();
    document["notKnown"] = json!({});
    let body = document.to_string();
    let digest = Digest::of(body.as_bytes());
    let text = format!("{{\"digest\":\"{digest}\",\"document\":\n{body}\n}}\n");
    let change = json!({"data": {FILE: text}});
    scene.namespace.patch(CONFIG_MAP, CONFIG, &change).await.map(drop)
}

fn not_read(schema: u32) -> String {
    format!("schema {schema} is not one that this version reads")
}

/// A page of a proxy's admin port.
async fn page(proxy: &Pod, path: &str) -> Result<(StatusCode, String)> {
    let (status, body) = http::get(SocketAddr::new(proxy.address, 9000), path).await?;
    Ok((status, String::from_utf8(body.to_vec())?))
}

async fn rejections(proxy: &Pod) -> Result<u64> {
    let metrics = page(proxy, "/metrics").await?.1;
    let mut lines = metrics.lines();
    let count = lines.find_map(|line| line.strip_prefix("weir_config_rejections_total "));
    Ok(count.context("no count")?.parse()?)
}

/// Waits until a proxy says in all its ways that it does not load what is published, and serves on.
async fn await_refusal(scene: &Scene<'_>, proxy: &Pod, schema: u32) -> Result<()> {
    let mut touches = 0;
    eventually(
        &format!("{} refuses schema {schema}", proxy.name),
        LIMIT,
        async || {
            touches += 1;
            let touch = json!({"metadata": {"annotations": {"weir.dev/config": touches.to_string()}}});
            scene.namespace.patch(POD, &proxy.name, &touch).await?;
            eventually("it is told", BROUGHT, async || {
                let shown: Value = serde_json::from_str(&page(proxy, "/config").await?.1)?;
                let rejection = &shown["lastRejection"];
                let message = rejection["message"].as_str().unwrap_or_default();
                ensure!(
                    shown["inSync"] == false
                        && rejection["code"] == "schema"
                        && message.contains(&not_read(schema)),
                    "{shown}"
                );
                ensure!(!shown["loaded"].is_null(), "{shown}");
                Ok(())
            })
            .await
        },
    )
    .await?;
    ensure!(
        page(proxy, "/readyz").await?.0 == StatusCode::OK,
        "it is not ready"
    );
    let metrics = page(proxy, "/metrics").await?.1;
    for line in ["weir_ready 1\n", "weir_config_in_sync 0\n"] {
        ensure!(metrics.contains(line), "no {line} in {metrics}");
    }
    let log = scene.weir.kubectl(&["logs", &proxy.name]).await?;
    ensure!(
        log.contains("not loaded, what is served stays") && log.contains(&not_read(schema)),
        "{log}"
    );
    Ok(())
}

/// Waits until an edit is said not to be published for the reason of that schema.
async fn await_unpublished(scene: &Scene<'_>, schema: u32) -> Result<()> {
    let told = scene
        .namespace
        .await_object(TRAEFIK_SERVICE, SPLIT, LIMIT, |object| {
            let programmed = condition_of(object, "Programmed");
            let message = programmed["message"].as_str().unwrap_or_default();
            ensure!(
                programmed["status"] == "False"
                    && programmed["reason"] == "PublishFailed"
                    && programmed["observedGeneration"] == object["metadata"]["generation"]
                    && message.contains(&format!("schema {schema}"))
                    && message.contains("another version of the operator"),
                "{programmed}"
            );
            Ok(())
        });
    told.await.map(drop)
}

/// `kubectl rollout restart`, and waits until the first pod of it says all this in its log and is not ready.
async fn restart_in_vain(scene: &Scene<'_>, deployment: &str, sayings: &[&str]) -> Result<()> {
    let before = scene.pods_of(deployment).await?;
    let restart = ["rollout", "restart", &format!("deployment/{deployment}")];
    scene.namespace.kubectl(&restart).await?;
    eventually(
        &format!("a new pod of {deployment} says why"),
        LIMIT,
        async || {
            let new = &scene.pods_of(deployment).await? - &before;
            let pods = scene.namespace.list(POD).await?;
            let new = pods.iter().find(|pod| {
                pod["metadata"]["uid"]
                    .as_str()
                    .is_some_and(|uid| new.contains(uid))
            });
            let new = new.context("there is none")?;
            let name = new["metadata"]["name"].as_str().unwrap_or_default();
            let log = scene.weir.kubectl(&["logs", name]).await?;
            ensure!(sayings.iter().all(|saying| log.contains(saying)), "{log}");
            let ready = condition_of(new, "Ready");
            ensure!(ready["status"] == "False", "{ready}");
            Ok(())
        },
    )
    .await
}
