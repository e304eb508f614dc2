//! One installation of weir: operators and proxies that find each other as a chart would make them.

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::{Result, ensure};

use super::{
    namespace::Namespace,
    operator::{OperatorProcess, OperatorSet},
    projection::{Source, SourceKind},
    proxy_pod::{ProxyPod, ProxySet},
    published::Published,
    resource::TRAEFIK_SERVICE,
    user::User,
    wait::eventually,
};
use crate::{
    binaries::Binaries,
    load::{Load, Target},
};

/// Within which whatever was started works, on a machine that is busy, too.
const START: Duration = Duration::from_secs(30);

/// An installation. What was started with it ends with the values that starting gave.
#[derive(Debug)]
pub struct Release<'a> {
    /// Where the operators publish, and where the proxies are.
    pub namespace: &'a Namespace<'a>,
    /// The programs.
    pub binaries: Binaries,
    /// How its operators are started.
    pub operators: OperatorSet,
    /// How its proxies are started.
    pub proxies: ProxySet,
    started: u8,
}

impl<'a> Release<'a> {
    /// One of which nothing runs yet, and that watches only its own namespace.
    pub fn new(namespace: &'a Namespace<'a>) -> Result<Self> {
        let labels = ["name=weir", "instance=weir", "component=proxy"];
        let labels = labels.into_iter().filter_map(|label| label.split_once('='));
        let labels: BTreeMap<_, _> = labels
            .map(|(key, value)| (format!("app.kubernetes.io/{key}"), value.to_owned()))
            .collect();
        Ok(Self {
            namespace,
            binaries: Binaries::beside_this()?,
            operators: OperatorSet {
                own_namespace: namespace.name.clone(),
                namespaces: vec![namespace.name.clone()],
                arguments: Vec::new(),
            },
            proxies: ProxySet::new(labels, sources(1, 1))?,
            started: 0,
        })
    }

    /// Spreads endpoints and secrets over so many objects each, as the chart would tell both programs.
    pub fn set_shards(&mut self, endpoints: u32, secrets: u32) {
        let shards = [("endpoint", endpoints), ("secret", secrets)];
        let arguments = shards.map(|(what, shards)| format!("--{what}-shards={shards}"));
        self.operators.arguments.extend(arguments);
        self.proxies.sources = sources(endpoints, secrets);
    }

    /// Starts an operator and waits until it is ready.
    pub async fn operator(&self, name: &str) -> Result<OperatorProcess> {
        let mut operator = self.start_operator(name)?;
        operator.await_ready(START).await?;
        Ok(operator)
    }

    /// Starts an operator, as an administrator, and does not wait for it.
    pub fn start_operator(&self, name: &str) -> Result<OperatorProcess> {
        self.start(name, self.namespace.cluster.kubeconfig())
    }

    /// Starts an operator as a user, whose name it gets, and waits until it is ready.
    pub async fn operator_of(&self, user: &User<'_>) -> Result<OperatorProcess> {
        let mut operator = self.start_operator_of(user)?;
        operator.await_ready(START).await?;
        Ok(operator)
    }

    /// Starts an operator as a user, whose name it gets, and does not wait for it.
    pub fn start_operator_of(&self, user: &User<'_>) -> Result<OperatorProcess> {
        self.start(&user.account, &user.kubeconfig)
    }

    fn start(&self, name: &str, kubeconfig: &Path) -> Result<OperatorProcess> {
        let Self {
            binaries, operators, ..
        } = self;
        OperatorProcess::start(self.namespace.cluster, binaries, operators, name, kubeconfig)
    }

    /// Starts one more proxy and waits until its pod is ready.
    pub async fn proxy(&mut self) -> Result<ProxyPod> {
        let mut proxy = ProxyPod::start(self.namespace, &self.binaries, &self.proxies, self.started).await?;
        self.started += 1;
        proxy.await_ready(self.namespace, START).await?;
        Ok(proxy)
    }

    /// What is published now.
    pub async fn read_published(&self) -> Result<Published> {
        Published::read(self.namespace).await
    }

    /// The digests of the documents that are published, by file.
    pub async fn published(&self) -> Result<BTreeMap<String, String>> {
        Ok(self.read_published().await?.digests)
    }

    /// Waits until a TraefikService in the release's namespace is served as it is.
    pub async fn await_programmed(&self, name: &str) -> Result<()> {
        let resource = TRAEFIK_SERVICE;
        let condition = self
            .namespace
            .await_condition(resource, name, "Programmed", "True", START);
        condition.await.map(drop)
    }
}

/// Requests for anything at this host.
pub fn target(host: &str) -> Target {
    Target {
        host: host.to_owned(),
        path: String::new(),
    }
}

/// Opens connections to a proxy for the requests of `examples/`, and waits until the first one is answered well.
pub async fn example_load(proxy: &ProxyPod, connections: usize) -> Result<Load> {
    let target = Target {
        host: "example.com".to_owned(),
        path: "/foo".to_owned(),
    };
    let mut load = Load::connect(proxy.web, target, connections).await?;
    eventually("the first request is answered", START, async || {
        let answers = load.send("first", 1).await;
        ensure!(answers.failed == 0, "{:?}", answers.failures);
        Ok(())
    })
    .await?;
    Ok(load)
}

/// What a proxy mounts.
fn sources(endpoint_shards: u32, secret_shards: u32) -> Vec<Source> {
    let source = |kind, name: String| Source {
        kind,
        name,
        optional: true,
    };
    let spread = |kind, name: &str, shards: u32| -> Vec<Source> {
        match shards {
            1 => vec![source(kind, name.to_owned())],
            _ => (0..shards)
                .map(|shard| source(kind, format!("{name}-{shard}")))
                .collect(),
        }
    };
    let mut sources = vec![source(SourceKind::ConfigMap, "weir-config".to_owned())];
    sources.extend(spread(SourceKind::ConfigMap, "weir-endpoints", endpoint_shards));
    sources.extend(spread(SourceKind::Secret, "weir-secrets", secret_shards));
    sources
}
