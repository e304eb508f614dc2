//! weir itself is replaced under load: nobody notices.

use anyhow::Result;
use weir_e2e::{
    binaries::Binaries,
    load::Load,
    node::{Node, installed::Pod},
};

use crate::support::{App, Clients, Scene};

/// Another version, as far as Kubernetes can tell.
const TAG: &str = "another";
/// In another place in the pods, with another entry point beside it.
const ENTRY_POINTS: &str = r#"entryPoints=[
    {"name": "web", "port": 8010, "exposedPort": 80, "default": true},
    {"name": "alt", "port": 8020, "exposedPort": 81, "default": true}
]"#;

#[tokio::test]
#[ignore = "needs a node: make e2e-node"]
async fn weir_is_restarted_and_upgraded_unnoticed() {
    let node = Node::shared().await.unwrap();
    let programs = Binaries::beside_this().unwrap();
    for (name, program) in [
        ("weir-operator", &programs.operator),
        ("weir-proxy", &programs.proxy),
    ] {
        node.import(&format!("{name}:{TAG}"), program, &[]).await.unwrap();
    }
    let apps = [(App::new("old", 1), 3), (App::new("new", 1), 1)];
    let scene = Scene::start(node, &apps, &[]).await.unwrap();
    let mut clients = Clients::connect(&scene).await.unwrap();

    clients
        .unharmed_by("rollout restart of the proxies", scene.restart("weir-proxy"))
        .await;

    let leader = scene.leader().await.unwrap();
    clients
        .unharmed_by("rollout restart of the operator", scene.restart("weir-operator"))
        .await;
    // the one that leads now has something to do
    scene.weigh(&[("old", 1), ("new", 3)]).await.unwrap();
    scene.await_programmed().await.unwrap();
    assert_ne!(scene.leader().await.unwrap().name, leader.name);

    let values = [
        "--reuse-values",
        "--set-json",
        ENTRY_POINTS,
        "--set=proxy.replicas=3,proxy.limits.headTimeout=20s,proxy.limits.parkAfter=500ms,operator.log.level=debug",
    ];
    let upgraded = clients.unharmed_by("helm upgrade with other values", upgrade(&scene, &values));
    assert_eq!(upgraded.await.len(), 3);
    let alt = scene.weir.entry("alt").await.unwrap();
    let mut alt = Load::connect(alt, scene.target(), 1).await.unwrap();
    let answers = alt.send("alt", 10).await;
    assert_eq!(
        (answers.good(), answers.failed),
        (10, 0),
        "{:?}",
        answers.failures
    );
    drop(alt);

    let tag = format!("--set=image.tag={TAG}");
    let values = ["--reuse-values", tag.as_str()];
    let upgraded = clients.unharmed_by("helm upgrade to another version", upgrade(&scene, &values));
    assert_eq!(upgraded.await.len(), 3);
    let images = [
        "get",
        "pods",
        "-o",
        "jsonpath={.items[*].spec.containers[*].image}",
    ];
    let images = scene.weir.kubectl(&images).await.unwrap();
    let [operators, proxies] =
        ["operator", "proxy"].map(|name| images.matches(&format!("weir-{name}:{TAG}")).count());
    assert_eq!((operators, proxies), (2, 3), "{images}");
    scene.end().await.unwrap();
}

/// `helm upgrade`, until nothing of what was there before is left. The proxies that are there then.
async fn upgrade(scene: &Scene<'_>, values: &[&str]) -> Result<Vec<Pod>> {
    let mut before = scene.pods_of("weir-proxy").await?;
    before.append(&mut scene.pods_of("weir-operator").await?);
    scene.weir.upgrade(values).await?;
    scene.await_end(&before).await?;
    scene.weir.pods("proxy").await
}
