//! What an operator does without at first, and gets later.

use std::time::Duration;

use anyhow::{Result, ensure};
use weir_e2e::cluster::{
    Cluster,
    namespace::Namespace,
    operator::OperatorProcess,
    release::{Release, example_load},
    resource::{CUSTOM, EVENT, TRAEFIK_SERVICE},
    wait::eventually,
};

use super::scene::{SERVICES, all_good, apply_examples, no_doubles, shares, told};
use crate::own::statusless::{install, like_traefik};

/// For definitions to be found: they are looked for every five seconds.
const LIMIT: Duration = Duration::from_secs(20);

/// First none, then Traefik's without statuses, then ours: one operator gets by with each, and never restarts.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn definitions_that_come_later_are_found_without_a_restart() {
    let cluster = Cluster::start().await.unwrap();
    cluster.install_crds().await.unwrap();
    let definitions = like_traefik(&cluster).await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let mut release = Release::new(&namespace).unwrap();
    let operator = release.operator("first").await.unwrap();
    let proxy = release.proxy().await.unwrap();
    for resource in CUSTOM {
        says(&operator, &format!("the cluster has no {}s", resource.kind))
            .await
            .unwrap();
    }

    install(&cluster, &definitions).await.unwrap();
    let apps = apply_examples(&namespace).await.unwrap();
    let mut load = example_load(&proxy, 4).await.unwrap();
    assert_eq!(shares(&mut load).await, [800, 200, 200]);
    let mend = "kubectl apply --server-side --force-conflicts -f crds/";
    for resource in CUSTOM {
        let lacks = format!(
            "the custom resource definition of {} has no status",
            resource.kind
        );
        says(&operator, &lacks).await.unwrap();
    }
    says(&operator, mend).await.unwrap();
    let mistake = |text: String| text.replace("percent: 20", "percent: 150");
    let make = async {
        namespace.apply_example("mirroring.yaml", mistake).await?;
        await_event(&namespace, "mirror1: InvalidPercent: ").await
    };
    let (play, answers) = load.send_during("mistake", make).await;
    play.unwrap();
    all_good(&answers);
    let object = namespace.get(TRAEFIK_SERVICE, "mirror1").await.unwrap();
    assert!(object["status"].is_null(), "{object:#}");

    let mend = async {
        cluster.install_crds().await?;
        let refused = namespace.await_condition(TRAEFIK_SERVICE, "mirror1", "Accepted", "False", LIMIT);
        refused.await?;
        for name in ["wrr1", "wrr2", "svc3"] {
            namespace
                .await_condition(TRAEFIK_SERVICE, name, "Ready", "True", LIMIT)
                .await?;
        }
        says(
            &operator,
            "the custom resource definition of TraefikService has a status now",
        )
        .await
    };
    let (play, answers) = load.send_during("mend", mend).await;
    play.unwrap();
    all_good(&answers);
    assert_eq!(shares(&mut load).await, [800, 200, 200]);
    no_doubles(&events(&namespace).await.unwrap());
    drop(apps);
}

/// The conditions say that there is nothing to serve what is published, until there is.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn without_proxies_nothing_is_programmed_until_one_starts() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let _apps = apply_examples(&namespace).await.unwrap();
    let mut release = Release::new(&namespace).unwrap();
    let operator = release.operator("first").await.unwrap();
    for name in SERVICES {
        let programmed = namespace.await_condition(TRAEFIK_SERVICE, name, "Programmed", "False", LIMIT);
        let programmed = programmed.await.unwrap();
        assert_eq!(programmed["reason"], "NoProxies");
        assert_eq!(programmed["message"], "no proxy runs");
        let ready = namespace.await_condition(TRAEFIK_SERVICE, name, "Ready", "False", LIMIT);
        assert_eq!(ready.await.unwrap()["reason"], "NoProxies");
    }
    says(&operator, "there are no proxies: no pod has these labels")
        .await
        .unwrap();

    let _proxy = release.proxy().await.unwrap();
    for name in SERVICES {
        let ready = namespace.await_condition(TRAEFIK_SERVICE, name, "Ready", "True", LIMIT);
        ready.await.unwrap();
    }
    says(&operator, "there are proxies: 1 now").await.unwrap();
}

/// Waits until it has said so in its log.
async fn says(operator: &OperatorProcess, words: &str) -> Result<()> {
    eventually(&format!("the log says {words:?}"), LIMIT, async || {
        let log = operator.process.log();
        ensure!(log.contains(words), "{log}");
        Ok(())
    })
    .await
}

async fn await_event(namespace: &Namespace<'_>, start: &str) -> Result<()> {
    eventually(&format!("the Event {start:?} is there"), LIMIT, async || {
        let events = events(namespace).await?;
        ensure!(events.iter().any(|event| event.starts_with(start)), "{events:#?}");
        Ok(())
    })
    .await
}

async fn events(namespace: &Namespace<'_>) -> Result<Vec<String>> {
    let mut events: Vec<String> = namespace.list(EVENT).await?.iter().map(told).collect();
    events.sort();
    Ok(events)
}
