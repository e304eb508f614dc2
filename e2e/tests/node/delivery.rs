//! How long a weight takes from `kubectl patch` to the first request that it decides about.

use std::{
    cell::Cell,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use http_body_util::Full;
use hyper::{Request, StatusCode};
use serde_json::json;
use weir_e2e::{http, node::Node};

use crate::support::{App, Scene};

const RUNS: usize = 30;
/// Through the Service, so that both proxies get some.
const CONNECTIONS: usize = 8;
/// Between the requests of a connection.
const PAUSE: Duration = Duration::from_millis(5);
/// kubelet by itself looks every 60 to 90 s.
const LIMIT: Duration = Duration::from_mins(3);

/// What happened after a change, from just before it.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Until the first request that was sent where it was to be sent.
    first: Duration,
    /// Until the last one that was not.
    last: Duration,
}

impl Step {
    /// Sends requests while `change` is made, until all of them go to `to`.
    async fn measure(
        entry: SocketAddr,
        host: &str,
        to: &str,
        change: impl AsyncFnOnce() -> Result<()>,
    ) -> Result<Self> {
        let start = Instant::now();
        let (first, last) = (Cell::new(None), Cell::new(Duration::ZERO));
        let connections = (0..CONNECTIONS).map(|_| async {
            let mut connection = http::connect(entry).await?;
            // a connection stays with one proxy, and what a proxy has done once it does from then on
            loop {
                let request = Request::get("/step/0")
                    .header("host", host)
                    .body(Full::default())?;
                let (status, body) = http::exchange(&mut connection, request).await?;
                let body = String::from_utf8_lossy(&body);
                ensure!(status == StatusCode::OK, "{status}: {body}");
                let elapsed = start.elapsed();
                if body.starts_with(&format!("Name: {to}\n")) {
                    first.set(first.get().or(Some(elapsed)));
                    return Ok(());
                }
                last.set(elapsed);
                ensure!(elapsed < LIMIT, "still {body}");
                tokio::time::sleep(PAUSE).await;
            }
        });
        let connections = try_join_all(connections);
        let (changed, sent) = futures::future::join(change(), connections).await;
        changed?;
        sent?;
        Ok(Self {
            first: first.get().context("nothing sent")?,
            last: last.get(),
        })
    }
}

#[tokio::test]
#[ignore = "needs a node: make e2e-node"]
async fn a_patched_weight_decides_within_a_second_and_is_then_programmed() {
    let node = Node::shared().await.unwrap();
    let apps = [(App::new("old", 1), 1), (App::new("new", 1), 1)];
    let scene = Scene::start(node, &apps, &[]).await.unwrap();
    let entry = scene.weir.entry("web").await.unwrap();
    let host = scene.target().host;
    let mut runs = Vec::new();
    for run in 0..RUNS {
        let (from, to) = if run % 2 == 0 {
            ("old", "new")
        } else {
            ("new", "old")
        };
        scene.weigh(&[(from, 1), (to, 0)]).await.unwrap();
        scene.await_programmed().await.unwrap();
        Step::measure(entry, &host, from, async || Ok(())).await.unwrap();
        let patched = async || {
            let patch = json!({"spec": {"weighted": {"services": [
                {"name": from, "port": 80, "weight": 0}, {"name": to, "port": 80, "weight": 1}
            ]}}});
            let patch = [
                "patch",
                "traefikservice/split",
                "--type=merge",
                "-p",
                &patch.to_string(),
            ];
            scene.namespace.kubectl(&patch).await.map(drop)
        };
        let step = Step::measure(entry, &host, to, patched).await.unwrap();
        let start = Instant::now();
        scene.await_programmed().await.unwrap();
        runs.push((step, start.elapsed()));
    }
    let figures = |what: &str, of: fn(&(Step, Duration)) -> Duration| {
        let mut all: Vec<_> = runs.iter().map(of).collect();
        all.sort_unstable();
        let (median, p95, worst) = (all[RUNS / 2], all[RUNS * 95 / 100], all[RUNS - 1]);
        println!("{what}: median {median:.2?}, p95 {p95:.2?}, worst {worst:.2?} of {RUNS}");
        (median, p95)
    };
    let (median, p95) = figures(
        "kubectl patch to the first request with the new share",
        |(step, _)| step.first,
    );
    figures(
        "kubectl patch to the last request with the old share",
        |(step, _)| step.last,
    );
    let (_, programmed) = figures("from then on until Programmed", |(_, programmed)| *programmed);
    assert!(
        median < Duration::from_secs(1) && p95 < Duration::from_secs(2),
        "{median:?}, {p95:?}"
    );
    assert!(programmed < Duration::from_secs(2), "{programmed:?}");
    scene.end().await.unwrap();
}
