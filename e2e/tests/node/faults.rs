//! What is published is deleted by hand.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Result, ensure};
use weir_e2e::{
    cluster::{resource::CONFIG_MAP, wait::eventually},
    http,
    node::Node,
};

use crate::support::{App, Scene, await_page};

const LIMIT: Duration = Duration::from_mins(2);
const CONNECTIONS: usize = 8;
/// Between the requests of a connection.
const PAUSE: Duration = Duration::from_millis(5);
/// What is deleted.
const CONFIG: &str = "weir-config";

/// Deletes it, and waits until it is there again as it was. The operator says that it had to do that.
async fn delete_and_await(scene: &Scene<'_>) -> Result<()> {
    let before = scene.namespace.get(CONFIG_MAP, CONFIG).await?;
    scene.namespace.delete(CONFIG_MAP, CONFIG).await?;
    eventually("it is there again", LIMIT, async || {
        let now = scene.namespace.get(CONFIG_MAP, CONFIG).await?;
        let (new, old) = (&now["metadata"]["uid"], &before["metadata"]["uid"]);
        ensure!(new != old, "it is not gone");
        ensure!(now["data"] == before["data"], "{now:#} instead of {before:#}");
        Ok(())
    })
    .await?;
    eventually("the operator says so", LIMIT, async || {
        let log = scene.operators_log().await?;
        let told = "restored ConfigMap weir-config, which somebody edited or deleted";
        ensure!(log.contains(told), "{log}");
        Ok(())
    })
    .await
}

/// Deletes it while no operator runs, and makes kubelet take it out of the proxies' volumes. They serve on and say why.
async fn delete_and_await_missed(scene: &Scene<'_>) -> Result<()> {
    scene.scale_operators(0).await?;
    scene.namespace.delete(CONFIG_MAP, CONFIG).await?;
    let annotate = [
        "annotate",
        "pods",
        "--selector=app.kubernetes.io/component=proxy",
        "--overwrite",
        "weir.dev/config=hurry",
    ];
    scene.namespace.kubectl(&annotate).await?;
    for proxy in scene.weir.pods("proxy").await? {
        await_page(&proxy, |page| {
            ensure!(
                page["inSync"] == false && page["lastRejection"]["code"] == "missing",
                "{page:#}"
            );
            Ok(())
        })
        .await?;
        let (status, ready) = http::get(SocketAddr::new(proxy.address, 9000), "/readyz").await?;
        ensure!(status.is_success(), "{status}: {ready:?}");
        scene.await_served(&proxy, &[("a", 2), ("b", 1)]).await?;
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs a node: make e2e-node"]
async fn what_is_published_and_deleted_by_hand_is_back_and_no_request_fails() {
    let node = Node::shared().await.unwrap();
    let apps = [(App::new("a", 1), 2), (App::new("b", 1), 1)];
    let scene = Scene::start(node, &apps, &[]).await.unwrap();
    let mut load = scene.load(CONNECTIONS).await.unwrap();
    load.set_pause(PAUSE);
    let proxies = scene.weir.await_pods("proxy", 2).await.unwrap();
    let play = async {
        delete_and_await(&scene).await?;
        scene.await_converged(&proxies, &[("a", 2), ("b", 1)]).await?;
        delete_and_await_missed(&scene).await?;
        // what was published before is known nowhere any longer: it is compiled from what is there now
        scene.weigh(&[("a", 1), ("b", 4)]).await?;
        scene.scale_operators(2).await?;
        scene.await_converged(&proxies, &[("a", 1), ("b", 4)]).await?;
        scene.weigh(&[("a", 3), ("b", 2)]).await?;
        scene.await_converged(&proxies, &[("a", 3), ("b", 2)]).await
    };
    let (play, answers) = load.send_during("deleted", play).await;
    play.unwrap();
    println!(
        "a published ConfigMap deleted by hand: {} requests, {} failed",
        answers.good() + answers.failed,
        answers.failed
    );
    assert_eq!(answers.failed, 0, "{:#?}", answers.failures);
    assert!(answers.good() > 1000, "{answers:?}");
    // the same pods, and nothing of them was started anew
    assert_eq!(scene.weir.pods("proxy").await.unwrap(), proxies);
    scene.end().await.unwrap();
}
