//! Pods are replaced under load: nobody notices.

use std::time::Duration;

use weir_e2e::{load::Answers, node::Node};

use crate::support::{App, Scene};

const CONNECTIONS: usize = 8;
/// Between the requests of a connection.
const PAUSE: Duration = Duration::from_millis(5);

/// Everything was answered, and there was enough of it for that to mean something.
pub(crate) fn assert_unnoticed(what: &str, answers: &Answers) {
    println!(
        "{what}: {} requests, {} failed",
        answers.good() + answers.failed,
        answers.failed
    );
    assert_eq!(answers.failed, 0, "{what}: {:#?}", answers.failures);
    assert!(answers.good() > 1000, "{what}: {answers:?}");
}

#[tokio::test]
#[ignore = "needs a node: make e2e-node"]
async fn an_application_is_rolled_out_unnoticed() {
    let node = Node::shared().await.unwrap();
    let apps = [(App::that_lingers("lingers", 3), 1), (App::new("stops", 3), 1)];
    let scene = Scene::start(node, &apps, &[]).await.unwrap();
    let mut load = scene.load(CONNECTIONS).await.unwrap();
    load.set_pause(PAUSE);
    for name in ["lingers", "stops"] {
        let (done, answers) = load.send_during(name, scene.restart(name)).await;
        done.unwrap();
        assert_unnoticed(&format!("{name}, rolled out"), &answers);
    }
    scene.end().await.unwrap();
}
