//! A Kubernetes node with a control plane, as root and without a container engine: kubelet, containerd, kube-proxy.
//!
//! Everything is in namespaces of its own ([`machine`]) and goes with the value and with this program. Pods, Services and
//! the node have addresses that this host has a route to, so that load from here takes the way of any client: through
//! kube-proxy. Names are not resolved in pods.
//!
//! With `WEIR_E2E_KUBECONFIG` naming a kubeconfig, [`Node::shared`] is that cluster. Its nodes have the images or can pull
//! them, and this host has a route to its nodes, pods and Services, as one of its nodes has. Nothing there can be killed,
//! rebooted or imported.

pub mod image;
pub mod installed;
mod machine;
mod network;
mod own;
mod parts;

use std::{env, net::IpAddr, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use tokio::sync::OnceCell;

use self::{installed::Pod, own::Own};
use crate::cluster::{
    Cluster, KUBECONFIG,
    namespace::condition_of,
    program::{self, Said},
    tools::Tools,
};

/// For helm, which waits by itself for what it has installed.
const HELM: Duration = Duration::from_mins(5);
const NAME: &str = "node";

/// A node.
#[derive(Debug)]
pub struct Node {
    tools: Tools,
    address: IpAddr,
    /// None on a cluster that was there before.
    own: Option<Own>,
    // the last to go: its group removes what the others leave
    cluster: Cluster,
}

impl Node {
    /// The one for all tests of this program.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Result<Node, String>> = OnceCell::const_new();
        let start = async || match env::var_os(KUBECONFIG) {
            Some(kubeconfig) => Self::existing(Path::new(&kubeconfig)).await,
            None => Self::start().await,
        };
        // what has failed once is not tried again by every test
        let started = SHARED.get_or_init(async || start().await.map_err(|error| format!("{error:#}")));
        started.await.as_ref().map_err(|error| anyhow!("{error}"))
    }

    /// One of our own that is ready for pods, and has the images of weir and [`image::BACKEND`].
    pub async fn start() -> Result<Self> {
        let tools = Tools::find()?;
        let (own, cluster) = Own::start(&tools).await?;
        Ok(Self {
            tools,
            address: own.on(|machine| Ok(machine.network.machine()))?.into(),
            own: Some(own),
            cluster,
        })
    }

    /// A node of the cluster of a kubeconfig's current context.
    pub async fn existing(kubeconfig: &Path) -> Result<Self> {
        let cluster = Cluster::existing(kubeconfig).await?;
        Ok(Self {
            tools: Tools::find()?,
            address: address_in(&cluster).await?,
            own: None,
            cluster,
        })
    }

    /// Its API.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Its address, where its Services' node ports are.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The network device on this host that leads to it.
    pub fn device(&self) -> Result<String> {
        self.own()?.on(|machine| Ok(machine.network.device()))
    }

    /// Kills a program in a pod, without a chance to clean up. kubelet then starts it again.
    pub fn kill(&self, pod: &Pod, program: &str) -> Result<()> {
        self.own()?.kill(pod, program)
    }

    /// helm, as a user types it.
    pub async fn helm(&self, arguments: &[&str]) -> Result<Said> {
        let mut command = Command::new(self.tools.program("helm")?);
        command
            .arg("--kubeconfig")
            .arg(self.cluster.kubeconfig())
            .args(arguments);
        // what it remembers it keeps there, and not in the user's home
        for kind in ["CACHE", "CONFIG", "DATA"] {
            command.env(format!("HELM_{kind}_HOME"), self.cluster.folder().join("helm"));
        }
        program::say(command, &format!("helm {}", arguments.join(" ")), None, HELM).await
    }

    /// Gives the node a program as an image with this name and tag.
    pub async fn import(&self, name: &str, program: &Path, arguments: &[&str]) -> Result<()> {
        let own = self.own()?;
        let archive = image::write(self.cluster.folder(), name, program, arguments)?;
        own.import(&archive).await
    }

    /// Ends everything as when the power fails, and starts it again. What was written is there again.
    pub async fn reboot(&self) -> Result<()> {
        self.own()?.reboot(&self.cluster).await
    }

    fn own(&self) -> Result<&Own> {
        let own = self.own.as_ref();
        own.with_context(|| format!("this needs a node of its own, not the cluster of {KUBECONFIG}"))
    }
}

/// The first address within the cluster of a node that is ready.
async fn address_in(cluster: &Cluster) -> Result<IpAddr> {
    let list = cluster.api().get("/api/v1/nodes").await?;
    let nodes = list["items"].as_array().into_iter().flatten();
    let mut ready = nodes.filter(|node| condition_of(node, "Ready")["status"] == "True");
    let node = ready.next().context("no node of the cluster is ready")?;
    let addresses = node["status"]["addresses"].as_array().into_iter().flatten();
    let mut internal = addresses.filter(|address| address["type"] == "InternalIP");
    let address = internal.next().and_then(|address| address["address"].as_str());
    let address = address.with_context(|| format!("{} has no InternalIP", node["metadata"]["name"]))?;
    Ok(address.parse()?)
}
