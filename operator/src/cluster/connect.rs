//! How the API server is reached.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use http::{HeaderValue, header::USER_AGENT};
use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig},
};

/// To connect.
const CONNECT: Duration = Duration::from_secs(5);
/// To send a request.
const WRITE: Duration = Duration::from_secs(10);

/// Where it is said how the API server is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// A kubeconfig; nothing: what `KUBECONFIG` names or `~/.kube/config`, else the pod's ServiceAccount.
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context; nothing: its current one.
    pub context: Option<String>,
}

impl Connection {
    /// The client's configuration. Nobody is asked yet.
    pub async fn config(&self) -> anyhow::Result<Config> {
        let mut config = match self {
            Self {
                kubeconfig: None,
                context: None,
            } => Config::infer().await.context(
                "there is neither a kubeconfig nor a ServiceAccount's token; --kubeconfig names one",
            )?,
            Self { kubeconfig, context } => {
                let read = kubeconfig
                    .as_ref()
                    .map_or_else(Kubeconfig::read, Kubeconfig::read_from);
                let options = KubeConfigOptions {
                    context: context.clone(),
                    ..KubeConfigOptions::default()
                };
                let loaded = Config::from_custom_kubeconfig(read?, &options).await;
                loaded.context("the kubeconfig cannot be used")?
            }
        };
        config.connect_timeout = Some(CONNECT);
        config.write_timeout = Some(WRITE);
        // whoever sends a request tries again by itself, with its own limits
        config.default_retry = false;
        let agent = concat!("weir-operator/", env!("CARGO_PKG_VERSION"));
        config.headers.push((USER_AGENT, HeaderValue::from_static(agent)));
        Ok(config)
    }
}
