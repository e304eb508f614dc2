//! Whether a running proxy sees published documents as it would on a node: late, unless its pod is touched.

use std::{fs, path::Path, time::Duration};

use anyhow::ensure;
use serde_json::{Value, json};
use weir_e2e::{
    backend::Backend,
    binaries::Binaries,
    cluster::{
        Cluster,
        namespace::{Namespace, condition_of},
        projection::{Projection, Refresh, Source, SourceKind},
        proxy_pod::{ProxyPod, ProxySet},
        resource::{CONFIG_MAP, POD, SECRET},
        wait::eventually,
    },
    load::{Load, Target},
    operator::{Operator, digests},
    slices::endpoint_slice,
};

const LIMIT: Duration = Duration::from_secs(20);
const DOCUMENTS: [(&str, SourceKind); 3] = [
    ("config", SourceKind::ConfigMap),
    ("endpoints", SourceKind::ConfigMap),
    ("secrets", SourceKind::Secret),
];

fn source(name: &str, kind: SourceKind) -> Source {
    Source {
        kind,
        name: name.to_owned(),
        optional: true,
    }
}

/// Compiles one route to `service` at the backend, and publishes the documents in the namespace.
async fn publish(namespace: &Namespace<'_>, binaries: &Binaries, folder: &Path, service: &Backend) {
    let (manifests, output) = (folder.join("manifests"), folder.join("documents"));
    fs::create_dir_all(&manifests).unwrap();
    let name = &service.name;
    let objects = [
        json!({
            "apiVersion": "traefik.io/v1alpha1",
            "kind": "IngressRoute",
            "metadata": {"name": "web", "namespace": "apps"},
            "spec": {"entryPoints": ["web"], "routes": [{
                "match": "Host(`example.com`)",
                "kind": "Rule",
                "services": [{"name": name, "port": 80}],
            }]},
        }),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": "apps"},
            "spec": {"ports": [{"name": "http", "port": 80}]},
        }),
        endpoint_slice("apps", name, Some(service.address)),
    ];
    let objects = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    fs::write(manifests.join("all.json"), objects.to_string()).unwrap();
    let operator = Operator { binaries, folder };
    let report = operator.compile("manifests", "documents").await.unwrap();
    assert!(report.clean, "{}", report.text);

    for (name, kind) in DOCUMENTS {
        let file = format!(
            "--from-file={}",
            output.join(name).with_extension("json").display()
        );
        let create = match kind {
            SourceKind::ConfigMap => vec!["create", "configmap", name],
            SourceKind::Secret => vec!["create", "secret", "generic", name],
        };
        let create = [&create[..], &[file.as_str(), "--dry-run=client", "-o", "json"]].concat();
        let object = namespace.kubectl(&create).await.unwrap();
        let apply = ["apply", "--server-side", "-f", "-"];
        namespace.kubectl_with(&apply, &object).await.unwrap();
    }
}

async fn asked(pod: &ProxyPod) -> String {
    let target = Target {
        host: "example.com".to_owned(),
        path: "/".to_owned(),
    };
    let mut load = Load::connect(pod.web, target, 1).await.unwrap();
    let answers = load.send("a", 1).await;
    format!("{:?} {:?}", answers.by_backend, answers.failures)
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn proxies_see_new_documents_when_their_pods_are_touched() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let binaries = Binaries::beside_this().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let labels = [("app".to_owned(), "weir-proxy".to_owned())].into();
    let sources: Vec<_> = DOCUMENTS.iter().map(|(name, kind)| source(name, *kind)).collect();
    let set = ProxySet::new(labels, sources.clone()).unwrap();

    // without any documents it runs, and is not ready
    let mut first = ProxyPod::start(&namespace, &binaries, &set, 0).await.unwrap();
    let running = namespace.await_object(POD, &first.name, LIMIT, |pod| {
        ensure!(pod["status"]["phase"] == "Running", "{}", pod["status"]);
        Ok(())
    });
    let pod = running.await.unwrap();
    assert_eq!(pod["status"]["podIP"], first.admin.ip().to_string());
    assert_eq!(condition_of(&pod, "Ready")["status"], "False");

    let (svc1, svc2) = (
        Backend::start("svc1").await.unwrap(),
        Backend::start("svc2").await.unwrap(),
    );
    publish(&namespace, &binaries, folder.path(), &svc1).await;
    touch(&namespace, &first.name, "1").await;
    first.await_ready(&namespace, LIMIT).await.unwrap();
    assert_eq!(asked(&first).await, r#"{"svc1": 1} []"#);

    // a pod that starts later has the documents at once, on another address with the same ports
    let mut second = ProxyPod::start(&namespace, &binaries, &set, 1).await.unwrap();
    second.await_ready(&namespace, LIMIT).await.unwrap();
    assert_ne!(first.web.ip(), second.web.ip());
    assert_eq!(asked(&second).await, r#"{"svc1": 1} []"#);

    // a volume that does not wait shows when the change can be seen
    let quick = folder.path().join("quick");
    let quick = Projection::start(&namespace, &quick, sources, Refresh::AtOnce)
        .await
        .unwrap();
    let seen = quick.changes();
    let old = digests(&folder.path().join("documents")).unwrap();
    publish(&namespace, &binaries, folder.path(), &svc2).await;
    let new = digests(&folder.path().join("documents")).unwrap();
    eventually("the quick volume changes", LIMIT, async || {
        ensure!(quick.changes() > seen, "{:?}", quick.problem());
        Ok(())
    })
    .await
    .unwrap();
    touch(&namespace, &first.name, "2").await;
    eventually("the touched pod's proxy loads them", LIMIT, async || {
        let digests = first.digests().await?;
        ensure!(digests == new, "{digests:?}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(asked(&first).await, r#"{"svc2": 1} []"#);
    assert_eq!(second.digests().await.unwrap(), old, "its pod was not touched");
}

async fn touch(namespace: &Namespace<'_>, pod: &str, value: &str) {
    let annotation = json!({"metadata": {"annotations": {"weir.dev/config": value}}});
    namespace.patch(POD, pod, &annotation).await.unwrap();
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn all_that_a_config_map_and_a_secret_can_hold_becomes_files() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config_map = json!({"data": {"text": "grün\n"}, "binaryData": {"bytes": "AAEC/w=="}});
    namespace.create(CONFIG_MAP, "files", config_map).await.unwrap();
    namespace
        .create(SECRET, "files", json!({"stringData": {"key": "s3cret"}}))
        .await
        .unwrap();
    let sources = vec![
        source("files", SourceKind::ConfigMap),
        source("files", SourceKind::Secret),
        source("nothing", SourceKind::Secret),
    ];
    let volume = Projection::start(&namespace, folder.path(), sources, Refresh::AtOnce)
        .await
        .unwrap();
    assert_eq!(volume.changes(), 1);
    let read = |name: &str| fs::read(folder.path().join(name));
    assert_eq!(read("text").unwrap(), "grün\n".as_bytes());
    assert_eq!(read("bytes").unwrap(), [0, 1, 2, 255]);
    assert_eq!(read("key").unwrap(), b"s3cret");

    namespace
        .patch(CONFIG_MAP, "files", &json!({"data": Value::Null}))
        .await
        .unwrap();
    eventually("the file goes", LIMIT, async || {
        ensure!(read("text").is_err(), "it is there");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(read("key").unwrap(), b"s3cret");
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_missing_source_that_must_be_there_is_waited_for() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let needed = Source {
        optional: false,
        ..source("late", SourceKind::ConfigMap)
    };
    let start = Projection::start(&namespace, folder.path(), vec![needed], Refresh::AtOnce);
    let create = async {
        // the first look at the sources must not have found it
        let listed = namespace
            .cluster
            .api()
            .get(&CONFIG_MAP.collection(&namespace.name))
            .await
            .unwrap();
        assert!(
            listed["items"]
                .as_array()
                .unwrap()
                .iter()
                .all(|item| item["metadata"]["name"] != "late")
        );
        namespace
            .create(CONFIG_MAP, "late", json!({"data": {"a": "1"}}))
            .await
            .unwrap();
    };
    let (volume, ()) = futures::future::join(start, create).await;
    volume.unwrap();
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"1");
}
