//! A pod in the API whose container is a process here: weir-proxy on an address of its own.
//!
//! Pods have the same ports and different addresses; so have these, 127.0.0.2, 127.0.0.3 and so on. No node is named, so
//! a deleted pod goes at once and its process stays until this value goes.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    process::Command,
    time::Duration,
};

use anyhow::Result;
use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time};

use super::{
    api::Api,
    namespace::{Namespace, condition_of},
    ports,
    process::Process,
    projection::{Projection, Refresh, Source},
    resource::POD,
    wait::eventually,
};
use crate::{binaries::Binaries, http};

/// Between probes; a real one comes once a second at most.
const PROBE: Duration = Duration::from_millis(100);
/// For one that is busy with a big config.
const PROBE_LIMIT: Duration = Duration::from_secs(1);

/// What the proxies of one release have in common.
#[derive(Clone, Debug)]
pub struct ProxySet {
    /// By which an operator finds them.
    pub labels: BTreeMap<String, String>,
    /// Of the volume with the documents.
    pub sources: Vec<Source>,
    /// Of the entry point `web`.
    pub web_port: u16,
    /// Of the admin port, which the container's port `admin` says, too.
    pub admin_port: u16,
    /// Further arguments of the proxy.
    pub arguments: Vec<String>,
    /// Whether a change of the sources is seen as slowly as kubelet sees it: only when the pod changes, too.
    pub slow: bool,
}

impl ProxySet {
    /// With ports that nobody else uses, and as slow as kubelet.
    pub fn new(labels: BTreeMap<String, String>, sources: Vec<Source>) -> Result<Self> {
        Ok(Self {
            labels,
            sources,
            web_port: ports::reserve()?,
            admin_port: ports::reserve()?,
            arguments: Vec::new(),
            slow: true,
        })
    }
}

/// A running proxy that looks like a pod. The process, the volume and the probes end with this value; the pod stays.
#[derive(Debug)]
pub struct ProxyPod {
    /// The pod's name.
    pub name: String,
    /// The entry point `web`.
    pub web: SocketAddr,
    /// The admin port.
    pub admin: SocketAddr,
    /// The proxy.
    pub process: Process,
    /// The volume.
    pub volume: Projection,
    _probe: Probe,
}

impl ProxyPod {
    /// Creates the pod, mounts the volume and starts the process. The pod runs then, and is ready when the proxy is.
    ///
    /// `number` is that of the proxy within its set, up to 250.
    pub async fn start(
        namespace: &Namespace<'_>,
        binaries: &Binaries,
        set: &ProxySet,
        number: u8,
    ) -> Result<Self> {
        namespace.cluster.ensure_own()?;
        let name = format!("proxy-{number}");
        let ip = Ipv4Addr::new(127, 0, 0, number.saturating_add(2));
        let (web, admin) = ((ip, set.web_port).into(), (ip, set.admin_port).into());
        namespace.create(POD, &name, pod(set)).await?;
        let directory = namespace
            .cluster
            .folder()
            .join(format!("{}-{name}", namespace.name));
        let refresh = if set.slow {
            Refresh::WithPod(name.clone())
        } else {
            Refresh::AtOnce
        };
        let volume = Projection::start(namespace, &directory, set.sources.clone(), refresh).await?;
        let mut command = Command::new(&binaries.proxy);
        command
            .arg("--config")
            .arg(&directory)
            .arg(format!("--entrypoint=web={web}"))
            .arg(format!("--admin={admin}"))
            .args(&set.arguments);
        let process = namespace
            .cluster
            .spawn(&format!("{}-{name}", namespace.name), command)?;
        let probe = Probe::start(
            *namespace.cluster.api(),
            POD.object(&namespace.name, &name),
            admin,
        );
        Ok(Self {
            name,
            web,
            admin,
            process,
            volume,
            _probe: probe,
        })
    }

    /// Waits until the pod is ready.
    pub async fn await_ready(&mut self, namespace: &Namespace<'_>, limit: Duration) -> Result<()> {
        let Self { name, process, .. } = self;
        let what = format!("pod {name} is ready");
        eventually(&what, limit, async || {
            process.ensure_running()?;
            let pod = namespace.get(POD, name).await?;
            let ready = condition_of(&pod, "Ready");
            anyhow::ensure!(ready["status"] == "True", "{ready}; its log:\n{}", process.log());
            Ok(())
        })
        .await
    }

    /// The digests of the documents that it serves, by document; none before it serves any.
    pub async fn digests(&self) -> Result<BTreeMap<String, String>> {
        let (_, body) = http::get(self.admin, "/config").await?;
        let shown: Value = serde_json::from_slice(&body)?;
        Ok(serde_json::from_value(shown["loaded"]["digests"].clone()).unwrap_or_default())
    }
}

fn pod(set: &ProxySet) -> Value {
    json!({
        "metadata": {"labels": set.labels},
        "spec": {
            "automountServiceAccountToken": false,
            "containers": [{
                "name": "proxy",
                "image": "weir-proxy",
                "ports": [
                    {"name": "web", "containerPort": set.web_port},
                    {"name": "admin", "containerPort": set.admin_port},
                ],
            }],
        },
    })
}

/// The readiness probe, and what kubelet writes about it.
#[derive(Debug)]
struct Probe(JoinHandle<()>);

impl Probe {
    fn start(api: Api, pod: String, admin: SocketAddr) -> Self {
        Self(tokio::spawn(async move {
            let path = format!("{pod}/status");
            let mut written = None;
            loop {
                let ready = is_ready(admin).await;
                // while the API server is away, the next round tries again
                if written != Some(ready) && api.patch(&path, &status(admin, ready)).await.is_ok() {
                    written = Some(ready);
                }
                time::sleep(PROBE).await;
            }
        }))
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn is_ready(admin: SocketAddr) -> bool {
    let answer = time::timeout(PROBE_LIMIT, http::get(admin, "/readyz")).await;
    matches!(answer, Ok(Ok((StatusCode::OK, _))))
}

fn status(admin: SocketAddr, ready: bool) -> Value {
    let condition = |name: &str, is: bool| json!({"type": name, "status": if is { "True" } else { "False" }});
    json!({"status": {
        "phase": "Running",
        "podIP": admin.ip(),
        "podIPs": [{"ip": admin.ip()}],
        "conditions": [
            condition("PodScheduled", true),
            condition("Initialized", true),
            condition("ContainersReady", ready),
            condition("Ready", ready),
        ],
        "containerStatuses": [{
            "name": "proxy",
            "image": "weir-proxy",
            "imageID": "",
            "restartCount": 0,
            "ready": ready,
            "started": true,
            "state": {"running": {}},
        }],
    }})
}
