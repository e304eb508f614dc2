//! Two leaders for a moment.

use std::time::Duration;

use anyhow::{Result, ensure};
use weir_e2e::cluster::{Cluster, audit::Write, operator::OperatorProcess, user::User, wait::eventually};

use super::scene::{Scene, all_good, no_doubles, shares, shares_of};

/// For what has no limit of its own.
const LIMIT: Duration = Duration::from_secs(20);
/// Until a leader that hangs has a successor.
const HANGING: Duration = Duration::from_secs(15);
/// Until one that was told to end has.
const ENDED: Duration = Duration::from_secs(5);

/// The first is stopped in its tracks in the midst of an edit, and goes on when another one leads.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_leader_that_wakes_up_too_late_writes_nothing() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let mut scene = Scene::start(&namespace).await.unwrap();
    let mut load = scene.load().await.unwrap();
    let second = User::administrator(&namespace, "second").await.unwrap();
    let mut follower = scene.release.operator_of(&second).await.unwrap();

    let pause = async {
        scene.set_weight(4).await?;
        scene.operator.process.pause()?;
        let waited = follower.await_leading(HANGING).await?;
        println!("the second leads {waited:?} after the first was paused");
        scene.await_ready(LIMIT).await?;
        scene.set_weight(10).await?;
        scene.await_ready(LIMIT).await
    };
    let (play, answers) = load.send_during("paused", pause).await;
    play.unwrap();
    all_good(&answers);
    assert_eq!(shares(&mut load).await, shares_of(10));

    let audit = cluster.audit().unwrap();
    let mark = audit.mark().await.unwrap();
    let resume = async {
        scene.operator.process.resume()?;
        // a moment later it would know of the other one, and has known of the edits
        scene.set_weight(2).await?;
        scene.await_ready(LIMIT).await?;
        await_following(&scene.operator, &follower).await
    };
    let (play, answers) = load.send_during("resumed", resume).await;
    play.unwrap();
    all_good(&answers);
    assert_eq!(shares(&mut load).await, shares_of(2));
    let mut writes = audit.of(&scene.user.name, &mark).await.unwrap();
    for attempt in &writes {
        println!("an attempt of the first after it has woken up: {attempt}");
    }
    writes.retain(Write::succeeded);
    assert!(writes.is_empty(), "{writes:#?}");

    let end = async {
        follower.process.terminate(ENDED).await?;
        scene.operator.await_leading(ENDED).await?;
        scene.set_weight(1).await?;
        scene.await_ready(LIMIT).await
    };
    let (play, answers) = load.send_during("again", end).await;
    play.unwrap();
    all_good(&answers);
    assert_eq!(shares(&mut load).await, shares_of(1));
    no_doubles(&scene.events().await.unwrap());
}

/// Waits until an operator knows what the leader has published, and that it does not lead itself.
async fn await_following(operator: &OperatorProcess, leader: &OperatorProcess) -> Result<()> {
    eventually("the first follows the second", LIMIT, async || {
        let (status, ready) = operator.page("/readyz").await?;
        ensure!(
            status.is_success() && ready.contains("does not lead"),
            "{status}: {ready}"
        );
        let [own, published] = [
            operator.metric("weir_compiled_revision").await?,
            leader.metric("weir_compiled_revision").await?,
        ];
        ensure!(
            own == published && own.is_some(),
            "{own:?} compiled, {published:?} published"
        );
        Ok(())
    })
    .await
}
