//! A whole proxy, in this process.

use std::{net::SocketAddr, time::Duration};

use tempfile::TempDir;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use weir_proxy::{
    app::{Options, Proxy, Running},
    config,
};

use super::{Backend, Client, Documents, Response, get};

/// A proxy with one entry point, `web`.
pub struct Fixture {
    pub dir: TempDir,
    pub running: Running,
    pub web: SocketAddr,
    pub admin: SocketAddr,
}

impl Fixture {
    /// Serves documents; returns when they are loaded.
    pub async fn start(documents: &Documents) -> Self {
        Self::with(documents, |_| {}).await
    }

    /// The same, with other options.
    pub async fn with(documents: &Documents, change: impl FnOnce(&mut Options)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        documents.write(dir.path());
        let fixture = Self::empty(dir, change);
        fixture.loaded(documents.config.revision).await;
        fixture
    }

    /// The same, with TLS at the entry point.
    pub async fn secure(documents: &Documents, change: impl FnOnce(&mut Options)) -> Self {
        Self::with(documents, |options| {
            options.entry_points = vec!["web=127.0.0.1:0,tls".parse().unwrap()];
            change(options);
        })
        .await
    }

    /// A proxy on a directory as it is.
    pub fn empty(dir: TempDir, change: impl FnOnce(&mut Options)) -> Self {
        let mut source = config::Options::new(dir.path());
        source.poll = Duration::from_millis(100);
        let mut options = Options::new(source, vec!["web=127.0.0.1:0".parse().unwrap()]);
        options.threads = 2;
        options.first_turn = Some(0);
        options.drain_delay = Duration::ZERO;
        options.limits.park_after = Duration::from_mins(1);
        change(&mut options);
        let running = Proxy::bind(options).unwrap().serve().unwrap();
        let addresses = running.addresses().clone();
        Self {
            dir,
            running,
            web: addresses.entry_points[0],
            admin: addresses.admin,
        }
    }

    /// A connection to the entry point.
    pub async fn client(&self) -> Client {
        Client::connect(self.web).await
    }

    /// A GET at the entry point, on a connection of its own.
    pub async fn get(&self, path: &str) -> Response {
        get(self.web, path).await
    }

    /// Replaces the documents; returns when they are loaded.
    pub async fn publish(&self, documents: &Documents) {
        documents.write(self.dir.path());
        self.loaded(documents.config.revision).await;
    }

    /// Waits until it has ended, after it was told to drain.
    pub async fn ended(self) {
        let Self { running, .. } = self;
        let ended = tokio::task::spawn_blocking(|| running.join());
        timeout(Duration::from_mins(1), ended)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }

    /// Has it drain once there is some load, and waits until all that is under way has ended; each has done more than
    /// one thing. How much all have done.
    pub async fn drain_under(&self, backend: &Backend, loads: Vec<JoinHandle<usize>>) -> usize {
        until("some load", async || backend.count() > 100).await;
        self.running.stopper().drain();
        let mut done = 0;
        for load in loads {
            let its = load.await.unwrap();
            assert!(its > 1);
            done += its;
        }
        done
    }

    async fn loaded(&self, revision: u64) {
        until("the config to be loaded", async || {
            let config = get(self.admin, "/config").await;
            let config: serde_json::Value = serde_json::from_slice(&config.body).unwrap();
            config["inSync"] == true && config["loaded"]["revision"] == revision
        })
        .await;
    }

    /// A metric's value, by its name and labels as they are printed.
    pub async fn metric(&self, name: &str) -> f64 {
        let metrics = get(self.admin, "/metrics").await;
        let line = metrics
            .text()
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in\n{}", metrics.text()))
            .parse()
            .unwrap()
    }

    /// Waits until a metric has a value.
    pub async fn metric_becomes(&self, name: &str, value: f64) {
        until(&format!("{name} to become {value}"), async || {
            (self.metric(name).await - value).abs() < 1e-9
        })
        .await;
    }
}

/// Waits until something holds.
pub async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
