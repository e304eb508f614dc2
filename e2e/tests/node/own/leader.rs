//! The operator that writes is killed.

use std::time::Duration;

use futures::future::try_join;
use weir_e2e::node::Node;

use crate::{
    rolling::assert_unnoticed,
    support::{App, Scene},
};

const CONNECTIONS: usize = 8;
/// Between the requests of a connection.
const PAUSE: Duration = Duration::from_millis(5);

/// Nobody tells proxies about new pods until the leader's Lease has run out, after 10 s. So the rollout takes its time, as
/// one does whose pods need some to start.
#[tokio::test]
#[ignore = "needs a node: make e2e-node"]
async fn an_application_is_rolled_out_unnoticed_while_the_leader_is_killed() {
    let node = Node::shared().await.unwrap();
    let apps = [
        (App::that_lingers("lingers", 3).paced(6), 1),
        (App::new("stops", 3).paced(6), 1),
    ];
    let scene = Scene::start(node, &apps, &[]).await.unwrap();
    let mut load = scene.load(CONNECTIONS).await.unwrap();
    load.set_pause(PAUSE);
    let (before, answers) = load
        .send_during(
            "killed",
            Box::pin(async {
                let (leader, before) = (scene.leader().await?, scene.lease_holder().await?);
                node.kill(&leader, "weir-operator")?;
                try_join(scene.restart("lingers"), scene.restart("stops")).await?;
                anyhow::Ok(before)
            }),
        )
        .await;
    // the container is started again in its pod, and may win
    assert_ne!(before.unwrap(), scene.lease_holder().await.unwrap());
    assert_unnoticed("rolled out while the leader is killed", &answers);
    scene.end().await.unwrap();
}
