//! The real programs, started as the pods of a rendered chart would be.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use weir_e2e::{
    binaries::Binaries,
    cluster::{
        Cluster,
        namespace::Namespace,
        ports,
        process::Process,
        projection::{Source, SourceKind},
        proxy_pod::{ProxyPod, ProxySet},
        user::as_account,
        wait::eventually,
    },
    http,
};

use crate::chart::Objects;

const LIMIT: Duration = Duration::from_mins(1);

/// The operator of the rendered Deployment, with the permissions of its ServiceAccount.
pub struct Operator {
    process: Process,
    admin: SocketAddr,
    // who it is for the API server
    _cluster: Cluster,
}

impl Operator {
    /// Starts it and waits until it is ready.
    pub async fn start(namespace: &Namespace<'_>, objects: &Objects) -> Result<Self> {
        let cluster = as_account(namespace, "weir-operator").await?;
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
    pub async fn stop(mut self) {
        let (_, metrics) = http::get(self.admin, "/metrics").await.unwrap();
        self.process.terminate(LIMIT).await.unwrap();
        let told = String::from_utf8_lossy(&metrics).into_owned() + &self.process.log();
        let refused = told
            .lines()
            .filter(|line| line.contains("forbidden") || line.contains("permission"))
            // a counter that has counted nothing
            .filter(|line| !line.ends_with("} 0"));
        assert_eq!(refused.collect::<Vec<_>>(), Vec::<&str>::new());
    }
}

/// A proxy with the labels, the volume and the flags of the rendered Deployment.
pub async fn proxy(namespace: &Namespace<'_>, objects: &Objects, number: u8) -> Result<ProxyPod> {
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
