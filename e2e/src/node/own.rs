//! A node that may be broken: the machine, what runs on it, and what is started again.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context as _, Result};

use super::{
    NAME, image,
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
        tools::Tools,
    },
};

/// A node of our own.
#[derive(Debug)]
pub(super) struct Own {
    plan: Plan,
    /// None while it is off. Not borrowed by whoever reboots it, so that namespaces and what is in them outlive that.
    running: Mutex<Option<Running>>,
}

/// The parts go before the machine that they are on.
#[derive(Debug)]
struct Running {
    /// Killed with the value.
    _parts: Parts,
    machine: Machine,
}

impl Own {
    /// Starts one, which is ready for pods and has the images of weir and [`image::BACKEND`], and its control plane.
    pub(super) async fn start(tools: &Tools) -> Result<(Self, Cluster)> {
        let group = Group::new()?;
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
        let running = Running {
            _parts: parts,
            machine,
        };
        let own = Self {
            plan,
            running: Mutex::new(Some(running)),
        };
        Ok((own, cluster))
    }

    /// Ends everything as when the power fails, and starts it again.
    pub(super) async fn reboot(&self, cluster: &Cluster) -> Result<()> {
        let before = self.running().take().context("the node is off")?;
        cluster.kill_components()?;
        let network = before.machine.power_off()?;
        let machine = Machine::boot(cluster.group(), Some(network)).await?;
        cluster.restart_components(machine.network_file()).await?;
        let parts = self.plan.start(cluster, &machine, &[]).await?;
        *self.running() = Some(Running {
            _parts: parts,
            machine,
        });
        Ok(())
    }

    pub(super) fn kill(&self, pod: &Pod, program: &str) -> Result<()> {
        self.on(|machine| machine.kill_in_pod(&pod.uid, program))
    }

    pub(super) async fn import(&self, archive: &Path) -> Result<()> {
        self.plan.import(archive).await
    }

    /// Something with the machine, which has to be on.
    pub(super) fn on<T>(&self, with: impl FnOnce(&Machine) -> Result<T>) -> Result<T> {
        let running = self.running();
        let running = running.as_ref().context("the node is off")?;
        with(&running.machine)
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        // whatever somebody has panicked over, it runs or it does not
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
