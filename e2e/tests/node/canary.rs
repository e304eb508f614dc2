//! A canary takes over in steps while its pods come and go: shares are exact, and nobody notices.

use std::time::Duration;

use anyhow::{Result, ensure};
use weir_e2e::{
    cluster::{resource::ENDPOINT_SLICE, wait::eventually},
    node::Node,
};

use crate::support::{App, Clients, Scene};

const LIMIT: Duration = Duration::from_mins(2);
const STABLE: &str = "stable";
const CANARY: &str = "canary";
/// What the canary is scaled to before the step to this weight.
const SCALED: [(u32, u32); 3] = [(20, 10), (50, 0), (80, 3)];

#[tokio::test]
#[ignore = "needs a node: make e2e-node"]
async fn a_canary_takes_over_in_steps_while_it_is_scaled() {
    let node = Node::shared().await.unwrap();
    let apps = [(App::new(STABLE, 2), 100), (App::new(CANARY, 1), 0)];
    let scene = Scene::start(node, &apps, &[]).await.unwrap();
    let mut clients = Clients::connect(&scene).await.unwrap();
    let steps = async {
        for weight in (0..=100).step_by(10) {
            step(&scene, weight).await?;
        }
        Ok(())
    };
    clients.unharmed_by("a canary in steps", steps).await;
    scene.end().await.unwrap();
}

async fn step(scene: &Scene<'_>, weight: u32) -> Result<()> {
    let scaled = SCALED.iter().rev().find(|(from, _)| *from <= weight);
    // the last moment for all of the ten to have been there
    if let Some((from, replicas @ 1..)) = scaled
        && SCALED.iter().any(|(next, _)| *next == weight + 10)
        && *from < weight
    {
        await_endpoints(scene, *replicas as usize).await?;
    }
    // pods come and go while the step is made …
    if let Some((from, replicas)) = scaled
        && *from == weight
    {
        scene.scale(CANARY, *replicas).await?;
        // … but for these, since a share of nothing and one of something are not the same
        if [0, 3].contains(replicas) {
            await_endpoints(scene, *replicas as usize).await?;
        }
    }
    scene.weigh(&[(STABLE, 100 - weight), (CANARY, weight)]).await?;
    scene.await_programmed().await?;
    let is_gone = scaled.is_some_and(|(_, replicas)| *replicas == 0);
    let shares = if is_gone {
        [(STABLE, 100), (CANARY, 0)]
    } else {
        [(STABLE, 100 - weight), (CANARY, weight)]
    };
    for proxy in scene.weir.await_pods("proxy", 2).await? {
        scene.await_served(&proxy, &shares).await?;
    }
    println!("{weight} % for the canary: shares are exact");
    Ok(())
}

/// Waits until the canary has so many pods in its Service, and no others.
async fn await_endpoints(scene: &Scene<'_>, count: usize) -> Result<()> {
    eventually(&format!("the canary has {count} pods"), LIMIT, async || {
        let slices = scene.namespace.list(ENDPOINT_SLICE).await?;
        let its = slices
            .iter()
            .filter(|slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == CANARY);
        let endpoints: Vec<_> = its
            .filter_map(|slice| slice["endpoints"].as_array())
            .flatten()
            .collect();
        let ready = endpoints
            .iter()
            .filter(|endpoint| endpoint["conditions"]["ready"] == true);
        let ready = ready.count();
        ensure!((ready, endpoints.len()) == (count, count), "{endpoints:?}");
        Ok(())
    })
    .await
}
