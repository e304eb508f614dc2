//! Every manifest of the project that is YAML is stored as it is written.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::Value;
use weir_e2e::cluster::{Cluster, kubectl::Kubectl, namespace::Namespace};

/// The objects of a file or folder as kubectl reads them; none when it is not YAML.
async fn read(cluster: &Cluster, path: &str) -> Option<Vec<Value>> {
    let read = [
        "create",
        "--dry-run=client",
        "--validate=false",
        "-o",
        "json",
        "-f",
        path,
    ];
    match cluster.kubectl().run(&read).await {
        Ok(read) => Some(items(&read)),
        Err(error) => {
            let error = format!("{error:#}");
            assert!(
                error.contains("error parsing") || error.contains("yaml"),
                "{error}"
            );
            None
        }
    }
}

/// One JSON document after the other.
fn items(printed: &str) -> Vec<Value> {
    let printed = serde_json::Deserializer::from_str(printed).into_iter();
    printed.map(Result::unwrap).collect()
}

/// Creates all objects, those of each namespace in one of our own, and compares what comes back.
async fn assert_stored(cluster: &Cluster, path: &str, objects: Vec<Value>) {
    let mut namespaces: BTreeMap<String, Namespace<'_>> = BTreeMap::new();
    let mut custom = 0;
    for mut object in objects.into_iter().filter(|object| object["kind"] != "Namespace") {
        let wanted = object["metadata"]["namespace"]
            .as_str()
            .unwrap_or("default")
            .to_owned();
        if !namespaces.contains_key(&wanted) {
            namespaces.insert(wanted.clone(), cluster.namespace().await.unwrap());
        }
        let namespace = &namespaces[&wanted];
        object["metadata"]["namespace"] = namespace.name.clone().into();
        let (kind, name) = (&object["kind"], &object["metadata"]["name"]);
        let create = ["create", "-f", "-", "-o", "json"];
        let stored = namespace.kubectl_with(&create, &object.to_string()).await;
        let stored = items(&stored.unwrap_or_else(|error| panic!("{path}: {error:#}"))).remove(0);
        if object["apiVersion"] == "traefik.io/v1alpha1" {
            assert_eq!(stored["spec"], object["spec"], "{path}: {kind} {name}");
            custom += 1;
        }
    }
    println!("{path}: {custom} custom resources");
    assert!(custom > 0 || !path.contains("cases"), "{path}");
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn the_examples_are_stored() {
    let cluster = Cluster::shared().await.unwrap();
    let path = Kubectl::file("examples");
    let objects = read(cluster, &path).await.expect("they are YAML");
    assert!(objects.len() > 5, "{objects:?}");
    assert_stored(cluster, &path, objects).await;
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn the_manifests_of_the_specification_page_are_stored() {
    let cluster = Cluster::shared().await.unwrap();
    let cases = PathBuf::from(Kubectl::file("operator/tests/cases"));
    let cases = fs::read_dir(cases).unwrap().map(|case| case.unwrap().path());
    let mut cases: Vec<_> = cases
        .filter(|case| case.file_name().unwrap().to_string_lossy().starts_with("page-"))
        .collect();
    cases.sort();
    let (mut stored, mut broken) = (0, Vec::new());
    for case in cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let path = case.join("input.yaml").display().to_string();
        match read(cluster, &path).await {
            Some(objects) => {
                assert_stored(cluster, &path, objects).await;
                stored += 1;
            }
            None => broken.push(name),
        }
    }
    println!("{stored} stored; not YAML: {broken:?}");
    assert!(stored > 0);
    // the page's own text is not YAML everywhere; what was mended must be
    assert!(broken.iter().all(|case| !case.ends_with("-mended")), "{broken:?}");
}
