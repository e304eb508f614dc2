//! `weir-operator run` as a process.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use hyper::StatusCode;

use super::{Cluster, ports, process::Process, wait::eventually};
use crate::{binaries::Binaries, http};

/// How the operators of one release are started.
#[derive(Clone, Debug)]
pub struct OperatorSet {
    /// Where they publish, and where the proxies are.
    pub own_namespace: String,
    /// What they watch; none: everything.
    pub namespaces: Vec<String>,
    /// Further arguments.
    pub arguments: Vec<String>,
}

/// A running operator. It is killed when this value goes.
#[derive(Debug)]
pub struct OperatorProcess {
    /// Who it is in the Lease, before what is added to that.
    pub name: String,
    /// The admin port.
    pub admin: SocketAddr,
    /// The process; its log is there.
    pub process: Process,
}

impl OperatorProcess {
    /// Starts one, and does not wait for anything.
    pub fn start(cluster: &Cluster, binaries: &Binaries, set: &OperatorSet, name: &str) -> Result<Self> {
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::reserve()?));
        let mut command = Command::new(&binaries.operator);
        // as the chart sets it
        command.env("MIMALLOC_PURGE_DELAY", "0");
        command
            .args(["run", "--identity", name, "--own-namespace", &set.own_namespace])
            .arg("--kubeconfig")
            .arg(cluster.kubeconfig())
            .arg(format!("--admin={admin}"));
        for namespace in &set.namespaces {
            command.args(["--namespace", namespace]);
        }
        command.args(&set.arguments);
        Ok(Self {
            name: name.to_owned(),
            admin,
            process: cluster.spawn(&format!("{}-{name}", set.own_namespace), command)?,
        })
    }

    /// Waits until it says that it is ready.
    pub async fn await_ready(&mut self, limit: Duration) -> Result<()> {
        let Self { name, admin, process } = self;
        let what = format!("operator {name} is ready");
        eventually(&what, limit, async || {
            process.ensure_running()?;
            let (status, body) = http::get(*admin, "/readyz").await?;
            let body = String::from_utf8_lossy(&body);
            ensure!(
                status == StatusCode::OK,
                "{status}: {body}\nits log:\n{}",
                process.log()
            );
            Ok(())
        })
        .await
    }

    /// All metrics, as they are exposed.
    pub async fn metrics(&self) -> Result<String> {
        let (status, body) = http::get(self.admin, "/metrics").await?;
        ensure!(status == StatusCode::OK, "/metrics: {status}");
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// The value of a metric, written as in the exposition: `weir_x_total{a="b"}`. None as long as it is not exposed.
    pub async fn metric(&self, series: &str) -> Result<Option<f64>> {
        let metrics = self.metrics().await?;
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map(|value| value.parse().with_context(|| format!("{series} {value}")))
            .transpose()
    }

    /// A metric's values by its labels as they are exposed: `{a="b"}`. Those that are not exposed are 0.
    pub async fn counts(&self, metric: &str) -> Result<BTreeMap<String, u64>> {
        let metrics = self.metrics().await?;
        let lines = metrics
            .lines()
            .filter_map(|line| line.strip_prefix(metric)?.rsplit_once(' '));
        let series = lines.filter(|(labels, _)| labels.is_empty() || labels.starts_with('{'));
        series
            .map(|(labels, value)| Ok((labels.to_owned(), value.parse()?)))
            .collect()
    }

    /// Whether it is the one that writes.
    pub async fn leads(&self) -> Result<bool> {
        Ok(self.metric("weir_leader").await? == Some(1.0))
    }
}
