//! The custom resources as the API server takes them.

use serde_json::json;
use weir_e2e::cluster::{Cluster, kubectl::Kubectl, resource::CUSTOM};

use crate::sample::Sample;

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn kubectl_applies_them_without_a_warning() {
    let cluster = Cluster::shared().await.unwrap();
    let crds = Kubectl::file("crds");
    let apply = ["apply", "--server-side", "-f", &crds];
    let said = cluster.kubectl().say(&apply, None).await.unwrap();
    assert_eq!(said.stderr, "");
    let applied: Vec<_> = said.stdout.lines().collect();
    assert_eq!(applied.len(), CUSTOM.len(), "{applied:?}");
    for resource in CUSTOM {
        let definition = cluster.api().get(&resource.definition()).await.unwrap();
        let violations = definition["status"]["conditions"].as_array().unwrap().iter();
        let violations: Vec<_> = violations
            .filter(|condition| condition["type"] == "NonStructuralSchema")
            .collect();
        assert!(violations.is_empty(), "{violations:?}");
    }
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn an_unknown_key_at_each_level_below_spec_is_kept() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    for resource in CUSTOM {
        let sample = Sample::of(resource, cluster).await.unwrap();
        let spec = sample.with_unknown_keys();
        let object = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": "all"},
            "spec": spec,
        });
        // kubectl asks the API server to refuse fields that it would drop
        let object = object.to_string();
        namespace
            .kubectl_with(&["apply", "-f", "-"], &object)
            .await
            .unwrap();
        let stored = namespace.get(resource, "all").await.unwrap();
        assert_eq!(sample.lost(&stored["spec"]), Vec::<&str>::new());
        assert_eq!(stored["spec"], spec);
        println!("{}: {} levels", resource.kind, sample.levels.len());
        assert!(sample.levels.len() > 1, "{:?}", sample.levels);
    }
}
