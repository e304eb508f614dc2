//! Where Traefik's own custom resources are installed, ours take over, and nothing that is stored is lost.

use anyhow::Result;
use serde_json::{Value, json};
use weir_e2e::cluster::{
    Cluster,
    api::Refusal,
    kubectl::Kubectl,
    resource::{CUSTOM, TRAEFIK_SERVICE},
};

use crate::sample::{Sample, UNKNOWN};

/// Fields of a definition that Traefik's have not. Neither has it anything by which unknown fields are kept.
const OURS: [&str; 3] = [
    "subresources",
    "additionalPrinterColumns",
    "x-kubernetes-preserve-unknown-fields",
];

/// Takes our definitions, which are installed, away, and returns them as Traefik has them: without a place for a status.
pub async fn like_traefik(cluster: &Cluster) -> Result<Vec<Value>> {
    let mut definitions = Vec::new();
    for resource in CUSTOM {
        let definition = cluster.api().get(&resource.definition()).await?;
        definitions.push(stripped(&definition));
    }
    let crds = Kubectl::file("crds");
    cluster.kubectl().run(&["delete", "-f", &crds]).await?;
    Ok(definitions)
}

/// Installs definitions as helm would.
pub async fn install(cluster: &Cluster, definitions: &[Value]) -> Result<()> {
    for definition in definitions {
        let apply = ["apply", "--server-side", "--field-manager=helm", "-f", "-"];
        cluster
            .kubectl()
            .run_with(&apply, &definition.to_string())
            .await?;
        let name = definition["metadata"]["name"].as_str().unwrap_or_default();
        let established = ["wait", "--for=condition=Established", &format!("crd/{name}")];
        cluster.kubectl().run(&established).await?;
    }
    Ok(())
}

/// A definition as Traefik writes it, with its lists of required fields.
fn stripped(definition: &Value) -> Value {
    let mut version = definition["spec"]["versions"][0].clone();
    strip(&mut version);
    let schema = &mut version["schema"]["openAPIV3Schema"];
    schema["properties"].as_object_mut().unwrap().remove("status");
    schema["required"] = json!(["metadata", "spec"]);
    json!({
        "apiVersion": definition["apiVersion"],
        "kind": definition["kind"],
        "metadata": {
            "name": definition["metadata"]["name"],
            "annotations": {"controller-gen.kubebuilder.io/version": "v0.16.1"},
        },
        "spec": {
            "group": definition["spec"]["group"],
            "names": definition["spec"]["names"],
            "scope": definition["spec"]["scope"],
            "versions": [version],
        },
    })
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !OURS.contains(&name.as_str()));
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn ours_over_definitions_without_status_keep_every_object() {
    let cluster = Cluster::start().await.unwrap();
    cluster.install_crds().await.unwrap();
    let definitions = like_traefik(&cluster).await.unwrap();
    install(&cluster, &definitions).await.unwrap();

    let namespace = cluster.namespace().await.unwrap();
    let mut stored = Vec::new();
    for resource in CUSTOM {
        let sample = Sample::of(resource, &cluster).await.unwrap();
        let object = json!({"spec": sample.with_unknown_keys()});
        let object = namespace.create(resource, "all", object).await.unwrap();
        // this is what they do to a key that they do not know, and why ours do not
        assert_eq!(sample.lost(&object["spec"]).len(), sample.levels.len());
        assert_eq!(object["spec"], sample.spec);
        stored.push(object);
    }
    let status = json!({"leaves": 1});
    let error = namespace
        .patch_status(TRAEFIK_SERVICE, "all", &status)
        .await
        .unwrap_err();
    assert_eq!(Refusal::status_of(&error), Some(404), "{error:#}");

    cluster.install_crds().await.unwrap();

    for (resource, old) in CUSTOM.into_iter().zip(stored) {
        let object = namespace.get(resource, "all").await.unwrap();
        assert_eq!(object["spec"], old["spec"]);
        for field in ["uid", "generation", "resourceVersion"] {
            assert_eq!(object["metadata"][field], old["metadata"][field], "{field}");
        }
        let patch = json!({"spec": {UNKNOWN: "kept"}});
        let object = namespace.patch(resource, "all", &patch).await.unwrap();
        assert_eq!(object["spec"][UNKNOWN], "kept");
    }
    let object = namespace
        .patch_status(TRAEFIK_SERVICE, "all", &status)
        .await
        .unwrap();
    assert_eq!(object["status"], status);
    let shown = namespace.kubectl(&["get", "traefikservices"]).await.unwrap();
    assert!(
        shown.starts_with("NAME   KIND   LEAVES   READY   REASON   AGE"),
        "{shown}"
    );
}
