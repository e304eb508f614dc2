//! The five mistakes that people make most, made with kubectl on a serving tree under load.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use weir_e2e::cluster::{Cluster, namespace::condition_of, resource::TRAEFIK_SERVICE};

use super::scene::{Scene, all_good, shares};

/// Within which a mistake is explained.
const EXPLAINED: Duration = Duration::from_secs(1);
/// For what has no such limit.
const LIMIT: Duration = Duration::from_secs(20);

/// A mistake, and what has to be said about it.
#[derive(Debug)]
struct Mistake {
    change: Change,
    /// What becomes of the conditions.
    explained: &'static [Explained],
    /// Of 1200 requests for svc1, svc2 and svc3, while it lasts.
    shares: [u64; 3],
}

#[derive(Clone, Copy, Debug)]
enum Change {
    /// A text of an example becomes another one.
    Edit(&'static str, &'static str, &'static str),
    /// svc3's pods are gone.
    NoPods,
}

/// A condition of a TraefikService.
#[derive(Debug)]
struct Explained {
    name: &'static str,
    condition: &'static str,
    status: &'static str,
    reason: &'static str,
    /// A part of the message, with `apps` for the namespace.
    message: &'static str,
}

const fn refused(name: &'static str, reason: &'static str, message: &'static str) -> Explained {
    Explained {
        name,
        condition: "Accepted",
        status: "False",
        reason,
        message,
    }
}

const MISTAKES: [Mistake; 5] = [
    Mistake {
        change: Change::Edit(
            "weighted.yaml",
            "      - name: svc3\n        port: 80\n",
            "      - name: wrr1\n        kind: TraefikService\n",
        ),
        explained: &[
            refused("wrr1", "CycleDetected", "apps/wrr1 -> apps/wrr2 -> apps/wrr1"),
            refused("wrr2", "CycleDetected", "apps/wrr2 -> apps/wrr1 -> apps/wrr2"),
            Explained {
                name: "wrr2",
                condition: "Programmed",
                status: "False",
                reason: "LastGoodServed",
                message: "generation 1",
            },
        ],
        shares: [800, 200, 200],
    },
    Mistake {
        change: Change::Edit("mirroring.yaml", "percent: 20", "percent: 150"),
        explained: &[refused("mirror1", "InvalidPercent", "150")],
        shares: [800, 200, 200],
    },
    Mistake {
        change: Change::Edit(
            "weighted.yaml",
            "name: mirror1\n",
            "name: mirror1@kubernetescrd\n",
        ),
        explained: &[refused("wrr1", "InvalidName", "mirror1@kubernetescrd")],
        shares: [800, 200, 200],
    },
    Mistake {
        change: Change::Edit("weighted.yaml", "name: svc1\n", "name: svc9\n"),
        explained: &[Explained {
            name: "wrr1",
            condition: "ResolvedRefs",
            status: "False",
            reason: "BackendNotFound",
            message: "Service apps/svc9 does not exist",
        }],
        shares: [600, 300, 300],
    },
    Mistake {
        change: Change::NoPods,
        explained: &[Explained {
            name: "wrr2",
            condition: "NoEndpoints",
            status: "True",
            reason: "NoEndpoints",
            message: "svc3",
        }],
        shares: [800, 400, 0],
    },
];

/// Within one second, without a failed request, also with the operator restarted while it lasts; mending heals it.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn each_mistake_is_explained_within_a_second_and_no_request_fails() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let mut scene = Scene::start(&namespace).await.unwrap();
    let mut load = scene.load().await.unwrap();
    for mistake in &MISTAKES {
        let (play, answers) = load.send_during("mistake", make(&scene, mistake)).await;
        play.unwrap();
        all_good(&answers);
        assert_eq!(shares(&mut load).await, mistake.shares, "{:?}", mistake.change);

        let (play, answers) = load.send_during("restart", restart(&mut scene, mistake)).await;
        play.unwrap();
        all_good(&answers);
        assert_eq!(
            shares(&mut load).await,
            mistake.shares,
            "{:?} after a restart",
            mistake.change
        );

        let (play, answers) = load.send_during("mend", mend(&scene, mistake)).await;
        play.unwrap();
        all_good(&answers);
        assert_eq!(
            shares(&mut load).await,
            [800, 200, 200],
            "{:?} mended",
            mistake.change
        );
    }
}

async fn make(scene: &Scene<'_>, mistake: &Mistake) -> Result<()> {
    apply(scene, mistake.change, true).await?;
    let start = Instant::now();
    for explained in mistake.explained {
        explained
            .wait(scene, EXPLAINED.saturating_sub(start.elapsed()))
            .await?;
    }
    println!("explained after {:?}: {:?}", start.elapsed(), mistake.change);
    scene.await_loaded(LIMIT).await
}

/// The new operator says the same, and has nothing to write.
async fn restart(scene: &mut Scene<'_>, mistake: &Mistake) -> Result<()> {
    let before = scene.written().await?;
    scene.operator.process.terminate(LIMIT).await?;
    scene.operator = scene.release.operator("next").await?;
    scene.await_leader(LIMIT).await?;
    for explained in mistake.explained {
        explained.wait(scene, LIMIT).await?;
    }
    scene.await_loaded(LIMIT).await?;
    let after = scene.written().await?;
    ensure!(before == after, "{before:#?} became {after:#?}");
    Ok(())
}

async fn mend(scene: &Scene<'_>, mistake: &Mistake) -> Result<()> {
    apply(scene, mistake.change, false).await?;
    for name in ["wrr1", "wrr2", "mirror1", "svc3"] {
        let namespace = scene.release.namespace;
        namespace
            .await_object(TRAEFIK_SERVICE, name, LIMIT, |object| {
                let conditions = object["status"]["conditions"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                // and none of those that are there only while something is wrong
                let well = conditions.len() == 4 && conditions.iter().all(|found| found["status"] == "True");
                ensure!(well, "{conditions:#?}");
                Ok(())
            })
            .await?;
    }
    scene.await_loaded(LIMIT).await
}

async fn apply(scene: &Scene<'_>, change: Change, wrong: bool) -> Result<()> {
    let namespace = scene.release.namespace;
    match change {
        Change::Edit(file, right, bad) => {
            let edit = |text: String| if wrong { text.replacen(right, bad, 1) } else { text };
            namespace.apply_example(file, edit).await.map(drop)
        }
        Change::NoPods if wrong => scene.apps[2].leave(namespace).await,
        Change::NoPods => scene.apps[2].come_back(namespace).await,
    }
}

impl Explained {
    async fn wait(&self, scene: &Scene<'_>, limit: Duration) -> Result<()> {
        let namespace = scene.release.namespace;
        let message = self.message.replace("apps/", &format!("{}/", namespace.name));
        let object = namespace.await_object(TRAEFIK_SERVICE, self.name, limit, |object| {
            let found = condition_of(object, self.condition);
            let text = found["message"].as_str().unwrap_or_default();
            let said = found["status"] == self.status
                && found["reason"] == self.reason
                && found["observedGeneration"] == object["metadata"]["generation"]
                && text.contains(&message);
            ensure!(
                said,
                "wanted {self:?}, its conditions: {:#}",
                object["status"]["conditions"]
            );
            Ok(())
        });
        object.await.map(drop)
    }
}
