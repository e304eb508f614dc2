//! From `helm install` to `helm uninstall`, with the real programs as the pods that nobody runs here.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use weir_e2e::{
    binaries::Binaries,
    cluster::{
        Cluster,
        app::App,
        namespace::Namespace,
        ports,
        process::Process,
        projection::{Source, SourceKind},
        proxy_pod::{ProxyPod, ProxySet},
        release::example_load,
        resource::{CONFIG_MAP, POD, SECRET, TRAEFIK_SERVICE},
        wait::eventually,
    },
    http,
};

use crate::{
    chart::{Chart, Objects},
    permissions::as_operator,
};

const LIMIT: Duration = Duration::from_secs(60);

/// The operator of the rendered Deployment, with the permissions of its ServiceAccount.
struct Operator {
    process: Process,
    admin: SocketAddr,
    // who it is for the API server
    _cluster: Cluster,
}

impl Operator {
    async fn start(namespace: &Namespace<'_>, objects: &Objects) -> Result<Self> {
        let cluster = as_operator(namespace).await?;
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::reserve()?));
        let mut command = Command::new(Binaries::beside_this()?.operator);
        let arguments = objects.arguments("operator");
        command
            .args(
                arguments
                    .iter()
                    .filter(|argument| !argument.starts_with("--admin=")),
            )
            .arg("--kubeconfig")
            .arg(cluster.kubeconfig())
            .arg(format!("--admin={admin}"))
            .env("POD_NAME", "weir-operator-0")
            .env("POD_NAMESPACE", &namespace.name);
        let process = namespace.cluster.spawn("operator", command)?;
        let mut operator = Self {
            process,
            admin,
            _cluster: cluster,
        };
        let ready = eventually("the operator is ready", LIMIT, async || {
            operator.process.ensure_running()?;
            let (status, body) = http::get(admin, "/readyz").await?;
            ensure!(
                status.is_success(),
                "{}\n{}",
                String::from_utf8_lossy(&body),
                operator.process.log()
            );
            Ok(())
        });
        ready.await?;
        Ok(operator)
    }

    /// Ends it. Nothing of what it wanted to do was refused.
    async fn stop(mut self) {
        let (_, metrics) = http::get(self.admin, "/metrics").await.unwrap();
        self.process.terminate(LIMIT).await.unwrap();
        let told = String::from_utf8_lossy(&metrics).into_owned() + &self.process.log();
        let refused = told
            .lines()
            .filter(|line| line.contains("forbidden") || line.contains("permission"));
        assert_eq!(Vec::from_iter(refused), Vec::<&str>::new());
    }
}

/// A proxy with the labels, the volume and the flags of the rendered Deployment.
async fn proxy(namespace: &Namespace<'_>, objects: &Objects, number: u8) -> Result<ProxyPod> {
    let pods = objects.pods("proxy");
    let sources = pods["spec"]["volumes"][0]["projected"]["sources"]
        .as_array()
        .context("no sources")?;
    let sources = sources.iter().map(|source| {
        let (kind, key) = if source["secret"].is_object() {
            (SourceKind::Secret, "secret")
        } else {
            (SourceKind::ConfigMap, "configMap")
        };
        Source {
            kind,
            name: source[key]["name"].as_str().unwrap_or_default().to_owned(),
            optional: true,
        }
    });
    let mut set = ProxySet::new(
        serde_json::from_value(pods["metadata"]["labels"].clone())?,
        sources.collect(),
    )?;
    let elsewhere = ["--config=", "--entrypoint=", "--admin="];
    let arguments = objects.arguments("proxy").into_iter();
    set.arguments = arguments
        .filter(|argument| !elsewhere.iter().any(|flag| argument.starts_with(flag)))
        .collect();
    let mut proxy = ProxyPod::start(namespace, &Binaries::beside_this()?, &set, number).await?;
    proxy.await_ready(namespace, LIMIT).await?;
    Ok(proxy)
}

async fn names(
    namespace: &Namespace<'_>,
    resource: weir_e2e::cluster::resource::Resource,
) -> BTreeSet<String> {
    let objects = namespace.list(resource).await.unwrap();
    objects
        .iter()
        .map(|object| object["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}

/// What of a release there is in the cluster, but for helm's own records.
async fn left(namespace: &Namespace<'_>) -> Result<Vec<String>> {
    let kubectl = namespace.cluster.kubectl();
    let resources = kubectl
        .run(&["api-resources", "--verbs=list", "-o", "name"])
        .await?;
    let resources: Vec<_> = resources
        .lines()
        .filter(|name| !name.starts_with("events"))
        .collect();
    let get = [
        "get",
        &resources.join(","),
        "-A",
        "-l",
        "app.kubernetes.io/name=weir",
        "-o",
        "name",
    ];
    let named = ["get", "leases", "-n", &namespace.name, "-o", "name"];
    let found = kubectl.run(&get).await? + &kubectl.run(&named).await?;
    Ok(found.lines().map(str::to_owned).collect())
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
    assert!(
        said.contains(&format!(
            "kubectl get service weir-proxy --namespace {}",
            namespace.name
        )),
        "{said}"
    );
    assert!(
        said.contains("kubectl get traefikservices,ingressroutes --all-namespaces"),
        "{said}"
    );
    cluster.install_crds().await.unwrap();
    let objects = chart.render().unwrap();
    let operator = Operator::start(&namespace, &objects).await.unwrap();
    let first = proxy(&namespace, &objects, 0).await.unwrap();

    for file in [
        "services.yaml",
        "weighted.yaml",
        "mirroring.yaml",
        "ingressroute.yaml",
    ] {
        namespace.apply_example(file, |text| text).await.unwrap();
    }
    let mut apps = Vec::new();
    for name in ["svc1", "svc2", "svc3"] {
        apps.push(App::start(&namespace, name).await.unwrap());
    }
    for name in ["wrr1", "wrr2", "mirror1", "svc3"] {
        namespace
            .await_condition(TRAEFIK_SERVICE, name, "Ready", "True", LIMIT)
            .await
            .unwrap();
    }
    let mut load = example_load(&first, 2).await.unwrap();
    let answers = load.send("before", 60).await;
    assert_eq!(
        (answers.good(), answers.failed),
        (60, 0),
        "{:?}",
        answers.failures
    );
    let annotations = namespace.get(POD, &first.name).await.unwrap()["metadata"]["annotations"].clone();
    assert!(annotations["weir.dev/config"].is_string(), "{annotations}");
    operator.stop().await;

    // other shards: old ones are deleted, and a proxy that is rolled out serves as the one before
    chart.values["delivery"] = json!({"endpointShards": 1, "secretShards": 2});
    helm(&chart, &["upgrade", "weir", "CHART"]);
    let objects = chart.render().unwrap();
    let operator = Operator::start(&namespace, &objects).await.unwrap();
    let second = proxy(&namespace, &objects, 1).await.unwrap();
    eventually("parts of the former number are gone", LIMIT, async || {
        let found = (
            names(&namespace, CONFIG_MAP).await,
            names(&namespace, SECRET).await,
        );
        let expected = (
            ["weir-config", "weir-endpoints"],
            ["weir-secrets-0", "weir-secrets-1"],
        );
        let has = |found: &BTreeSet<String>, expected: [&str; 2], stem: &str| {
            found
                .iter()
                .filter(|name| name.starts_with(stem))
                .eq(expected.iter().filter(|name| name.starts_with(stem)))
        };
        ensure!(
            has(&found.0, expected.0, "weir-endpoints") && has(&found.1, expected.1, "weir-secrets"),
            "{found:?}"
        );
        Ok(())
    })
    .await
    .unwrap();
    let mut load = example_load(&second, 2).await.unwrap();
    let answers = load.send("after", 60).await;
    assert_eq!(
        (answers.good(), answers.failed),
        (60, 0),
        "{:?}",
        answers.failures
    );
    operator.stop().await;

    helm(&chart, &["uninstall", "weir"]);
    for proxy in [&first, &second] {
        namespace.delete(POD, &proxy.name).await.unwrap();
    }
    eventually("nothing of it is left", LIMIT, async || {
        let left = left(&namespace).await?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })
    .await
    .unwrap();
    let kept = cluster
        .kubectl()
        .run(&["get", "crd", "-o", "name"])
        .await
        .unwrap();
    assert_eq!(kept.lines().count(), 3, "{kept}");
}
