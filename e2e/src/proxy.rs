//! `weir-proxy` as a process.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use hyper::StatusCode;
use serde::Deserialize;
use tokio::time;

use crate::{binaries::Binaries, http};

/// Within which it must be ready, or have loaded what is new.
const LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(5);

/// A running proxy. It ends with this value.
#[derive(Debug)]
pub struct Proxy {
    /// The entry point `web`.
    pub web: SocketAddr,
    /// The admin port.
    pub admin: SocketAddr,
    log: PathBuf,
    child: Child,
}

/// What is read of the admin port's `/config`.
#[derive(Debug, Default, Deserialize)]
struct Shown {
    loaded: Option<Loaded>,
}

#[derive(Debug, Default, Deserialize)]
struct Loaded {
    digests: BTreeMap<String, String>,
}

impl Proxy {
    /// Starts one on the documents in `config` and waits until it is ready. Its log goes to the file `log`.
    pub async fn start(binaries: &Binaries, config: &Path, log: &Path) -> Result<Self> {
        let (web, admin) = (free_port()?, free_port()?);
        let mut command = Command::new(&binaries.proxy);
        command
            .arg("--config")
            .arg(config)
            .arg("--entrypoint")
            .arg(format!("web={web}"))
            .arg("--admin")
            .arg(admin.to_string())
            .stdin(Stdio::null())
            .stdout(File::create(log)?)
            .stderr(File::options().append(true).open(log)?);
        let child = command
            .spawn()
            .with_context(|| format!("{} does not start", binaries.proxy.display()))?;
        let mut proxy = Self {
            web,
            admin,
            log: log.to_owned(),
            child,
        };
        let ready = async |proxy: &Self| match http::get(proxy.admin, "/readyz").await {
            Ok((StatusCode::OK, _)) => Ok(()),
            Ok((status, body)) => Err(format!("/readyz: {status} {}", String::from_utf8_lossy(&body))),
            Err(error) => Err(format!("{error:#}")),
        };
        proxy.wait("is not ready", ready).await?;
        Ok(proxy)
    }

    /// Waits until it serves the documents with these digests.
    pub async fn wait_until_loaded(&mut self, digests: &BTreeMap<String, String>) -> Result<()> {
        let loaded = async |proxy: &Self| {
            let (_, body) = http::get(proxy.admin, "/config")
                .await
                .map_err(|error| format!("{error:#}"))?;
            let shown: Shown = serde_json::from_slice(&body).map_err(|error| format!("/config: {error}"))?;
            match shown.loaded {
                Some(loaded) if loaded.digests == *digests => Ok(()),
                _ => Err(format!(
                    "/config: {}\nwanted: {digests:?}",
                    String::from_utf8_lossy(&body)
                )),
            }
        };
        self.wait("has not loaded the new documents", loaded).await
    }

    /// Asks again and again until the answer is good, the process ends, or the time is over.
    async fn wait(&mut self, problem: &str, ask: impl AsyncFn(&Self) -> Result<(), String>) -> Result<()> {
        let end = time::Instant::now() + LIMIT;
        loop {
            let Err(answer) = ask(self).await else {
                return Ok(());
            };
            let log = || fs::read_to_string(&self.log).unwrap_or_default();
            if let Some(status) = self.child.try_wait()? {
                bail!("weir-proxy ended with {status}; its log:\n{}", log());
            }
            if time::Instant::now() > end {
                bail!(
                    "weir-proxy {problem} after {LIMIT:?}: {answer}\nits log:\n{}",
                    log()
                );
            }
            time::sleep(POLL).await;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // an error means that it has ended by itself; waiting for it leaves no defunct process behind
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A port that was free a moment ago.
fn free_port() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?)
}
