//! Published objects that somebody else changes.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use weir_e2e::cluster::{
    Cluster,
    namespace::Namespace,
    resource::{CONFIG_MAP, Resource, SECRET},
    wait::eventually,
};

use super::scene::{Scene, all_good, shares};
use crate::told::LIMIT;

/// What somebody does to an object.
#[derive(Clone, Copy, Debug)]
enum Meddling {
    Edit,
    Empty,
    Add,
    Relabel,
    Disown,
    Delete,
}

const ALL: [Meddling; 6] = [
    Meddling::Edit,
    Meddling::Empty,
    Meddling::Add,
    Meddling::Relabel,
    Meddling::Disown,
    Meddling::Delete,
];

async fn meddle(namespace: &Namespace<'_>, resource: Resource, name: &str, how: Meddling) -> Result<()> {
    let file = format!("{}.json", name.trim_start_matches("weir-"));
    // `{}`, in a Secret as base64
    let nothing = if resource == SECRET { "e30=" } else { "{}" };
    let change = match how {
        Meddling::Edit => json!({"data": {file: nothing}}),
        Meddling::Empty => json!({"data": null}),
        Meddling::Add => json!({"data": {"notes.txt": nothing}}),
        Meddling::Relabel => json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}}),
        Meddling::Disown => json!({"metadata": {"ownerReferences": null}}),
        Meddling::Delete => return namespace.delete(resource, name).await,
    };
    namespace.patch(resource, name, &change).await.map(drop)
}

/// What matters of each published object.
async fn published(scene: &Scene<'_>) -> Result<BTreeMap<String, Value>> {
    let objects = scene.release.read_published().await?.objects;
    let content = objects.into_iter().map(|(name, object)| {
        let Value::Object(object) = object else {
            unreachable!("{object}")
        };
        let metadata = ["labels", "ownerReferences"].map(|key| object["metadata"][key].clone());
        let content = ["data", "binaryData", "type"].map(|key| object.get(key).cloned());
        (name, json!([metadata, content]))
    });
    Ok(content.collect())
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn what_somebody_does_to_a_published_object_is_undone_and_no_request_fails() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let scene = Scene::start(&namespace).await.unwrap();
    let mut load = scene.load().await.unwrap();
    let before = published(&scene).await.unwrap();
    let owner = namespace.get(CONFIG_MAP, "weir-owner").await.unwrap();
    assert_eq!(before.len(), 3);
    for object in before.values() {
        assert_eq!(object[0][1][0]["uid"], owner["metadata"]["uid"], "{object}");
    }
    let objects = [
        (CONFIG_MAP, "weir-config"),
        (CONFIG_MAP, "weir-endpoints"),
        (SECRET, "weir-secrets"),
    ];
    let meddling = async {
        for (resource, name) in objects {
            for how in ALL {
                meddle(&namespace, resource, name, how).await.unwrap();
                eventually(&format!("{how:?} of {name} is undone"), LIMIT, async || {
                    let now = published(&scene).await?;
                    ensure!(now == before, "{now:#?} is not {before:#?}");
                    Ok(())
                })
                .await
                .unwrap();
            }
        }
        scene.await_loaded(LIMIT).await.unwrap();
    };
    let ((), answers) = load.send_during("meddling", meddling).await;
    all_good(&answers);
    assert_eq!(shares(&mut load).await, [800, 200, 200]);
}
