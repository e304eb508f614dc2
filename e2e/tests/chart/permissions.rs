//! What the operator's ServiceAccount may do: what it does, and no more.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::ensure;
use serde_json::{Value, json};
use weir_e2e::cluster::{
    Cluster,
    api::Refusal,
    namespace::Namespace,
    resource::{CONFIG_MAP, POD, SECRET},
    user::as_account,
    wait::eventually,
};

use crate::chart::{Chart, apply};

const LIMIT: Duration = Duration::from_secs(30);

/// Applies all of the chart that the API server itself acts upon.
async fn installed(namespace: &Namespace<'_>, values: Value) {
    let rendered = Chart::within(&namespace.name, values).render().unwrap();
    let workloads = ["Deployment", "PodDisruptionBudget", "Service"];
    let objects = rendered
        .iter()
        .filter(|object| !workloads.contains(&object["kind"].as_str().unwrap()));
    apply(namespace, objects).await;
}

/// What a ServiceAccount may do in a namespace, as `resources [names]: verbs`. Names of shards count as one.
async fn rules(cluster: &Cluster, user: &str, namespace: &str) -> BTreeSet<String> {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace},
    });
    let create = [
        "create",
        "--validate=false",
        "-f",
        "-",
        "-o",
        "json",
        "--as",
        user,
    ];
    let review = cluster
        .kubectl()
        .run_with(&create, &review.to_string())
        .await
        .unwrap();
    let review: Value = serde_json::from_str(&review).unwrap();
    let texts = |list: &Value| -> Vec<String> { serde_json::from_value(list.clone()).unwrap_or_default() };
    let mut verbs: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for rule in review["status"]["resourceRules"].as_array().unwrap() {
        let names: BTreeSet<_> = texts(&rule["resourceNames"])
            .into_iter()
            .map(|name| name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned())
            .collect();
        let names = if names.is_empty() {
            String::new()
        } else {
            format!(" {}", Vec::from_iter(names).join(","))
        };
        for resource in texts(&rule["resources"]) {
            verbs
                .entry((resource, names.clone()))
                .or_default()
                .extend(texts(&rule["verbs"]));
        }
    }
    verbs
        .into_iter()
        .map(|((resource, names), verbs)| format!("{resource}{names}: {}", Vec::from_iter(verbs).join(",")))
        .collect()
}

/// What the operator may and the proxies may not: everyone may ask what they may.
async fn granted(namespace: &Namespace<'_>, there: &str) -> Vec<String> {
    let user = |name| format!("system:serviceaccount:{}:{name}", namespace.name);
    let everyone = rules(namespace.cluster, &user("weir-proxy"), there).await;
    let operator = rules(namespace.cluster, &user("weir-operator"), there).await;
    operator.difference(&everyone).cloned().collect()
}

/// What it reads and reports where it watches.
const WATCHED: [&str; 11] = [
    "configmaps: get,list,watch",
    "endpointslices: list,watch",
    "events: create",
    "ingressroutes/status: update",
    "ingressroutes: get,list,watch",
    "secrets: get,list,watch",
    "services: list,watch",
    "serverstransports/status: update",
    "serverstransports: get,list,watch",
    "traefikservices/status: update",
    "traefikservices: get,list,watch",
];
/// What it does in its own namespace.
const OWN: [&str; 9] = [
    "configmaps weir-config: create,get,patch",
    "configmaps weir-endpoints,weir-endpoints-: create,delete,get,patch",
    "configmaps weir-owner: get",
    "configmaps: list,watch",
    "leases weir-operator: get,update",
    "leases: create",
    "pods: list,patch,watch",
    "secrets weir-secrets,weir-secrets-: create,delete,get,patch",
    "secrets: list,watch",
];

fn sorted<'a>(rules: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    rules
        .into_iter()
        .map(str::to_owned)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn in_all_namespaces_it_reads_what_it_compiles_and_nodes() {
    let cluster = Cluster::shared().await.unwrap();
    let (own, other) = (
        cluster.namespace().await.unwrap(),
        cluster.namespace().await.unwrap(),
    );
    installed(&own, json!({"admission": {"mode": "Off"}})).await;
    let everywhere = sorted(WATCHED.into_iter().chain(["nodes: list,watch"]));
    assert_eq!(granted(&own, &other.name).await, everywhere);
    let at_home = OWN
        .into_iter()
        .filter(|rule| !["configmaps: list,watch", "secrets: list,watch"].contains(rule));
    assert_eq!(
        granted(&own, &own.name).await,
        sorted(everywhere.iter().map(String::as_str).chain(at_home))
    );
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn with_named_namespaces_and_secrets_it_reads_nothing_else() {
    let cluster = Cluster::shared().await.unwrap();
    let (own, apps, other) = (
        cluster.namespace().await.unwrap(),
        cluster.namespace().await.unwrap(),
        cluster.namespace().await.unwrap(),
    );
    let named = json!({"mode": "Named", "names": {&apps.name: ["tls", "ca"]}});
    let values =
        json!({"watchNamespaces": [apps.name], "rbac": {"secrets": named}, "admission": {"mode": "Off"}});
    let rendered = Chart::within(&own.name, values.clone()).render().unwrap();
    assert_eq!(
        rendered
            .of("ClusterRole")
            .chain(rendered.of("ClusterRoleBinding"))
            .count(),
        0
    );
    installed(&own, values).await;
    assert_eq!(granted(&own, &own.name).await, sorted(OWN));
    let watched = WATCHED.into_iter().filter(|rule| !rule.starts_with("secrets"));
    assert_eq!(
        granted(&own, &apps.name).await,
        sorted(watched.chain(["secrets ca,tls: get"]))
    );
    assert_eq!(granted(&own, &other.name).await, Vec::<String>::new());

    for name in ["tls", "other"] {
        apps.create(SECRET, name, json!({})).await.unwrap();
    }
    let operator = as_account(&own, "weir-operator").await.unwrap();
    operator
        .api()
        .get(&SECRET.object(&apps.name, "tls"))
        .await
        .unwrap();
    for path in [
        SECRET.object(&apps.name, "other"),
        SECRET.collection(&apps.name),
        SECRET.everywhere(),
    ] {
        let error = operator.api().get(&path).await.unwrap_err();
        assert_eq!(Refusal::status_of(&error), Some(403), "{error:#}");
    }
}

/// A pod of which nothing runs.
fn pod(labels: &Value) -> Value {
    json!({
        "metadata": {"labels": labels, "annotations": {"example.com/a": "b"}},
        "spec": {"automountServiceAccountToken": false, "containers": [{"name": "c", "image": "a"}]},
    })
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn of_a_proxys_pod_it_may_change_one_annotation_and_of_others_nothing() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let values = json!({"watchNamespaces": [namespace.name], "admission": {"mode": "Off"}});
    let labels = Chart::within(&namespace.name, values.clone())
        .render()
        .unwrap()
        .pods("proxy")["metadata"]["labels"]
        .clone();
    let mut elsewhere = labels.clone();
    elsewhere["app.kubernetes.io/instance"] = "other".into();
    for (name, labels) in [("proxy", labels), ("other", json!({})), ("elsewhere", elsewhere)] {
        namespace.create(POD, name, pod(&labels)).await.unwrap();
    }
    installed(&namespace, values).await;
    let operator = as_account(&namespace, "weir-operator").await.unwrap();
    let patch = async |name: &str, change: &Value| {
        operator
            .api()
            .patch(&POD.object(&namespace.name, name), change)
            .await
    };
    let annotate = json!({"metadata": {"annotations": {"weir.dev/config": "1"}}});
    eventually("the policy is in force", LIMIT, async || {
        let error = patch("other", &annotate).await.err();
        ensure!(
            error.as_ref().and_then(Refusal::status_of) == Some(403),
            "{error:?}"
        );
        Ok(())
    })
    .await
    .unwrap();

    for value in [json!("1"), json!("2"), json!(null), json!("3")] {
        let change = json!({"metadata": {"annotations": {"weir.dev/config": value}}});
        patch("proxy", &change).await.unwrap();
    }
    let containers = |image: &str| json!([{"name": "c", "image": image}]);
    let owner = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "b"}]);
    let changes = [
        json!({"metadata": {"annotations": {"weir.dev/config": "4", "example.com/more": "x"}}}),
        json!({"metadata": {"annotations": {"example.com/a": "c"}}}),
        json!({"metadata": {"annotations": {"example.com/a": null}}}),
        json!({"metadata": {"annotations": null}}),
        json!({"metadata": {"labels": {"team": "a"}}}),
        json!({"metadata": {"labels": {"app.kubernetes.io/component": null}}}),
        json!({"metadata": {"finalizers": ["example.com/a"]}}),
        json!({"metadata": {"ownerReferences": owner}}),
        json!({"spec": {"containers": containers("evil")}}),
        json!({"spec": {"activeDeadlineSeconds": 1}}),
    ];
    for change in &changes {
        let refused = patch("proxy", change).await.unwrap_err();
        assert_eq!(Refusal::status_of(&refused), Some(403), "{change}: {refused:#}");
    }
    for name in ["other", "elsewhere"] {
        let refused = patch(name, &annotate).await.unwrap_err();
        assert!(
            refused.to_string().contains("of the proxies only"),
            "{name}: {refused:#}"
        );
    }
    // somebody else is not confined
    namespace.patch(POD, "proxy", &changes[8]).await.unwrap();
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn what_it_has_no_business_with_is_refused() {
    let cluster = Cluster::shared().await.unwrap();
    let (namespace, other) = (
        cluster.namespace().await.unwrap(),
        cluster.namespace().await.unwrap(),
    );
    installed(
        &namespace,
        json!({"watchNamespaces": [namespace.name], "admission": {"mode": "Off"}}),
    )
    .await;
    for namespace in [&namespace, &other] {
        namespace.create(POD, "a", pod(&json!({}))).await.unwrap();
    }
    let operator = as_account(&namespace, "weir-operator").await.unwrap();
    let api = operator.api();
    let (own, there) = (namespace.name.as_str(), other.name.as_str());
    let roles = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{own}/roles");
    let annotate = json!({"metadata": {"annotations": {"weir.dev/config": "1"}}});
    let named = |kind: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}});
    let apply = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {}});
    let answers = [
        (
            "a pod elsewhere",
            api.patch(&POD.object(there, "a"), &annotate).await,
        ),
        (
            "a pod's status",
            api.patch(&format!("{}/status", POD.object(own, "a")), &annotate)
                .await,
        ),
        ("a single pod", api.get(&POD.object(own, "a")).await),
        ("Secrets elsewhere", api.get(&SECRET.collection(there)).await),
        (
            "a ConfigMap that is not its own",
            api.create(&CONFIG_MAP.collection(own), &named("ConfigMap")).await,
        ),
        (
            "another ConfigMap",
            api.patch(&CONFIG_MAP.object(own, "weir-owner"), &apply).await,
        ),
        (
            "a Secret",
            api.create(&SECRET.collection(own), &named("Secret")).await,
        ),
        (
            "a pod that runs",
            api.create(&POD.collection(own), &named("Pod")).await,
        ),
        (
            "a role for itself",
            api.patch(&format!("{roles}/weir-operator"), &json!({"rules": []}))
                .await,
        ),
        (
            "its owner",
            api.delete(&CONFIG_MAP.object(own, "weir-owner"))
                .await
                .map(|()| Value::Null),
        ),
        (
            "its pods",
            api.delete(&POD.object(own, "a")).await.map(|()| Value::Null),
        ),
    ];
    for (what, answer) in answers {
        let refused = answer.expect_err(what);
        assert_eq!(Refusal::status_of(&refused), Some(403), "{what}: {refused:#}");
    }
}
