//! weir in a namespace of its own, with applications behind one weighted TraefikService.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use weir_e2e::{
    cluster::{
        namespace::Namespace,
        resource::{LEASE, POD, TRAEFIK_SERVICE},
        wait::eventually,
    },
    load::{Load, Target},
    node::{
        Node,
        installed::{Installed, Pod},
    },
};

use super::App;

/// The TraefikService.
pub(crate) const SPLIT: &str = "split";
/// The entry point.
const WEB: &str = "web";
const LIMIT: Duration = Duration::from_mins(2);

/// A release that serves its own namespace.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) namespace: Namespace<'a>,
    pub(crate) weir: Installed<'a>,
}

impl<'a> Scene<'a> {
    /// Installs weir with these flags for helm, and the applications, whose weights are given; and waits until all
    /// proxies give each its share.
    pub(crate) async fn start(node: &'a Node, apps: &[(App, u32)], values: &[&str]) -> Result<Self> {
        let namespace = node.cluster().namespace().await?;
        let watched = format!("watchNamespaces={{{}}}", namespace.name);
        let values = [&["--set", &watched], values].concat();
        let weir = Installed::install(node, &namespace.name, &values).await?;
        let scene = Self { namespace, weir };
        for (app, _) in apps {
            scene.apply(&app.manifests()).await?;
        }
        let weights: Vec<_> = apps.iter().map(|(app, weight)| (app.name, *weight)).collect();
        let route = json!({
            "apiVersion": "traefik.io/v1alpha1",
            "kind": "IngressRoute",
            "metadata": {"name": SPLIT},
            "spec": {"routes": [to_split(&scene.host()), to_split(&scene.quiet_host())]},
        });
        scene.apply(&[split(&weights), route]).await?;
        for (app, _) in apps {
            scene.await_rollout(app.name).await?;
        }
        for proxy in scene.weir.pods("proxy").await? {
            scene.await_served(&proxy, &weights).await?;
        }
        Ok(scene)
    }

    fn host(&self) -> String {
        format!("{}.example.com", self.namespace.name)
    }

    /// Where shares are counted: of a route that no load uses, which would take its turns.
    fn quiet_host(&self) -> String {
        format!("quiet.{}", self.host())
    }

    pub(crate) async fn apply(&self, manifests: &[Value]) -> Result<()> {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests});
        self.namespace
            .kubectl_with(&["apply", "-f", "-"], &list.to_string())
            .await
            .map(drop)
    }

    /// Waits for a Deployment as a user does.
    pub(crate) async fn await_rollout(&self, deployment: &str) -> Result<()> {
        let deployment = format!("deployment/{deployment}");
        let status = ["rollout", "status", &deployment, "--timeout=80s"];
        self.namespace.kubectl(&status).await.map(drop)
    }

    /// `kubectl rollout restart`, and waits until it is done and the last one of the pods before has ended.
    pub(crate) async fn restart(&self, deployment: &str) -> Result<()> {
        let before = self.pods_of(deployment).await?;
        let restart = ["rollout", "restart", &format!("deployment/{deployment}")];
        self.namespace.kubectl(&restart).await?;
        Box::pin(self.await_rollout(deployment)).await?;
        self.await_end(&before).await
    }

    /// `kubectl scale`, without waiting.
    pub(crate) async fn scale(&self, deployment: &str, replicas: u32) -> Result<()> {
        let deployment = format!("deployment/{deployment}");
        let scale = ["scale", &deployment, &format!("--replicas={replicas}")];
        self.namespace.kubectl(&scale).await.map(drop)
    }

    /// All pods of a Deployment in whatever state, by uid.
    pub(crate) async fn pods_of(&self, deployment: &str) -> Result<BTreeSet<String>> {
        let pods = self.namespace.list(POD).await?;
        // pods are called after it
        let its = pods.iter().filter(|pod| {
            let name = pod["metadata"]["generateName"].as_str().unwrap_or_default();
            name.trim_end_matches('-')
                .rsplit_once('-')
                .is_some_and(|(owner, _)| owner == deployment)
        });
        Ok(its
            .filter_map(|pod| Some(pod["metadata"]["uid"].as_str()?.to_owned()))
            .collect())
    }

    /// Waits until none of these pods is there any more. That a Deployment is rolled out says nothing about those.
    pub(crate) async fn await_end(&self, pods: &BTreeSet<String>) -> Result<()> {
        eventually("the pods before have ended", LIMIT, async || {
            let all = self.namespace.list(POD).await?;
            let uids = all.iter().filter_map(|pod| pod["metadata"]["uid"].as_str());
            let left = uids.filter(|uid| pods.contains(*uid)).count();
            ensure!(left == 0, "{left} of {} are left", pods.len());
            Ok(())
        })
        .await
    }

    /// Gives the applications other weights.
    pub(crate) async fn weigh(&self, weights: &[(&str, u32)]) -> Result<()> {
        let change = json!({"spec": split(weights)["spec"]});
        self.namespace
            .patch(TRAEFIK_SERVICE, SPLIT, &change)
            .await
            .map(drop)
    }

    /// Waits until the TraefikService's present generation is programmed.
    pub(crate) async fn await_programmed(&self) -> Result<()> {
        let wait = self
            .namespace
            .await_condition(TRAEFIK_SERVICE, SPLIT, "Programmed", "True", LIMIT);
        match wait.await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.context(self.weir.explain().await)),
        }
    }

    /// Keep-alive connections to the proxies' Service, from outside of the cluster.
    pub(crate) async fn load(&self, connections: usize) -> Result<Load> {
        Load::connect(self.weir.entry(WEB).await?, self.target(), connections).await
    }

    /// The same from inside of the cluster.
    pub(crate) async fn load_inside(&self, connections: usize) -> Result<Load> {
        Load::connect(self.weir.cluster_entry(WEB).await?, self.target(), connections).await
    }

    pub(crate) fn target(&self) -> Target {
        Target {
            host: self.host(),
            path: String::new(),
        }
    }

    /// Waits until a proxy gives each application its exact share, and sees that it goes on with that.
    pub(crate) async fn await_served(&self, proxy: &Pod, weights: &[(&str, u32)]) -> Result<()> {
        let sum = weights.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let wanted: BTreeMap<_, _> = weights
            .iter()
            .filter(|(_, weight)| *weight > 0)
            .map(|(name, weight)| ((*name).to_owned(), u64::from(*weight)))
            .collect();
        let address = SocketAddr::new(proxy.address, 8080);
        let mut load = eventually(&format!("{} serves {weights:?}", proxy.name), LIMIT, async || {
            let target = Target {
                host: self.quiet_host(),
                ..self.target()
            };
            let mut load = Load::connect(address, target, 1).await?;
            load.reconnect();
            let answers = load.send("served", sum).await;
            ensure!(answers.by_backend == wanted, "{answers:?}");
            Ok(load)
        })
        .await?;
        let answers = load.send("served", sum).await;
        ensure!(
            answers.by_backend == wanted && answers.failed == 0,
            "{} does not go on with {weights:?}: {answers:?}",
            proxy.name
        );
        Ok(())
    }

    /// Who may write: a pod's name, and what tells its processes apart.
    pub(crate) async fn lease_holder(&self) -> Result<String> {
        let lease = self.namespace.get(LEASE, "weir-operator").await?;
        let holder = lease["spec"]["holderIdentity"].as_str();
        Ok(holder.unwrap_or_default().to_owned())
    }

    /// The operator that writes.
    pub(crate) async fn leader(&self) -> Result<Pod> {
        let holder = self.lease_holder().await?;
        let operators = self.weir.pods("operator").await?;
        let leader = operators
            .into_iter()
            .find(|operator| holder.starts_with(&operator.name));
        leader.ok_or_else(|| anyhow::anyhow!("{holder:?} is no operator"))
    }

    /// Takes the release out of the cluster; the namespace goes with the value.
    pub(crate) async fn end(self) -> Result<()> {
        self.weir.uninstall().await
    }
}

fn to_split(host: &str) -> Value {
    json!({
        "match": format!("Host(`{host}`)"),
        "kind": "Rule",
        "services": [{"name": SPLIT, "kind": "TraefikService"}],
    })
}

fn split(weights: &[(&str, u32)]) -> Value {
    let services: Vec<_> = weights
        .iter()
        .map(|(name, weight)| json!({"name": name, "port": 80, "weight": weight}))
        .collect();
    json!({
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "TraefikService",
        "metadata": {"name": SPLIT},
        "spec": {"weighted": {"services": services}},
    })
}
