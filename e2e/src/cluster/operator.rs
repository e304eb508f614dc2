//! `weir-operator run` as a process.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Command,
    time::{Duration, Instant},
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
    /// Starts one as the kubeconfig's user, and does not wait for anything.
    pub fn start(
        cluster: &Cluster,
        binaries: &Binaries,
        set: &OperatorSet,
        name: &str,
        kubeconfig: &Path,
    ) -> Result<Self> {
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::reserve()?));
        let mut command = Command::new(&binaries.operator);
        // as the chart sets it
        command.env("MIMALLOC_PURGE_DELAY", "0");
        command
            .args(["run", "--identity", name, "--own-namespace", &set.own_namespace])
            .arg("--kubeconfig")
            .arg(kubeconfig)
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

    /// Waits until it is the one that writes, and returns how long that took.
    pub async fn await_leading(&mut self, limit: Duration) -> Result<Duration> {
        let start = Instant::now();
        let what = format!("operator {} leads", self.name);
        eventually(&what, limit, async || {
            self.process.ensure_running()?;
            ensure!(self.leads().await?, "its log:\n{}", self.process.log());
            Ok(())
        })
        .await?;
        Ok(start.elapsed())
    }

    /// A page of the admin port, whatever its status is.
    pub async fn page(&self, path: &str) -> Result<(StatusCode, String)> {
        let (status, body) = http::get(self.admin, path).await?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
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
        let value = |line: &str| {
            let rest = line.strip_prefix(series)?;
            // some are written with an empty list of labels
            let rest = rest.strip_prefix("{}").unwrap_or(rest);
            Some(rest.strip_prefix(' ')?.to_owned())
        };
        let line = metrics.lines().find_map(value);
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
