//! A Kubernetes node with a control plane, as root and without a container engine: kubelet, containerd, kube-proxy.
//!
//! Everything is in namespaces of its own ([`machine`]) and goes with the value and with this program. Pods, Services and
//! the node have addresses that this host has a route to, so that load from here takes the way of any client: through
//! kube-proxy. Names are not resolved in pods.

pub mod image;
pub mod installed;
mod machine;
mod network;
mod parts;

use std::{net::Ipv4Addr, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use tokio::sync::OnceCell;

use self::{
    installed::Pod,
    machine::Machine,
    parts::{Parts, Plan},
};
use crate::{
    binaries::Binaries,
    cluster::{
        Cluster,
        control_plane::{self, Site},
        group::Group,
        program::{self, Said},
        tools::Tools,
    },
};

/// For helm, which waits by itself for what it has installed.
const HELM: Duration = Duration::from_mins(5);
const NAME: &str = "node";

/// A node.
#[derive(Debug)]
pub struct Node {
    tools: Tools,
    plan: Plan,
    parts: Option<Parts>,
    machine: Option<Machine>,
    // the last to go: its group removes what the others leave
    cluster: Cluster,
}

impl Node {
    /// The one for all tests of this program.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Result<Node, String>> = OnceCell::const_new();
        // what has failed once is not tried again by every test
        let started = SHARED.get_or_init(async || Self::start().await.map_err(|error| format!("{error:#}")));
        started.await.as_ref().map_err(|error| anyhow!("{error}"))
    }

    /// One that is ready for pods, and has the images of weir and [`image::BACKEND`].
    pub async fn start() -> Result<Self> {
        let (group, tools) = (Group::new()?, Tools::find()?);
        let images = image::write_all(group.folder(), &Binaries::beside_this()?)?;
        let machine = Machine::boot(&group, None).await?;
        let site = Site {
            address: machine.network.machine(),
            services: machine.network.services(),
            controllers: "*",
            network: Some(machine.network_file()),
            node: Some((NAME.to_owned(), control_plane::random()?)),
        };
        let plan = Plan::new(tools.clone(), group.folder(), NAME, &machine)?;
        let cluster = Cluster::start_at(site, group).await?;
        let parts = plan.start(&cluster, &machine, &images).await?;
        Ok(Self {
            tools,
            plan,
            parts: Some(parts),
            machine: Some(machine),
            cluster,
        })
    }

    /// Its API.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Its address, where its Services' node ports are.
    pub fn address(&self) -> Result<Ipv4Addr> {
        let machine = self.machine.as_ref().context("the node is off")?;
        Ok(machine.network.machine())
    }

    /// The network device on this host that leads to it.
    pub fn device(&self) -> Result<String> {
        let machine = self.machine.as_ref().context("the node is off")?;
        Ok(machine.network.device())
    }

    /// Kills a program in a pod, without a chance to clean up. kubelet then starts it again.
    pub fn kill(&self, pod: &Pod, program: &str) -> Result<()> {
        let machine = self.machine.as_ref().context("the node is off")?;
        machine.kill_in_pod(&pod.uid, program)
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
        let archive = image::write(self.cluster.folder(), name, program, arguments)?;
        self.plan.import(&archive).await
    }

    /// Ends everything as when the power fails, and starts it again. What was written is there again.
    pub async fn reboot(&mut self) -> Result<()> {
        let Self {
            plan,
            parts,
            machine,
            cluster,
            ..
        } = self;
        let off = machine.take().context("the node is off")?;
        parts.take();
        let again = cluster.restart_in(async |group| {
            let network = off.power_off()?;
            let again = Machine::boot(group, Some(network)).await?;
            let network = again.network_file();
            Ok((again, network))
        });
        let again = machine.insert(again.await?);
        *parts = Some(plan.start(cluster, again, &[]).await?);
        Ok(())
    }
}
