//! From `helm install` to `helm uninstall`.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use weir_e2e::cluster::{
    Cluster,
    app::App,
    namespace::Namespace,
    proxy_pod::ProxyPod,
    release::example_load,
    resource::{CONFIG_MAP, POD, SECRET, TRAEFIK_SERVICE},
    wait::eventually,
};

use super::running::{Operator, proxy};
use crate::chart::Chart;

const LIMIT: Duration = Duration::from_mins(1);
const CRDS: [&str; 3] = [
    "crd/traefikservices.traefik.io",
    "crd/ingressroutes.traefik.io",
    "crd/serverstransports.traefik.io",
];

/// Applies `examples/` with backends behind their Services, and waits until all of it is served.
async fn serve_examples(namespace: &Namespace<'_>) -> Result<[App; 3]> {
    for file in ["services", "weighted", "mirroring", "ingressroute"] {
        namespace
            .apply_example(&format!("{file}.yaml"), |text| text)
            .await?;
    }
    let apps = [
        App::start(namespace, "svc1").await?,
        App::start(namespace, "svc2").await?,
        App::start(namespace, "svc3").await?,
    ];
    for name in ["wrr1", "wrr2", "mirror1", "svc3"] {
        namespace
            .await_condition(TRAEFIK_SERVICE, name, "Ready", "True", LIMIT)
            .await?;
    }
    Ok(apps)
}

async fn assert_serves(proxy: &ProxyPod) {
    let mut load = example_load(proxy, 2).await.unwrap();
    let answers = load.send(&proxy.name, 60).await;
    let counts = (answers.good(), answers.failed);
    assert_eq!(counts, (60, 0), "{:?}", answers.failures);
}

/// Waits until these and no others are published of endpoints and secrets.
async fn await_parts(namespace: &Namespace<'_>, expected: &[&str]) -> Result<()> {
    eventually("the right parts are published", LIMIT, async || {
        let mut objects = namespace.list(CONFIG_MAP).await?;
        objects.extend(namespace.list(SECRET).await?);
        let names = objects
            .iter()
            .filter_map(|object| object["metadata"]["name"].as_str());
        let is_part = |name: &&str| name.starts_with("weir-endpoints") || name.starts_with("weir-secrets");
        let parts: Vec<_> = names.filter(is_part).collect();
        ensure!(parts == expected, "{parts:?}");
        Ok(())
    })
    .await
}

/// What of a release there is in the cluster.
async fn left(namespace: &Namespace<'_>) -> Result<String> {
    let kubectl = namespace.cluster.kubectl();
    let list = ["api-resources", "--verbs=list", "-o", "name"];
    let resources = kubectl.run(&list).await?;
    let resources: Vec<_> = resources.lines().collect();
    let all = resources.join(",");
    let labelled = [
        "get",
        &all,
        "-A",
        "-l",
        "app.kubernetes.io/name=weir",
        "-o",
        "name",
    ];
    let others = ["get", "lease,secret,configmap", "-o", "name"];
    let others = namespace.kubectl(&others).await?;
    let others = others
        .lines()
        .filter(|name| *name != "configmap/kube-root-ca.crt");
    Ok(kubectl.run(&labelled).await? + &others.collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn what_helm_installs_serves_the_examples_and_goes_without_a_trace() {
    let cluster = Cluster::start().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let values = json!({"admission": {"mode": "Deny"}, "delivery": {"endpointShards": 2}});
    let mut chart = Chart::within(&namespace.name, values);
    let helm = |chart: &Chart, arguments: &[&str]| chart.helm(arguments, Some(cluster.kubeconfig())).unwrap();

    let said = helm(&chart, &["install", "weir", "CHART"]);
    let next = [
        format!("kubectl get service weir-proxy --namespace {}", namespace.name),
        "kubectl get traefikservices,ingressroutes --all-namespaces".to_owned(),
    ];
    assert!(next.iter().all(|command| said.contains(command)), "{said}");
    let wait = [["wait", "--for=condition=Established"].as_slice(), &CRDS].concat();
    cluster.kubectl().run(&wait).await.unwrap();
    let objects = chart.render().unwrap();
    let operator = Operator::start(&namespace, &objects).await.unwrap();
    let first = proxy(&namespace, &objects, 0).await.unwrap();
    let _apps = serve_examples(&namespace).await.unwrap();
    assert_serves(&first).await;
    let parts = ["weir-endpoints-0", "weir-endpoints-1", "weir-secrets"];
    await_parts(&namespace, &parts).await.unwrap();
    let pod = namespace.get(POD, &first.name).await.unwrap();
    let told = &pod["metadata"]["annotations"]["weir.dev/config"];
    assert!(told.is_string(), "{pod}");
    operator.stop().await;

    // with other parts, the former ones go
    chart.values["delivery"] = json!({"endpointShards": 1, "secretShards": 2});
    helm(&chart, &["upgrade", "weir", "CHART"]);
    let objects = chart.render().unwrap();
    let operator = Operator::start(&namespace, &objects).await.unwrap();
    let second = proxy(&namespace, &objects, 1).await.unwrap();
    let parts = ["weir-endpoints", "weir-secrets-0", "weir-secrets-1"];
    await_parts(&namespace, &parts).await.unwrap();
    assert_serves(&second).await;
    // one that is not replaced yet serves on
    assert_serves(&first).await;
    operator.stop().await;

    helm(&chart, &["uninstall", "weir"]);
    for proxy in [&first, &second] {
        namespace.delete(POD, &proxy.name).await.unwrap();
    }
    eventually("nothing of it is left", LIMIT, async || {
        let left = left(&namespace).await?;
        ensure!(left.is_empty(), "{left}");
        Ok(())
    })
    .await
    .unwrap();
    let get = [["get", "-o", "name"].as_slice(), &CRDS].concat();
    cluster.kubectl().run(&get).await.unwrap();
}
