//! weir on a node, installed by helm.

use std::{
    env, io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

use super::Node;
use crate::cluster::{kubectl::Kubectl, namespace::condition_of, resource::POD, wait::eventually};

/// What is called after the chart.
pub const RELEASE: &str = "weir";
/// Within which pods are replaced or gone.
const LIMIT: Duration = Duration::from_mins(2);
/// Within which a connection is made, where there is a way.
const REACH: Duration = Duration::from_secs(10);
/// The admin port of proxies.
const ADMIN: u16 = 9000;
/// Further flags for `helm install` and `helm upgrade`, with spaces between them: where a cluster's images are, for
/// example `--set image.registry=registry.example.com/team`.
const FLAGS: &str = "WEIR_E2E_HELM";

/// A release called [`RELEASE`]. It stays when this value goes, as long as its namespace does.
#[derive(Clone, Debug)]
pub struct Installed<'a> {
    /// Where.
    pub node: &'a Node,
    /// Its namespace.
    pub namespace: String,
}

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// What tells it from its predecessors of that name.
    pub uid: String,
    /// Its address.
    pub address: IpAddr,
}

impl<'a> Installed<'a> {
    /// `helm install --wait` of `charts/weir` in a namespace, which is made if it is not there.
    pub async fn install(node: &'a Node, namespace: &str, values: &[&str]) -> Result<Self> {
        let installed = Self {
            node,
            namespace: namespace.to_owned(),
        };
        installed
            .helm("install", &[&["--create-namespace", "--wait"], values].concat())
            .await?;
        installed.ensure_reachable().await?;
        Ok(installed)
    }

    /// Whether clients here can be clients of the cluster, which tests that fail for it do not say.
    async fn ensure_reachable(&self) -> Result<()> {
        let mut addresses = Vec::new();
        if let Some(proxy) = self.pods("proxy").await?.first() {
            addresses.push(("a pod", SocketAddr::new(proxy.address, ADMIN)));
        }
        for port in self.service().await?["spec"]["ports"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let name = port["name"].as_str().unwrap_or_default();
            addresses.push(("a Service", self.cluster_entry(name).await?));
            addresses.push(("a node's port", self.entry(name).await?));
        }
        for (what, address) in addresses {
            let reached = timeout(REACH, TcpStream::connect(address)).await;
            let reached = reached.map_err(io::Error::other).and_then(|reached| reached);
            drop(reached.with_context(|| {
                format!(
                    "{what} at {address} is not reachable from here; this host needs a route to the cluster's nodes, pods \
                     and Services, as each of its nodes has one"
                )
            })?);
        }
        Ok(())
    }

    /// `helm upgrade --wait`.
    pub async fn upgrade(&self, values: &[&str]) -> Result<()> {
        self.helm("upgrade", &[&["--wait"], values].concat()).await
    }

    /// `helm uninstall --wait`.
    pub async fn uninstall(&self) -> Result<()> {
        let arguments = ["uninstall", RELEASE, "--namespace", &self.namespace, "--wait"];
        self.node.helm(&arguments).await.map(drop)
    }

    async fn helm(&self, action: &str, further: &[&str]) -> Result<()> {
        let chart = Kubectl::file("charts/weir");
        let arguments = [action, RELEASE, &chart, "--namespace", &self.namespace];
        let flags = env::var(FLAGS).unwrap_or_default();
        let flags: Vec<_> = flags.split_whitespace().collect();
        let done = self
            .node
            .helm(&[&arguments, flags.as_slice(), further].concat())
            .await;
        match done {
            Ok(_) => Ok(()),
            Err(error) => Err(error.context(self.explain().await)),
        }
    }

    /// What the namespace looks like, for whoever has to find out why something failed.
    pub async fn explain(&self) -> String {
        let mut told = String::new();
        for arguments in [
            &["get", "pods", "-o", "wide"][..],
            &["get", "events", "--sort-by=.lastTimestamp"],
            &[
                "logs",
                "--selector=app.kubernetes.io/name=weir",
                "--tail=50",
                "--prefix",
            ],
        ] {
            let said = self.kubectl(arguments).await;
            told.push_str(&said.unwrap_or_else(|error| format!("{error:#}")));
        }
        told
    }

    /// kubectl in its namespace.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let arguments = [&["--namespace", &self.namespace], arguments].concat();
        self.node.cluster().kubectl().run(&arguments).await
    }

    /// Where an entry point is, as a client outside of the cluster sees it: a port of the node.
    pub async fn entry(&self, entry_point: &str) -> Result<SocketAddr> {
        let service = self.service().await?;
        let port = port(&service, entry_point, "nodePort")?;
        Ok(SocketAddr::new(self.node.address(), port))
    }

    /// The same as a client within the cluster sees it.
    pub async fn cluster_entry(&self, entry_point: &str) -> Result<SocketAddr> {
        let service = self.service().await?;
        let address = service["spec"]["clusterIP"]
            .as_str()
            .unwrap_or_default()
            .parse()?;
        Ok(SocketAddr::new(address, port(&service, entry_point, "port")?))
    }

    async fn service(&self) -> Result<Value> {
        let path = format!("/api/v1/namespaces/{}/services/{RELEASE}-proxy", self.namespace);
        self.node.cluster().api().get(&path).await
    }

    /// Its proxies or its operators that are ready and not about to end.
    pub async fn pods(&self, component: &str) -> Result<Vec<Pod>> {
        let labels = format!("app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component={component}");
        pods(self.node, &self.namespace, &labels).await
    }

    /// Waits until there are so many, and returns them.
    pub async fn await_pods(&self, component: &str, count: usize) -> Result<Vec<Pod>> {
        let what = format!("there are {count} pods of {component}");
        eventually(&what, LIMIT, async || {
            let pods = self.pods(component).await?;
            ensure!(pods.len() == count, "{pods:?}");
            Ok(pods)
        })
        .await
    }
}

/// Pods that are ready and not about to end.
pub async fn pods(node: &Node, namespace: &str, labels: &str) -> Result<Vec<Pod>> {
    let path = format!(
        "{}?labelSelector={}",
        POD.collection(namespace),
        labels.replace('=', "%3D")
    );
    let list = node.cluster().api().get(&path).await?;
    let items = list["items"].as_array().into_iter().flatten();
    let usable = items.filter(|pod| {
        pod["metadata"]["deletionTimestamp"].is_null() && condition_of(pod, "Ready")["status"] == "True"
    });
    usable
        .map(|pod| {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let address = pod["status"]["podIP"].as_str().unwrap_or_default();
            Ok(Pod {
                name: name.to_owned(),
                uid: pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
                address: address
                    .parse()
                    .with_context(|| format!("{name} at {address:?}"))?,
            })
        })
        .collect()
}

fn port(service: &Value, name: &str, kind: &str) -> Result<u16> {
    let ports = service["spec"]["ports"].as_array().into_iter().flatten();
    let found = ports.into_iter().find(|port| port["name"] == name);
    let number = found
        .and_then(|port| port[kind].as_u64())
        .and_then(|port| port.try_into().ok());
    number.with_context(|| format!("no {kind} of {name}: {}", service["spec"]["ports"]))
}
