//! The API server takes everything that the chart renders.

use serde_json::{Value, json};
use weir_e2e::cluster::{Cluster, namespace::Namespace};

use crate::chart::{Chart, apply};

/// Values by what they are for, each in a namespace.
fn combinations(namespace: &str) -> Vec<(&'static str, Value)> {
    let term = json!({"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]});
    let placed = json!({
        "podLabels": {"team": "a"}, "podAnnotations": {"example.com/a": "b"}, "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "edge", "operator": "Equal", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 5}],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]},
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": term}],
            },
            "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": {
                "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "weir"}}, "topologyKey": "kubernetes.io/hostname",
            }}]},
        },
        "topologySpreadConstraints": [{
            "maxSkew": 1, "minDomains": 2, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "weir"}}, "matchLabelKeys": ["pod-template-hash"],
        }],
        "resources": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"cpu": "1500m", "memory": "1Gi"}},
    });
    let peer = json!({"namespaceSelector": {"matchLabels": {"a": "b"}}, "podSelector": {}});
    vec![
        ("defaults", json!({})),
        (
            "named namespaces and Secrets",
            json!({
                "watchNamespaces": [namespace], "rbac": {"secrets": {"mode": "Named", "names": {namespace: ["a", "b"]}}},
            }),
        ),
        (
            "no permissions",
            json!({"rbac": {"create": false, "confinePods": false}, "admission": {"mode": "Off"}}),
        ),
        ("refusing admission", json!({"admission": {"mode": "Deny"}})),
        (
            "a DaemonSet",
            json!({"proxy": {"kind": "DaemonSet"}, "service": {"type": "NodePort", "externalTrafficPolicy": "Local"}}),
        ),
        (
            "everything around",
            json!({
                "commonLabels": {"example.com/team": "a"},
                "proxy": {"autoscaling": {"enabled": true}},
                "networkPolicy": {"enabled": true, "clients": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}], "prometheus": [peer]},
                "metrics": {"dashboard": {"enabled": true}},
                "delivery": {"endpointShards": 32, "secretShards": 32},
                "image": {"pullSecrets": ["registry"]},
            }),
        ),
        (
            "a load balancer",
            json!({"service": {
                "annotations": {"example.com/kind": "fast"}, "loadBalancerClass": "example.com/lb", "loadBalancerSourceRanges": ["192.0.2.0/24"],
                "ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4"],
            }}),
        ),
        (
            "pods placed by all means",
            json!({"operator": placed, "proxy": placed, "userId": null}),
        ),
    ]
}

async fn restricted(namespace: &Namespace<'_>, mode: &str) {
    let path = format!("/api/v1/namespaces/{}", namespace.name);
    let labels =
        json!({"metadata": {"labels": {format!("pod-security.kubernetes.io/{mode}"): "restricted"}}});
    namespace.cluster.api().patch(&path, &labels).await.unwrap();
}

/// A pod that violates `restricted`, a field that does not exist or is given twice: the API server warns of all of these.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn each_combination_of_values_is_taken_without_a_warning() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    restricted(&namespace, "warn").await;
    for (what, values) in combinations(&namespace.name) {
        let manifests = Chart::within(&namespace.name, values).template().unwrap();
        let apply = [
            "apply",
            "--server-side",
            "--dry-run=server",
            "--validate=strict",
            "-f",
            "-",
        ];
        let said = cluster.kubectl().say(&apply, Some(&manifests)).await;
        let said = said.unwrap_or_else(|error| panic!("{what}: {error:#}"));
        assert_eq!(said.stderr, "", "{what}");
        println!("{what}: {} objects", said.stdout.lines().count());
    }
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_pod_that_takes_ports_of_its_node_is_what_is_warned_of() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    restricted(&namespace, "warn").await;
    let hosts = json!({"proxy": {"kind": "DaemonSet"}, "entryPoints": [{"name": "web", "port": 8000, "hostPort": 80}]});
    let manifests = Chart::within(&namespace.name, hosts).template().unwrap();
    let apply = ["apply", "--server-side", "--dry-run=server", "-f", "-"];
    let said = cluster.kubectl().say(&apply, Some(&manifests)).await.unwrap();
    assert!(
        said.stderr.contains("hostPort") && said.stderr.lines().count() == 1,
        "{}",
        said.stderr
    );
}

/// Pods of workloads are made by controllers, whose refusal nobody would see; that of `helm test` comes directly.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn the_pod_of_helm_test_is_taken_where_only_restricted_pods_are() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    restricted(&namespace, "enforce").await;
    let chart = Chart::within(&namespace.name, json!({}));
    apply(&namespace, chart.file("proxy/serviceaccount").iter()).await;
    let test = chart.file("tests/proxy").get("Pod", "weir-test").to_string();
    let create = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
    let said = namespace.kubectl_with(&create, &test).await.unwrap();
    assert_eq!(said, "pod/weir-test created (server dry run)\n");
}
