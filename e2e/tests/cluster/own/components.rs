//! Whether the control plane can be broken and mended, as tests of the operator need it.

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;
use weir_e2e::cluster::{
    Cluster, api::Refusal, control_plane::Component, resource::CONFIG_MAP, wait::eventually, watch::Cache,
};

const LIMIT: Duration = Duration::from_mins(1);

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn what_is_stored_outlives_stopped_killed_and_paused_components() {
    let cluster = Cluster::start().await.unwrap();
    let path = CONFIG_MAP.collection("default");
    let create = async |cluster: &Cluster, name: &str| {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
        cluster.api().create(&path, &object).await
    };
    create(&cluster, "first").await.unwrap();

    cluster.kill_component(Component::Etcd).unwrap();
    cluster.start_component(Component::Etcd).unwrap();
    cluster.wait_until_ready().await.unwrap();
    create(&cluster, "second").await.unwrap();

    cluster.stop_component(Component::ApiServer).await.unwrap();
    create(&cluster, "never").await.unwrap_err();
    cluster.start_component(Component::ApiServer).unwrap();
    cluster.wait_until_ready().await.unwrap();

    cluster.pause_component(Component::ApiServer).unwrap();
    let answer = tokio::time::timeout(Duration::from_millis(200), create(&cluster, "third")).await;
    assert!(answer.is_err(), "a paused server has answered: {answer:?}");
    cluster.resume_component(Component::ApiServer).unwrap();
    cluster.wait_until_ready().await.unwrap();

    // the client that did not wait for it may have been heard, or not
    if let Err(error) = create(&cluster, "third").await {
        assert_eq!(Refusal::status_of(&error), Some(409), "{error:#}");
    }

    let mut cache = Cache::new(*cluster.api(), path.clone());
    let all = eventually("all are listed", LIMIT, async || {
        cache.change().await?;
        let names: Vec<_> = cache.objects.keys().cloned().collect();
        ensure!(names.contains(&"third".to_owned()), "{names:?}");
        Ok(names)
    });
    assert_eq!(all.await.unwrap(), ["first", "second", "third"]);
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_watch_goes_on_after_the_api_server_was_away() {
    let cluster = Cluster::start().await.unwrap();
    let path = CONFIG_MAP.collection("default");
    let mut cache = Cache::new(*cluster.api(), path.clone());
    cache.change().await.unwrap();
    cluster.kill_component(Component::ApiServer).unwrap();
    cache.change().await.unwrap_err();
    cluster.start_component(Component::ApiServer).unwrap();
    cluster.wait_until_ready().await.unwrap();
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}});
    cluster.api().create(&path, &object).await.unwrap();
    eventually("it is seen", LIMIT, async || {
        cache.change().await?;
        ensure!(cache.objects.contains_key("new"), "{:?}", cache.objects.keys());
        Ok(())
    })
    .await
    .unwrap();
}

/// What `make e2e KUBECONFIG=…` does.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_cluster_that_is_there_can_be_used_but_not_broken() {
    let there = Cluster::start().await.unwrap();
    let cluster = Cluster::existing(there.kubeconfig()).await.unwrap();
    cluster.install_crds().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let name = namespace.name.clone();
    let shown = namespace.kubectl(&["get", "traefikservices"]).await.unwrap();
    assert_eq!(shown, "");
    drop(namespace);

    let error = cluster.kill_component(Component::Etcd).unwrap_err().to_string();
    assert!(error.contains("WEIR_E2E_KUBECONFIG"), "{error}");
    drop(cluster);

    // the namespace goes, and the cluster stays
    let path = format!("/api/v1/namespaces/{name}");
    eventually("the namespace is deleted", LIMIT, async || {
        let found = there.api().find(&path).await?;
        ensure!(found.is_none(), "{found:?}");
        Ok(())
    })
    .await
    .unwrap();
}
