//! The proxy and its clients, while manifests change.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::time;
use weir_e2e::{
    load::{Answers, Load, Target},
    operator::{Report, digests},
    proxy::Proxy,
};

use crate::{
    expected::{Row, Shares},
    scene::Scene,
};

/// What the examples' only route matches.
pub const HOST: &str = "example.com";
/// See [`HOST`].
pub const PATH: &str = "/foo";
/// Requests of a measurement: a whole number of rounds for all weights and percents of the demo.
pub const REQUESTS: u64 = 1200;
const CONNECTIONS: usize = 16;
/// How long there is load before and after a change.
const AROUND: Duration = Duration::from_millis(100);
/// In which all copies of the requests before have arrived.
const COPIES_WITHIN: Duration = Duration::from_secs(5);

/// A running proxy, open connections to it, and what was measured over them.
#[derive(Debug)]
pub struct Stage {
    /// The manifests and backends.
    pub scene: Scene,
    proxy: Proxy,
    load: Load,
    /// By tag, what each backend had seen when it was measured.
    measured: Vec<(String, Vec<u64>)>,
    /// Requests in all.
    requests: u64,
}

/// A change that went live.
#[derive(Debug)]
pub struct Published {
    /// What the compiler said.
    pub report: Report,
    /// Whether what is served is not what was served before.
    pub changed: bool,
    /// From the saved manifest to the proxy serving the result.
    pub took: Duration,
    /// Requests during all that.
    pub meanwhile: u64,
}

impl Stage {
    /// Starts the proxy on what was compiled, and connects to it.
    pub async fn open(scene: Scene) -> Result<Self> {
        let proxy = scene.start_proxy().await?;
        let target = Target {
            host: HOST.to_owned(),
            path: PATH.to_owned(),
        };
        let load = Load::connect(proxy.web, target, CONNECTIONS).await?;
        Ok(Self {
            scene,
            proxy,
            load,
            measured: Vec::new(),
            requests: 0,
        })
    }

    /// Requests in all, and the connections that carried them.
    pub fn totals(&self) -> (u64, usize) {
        (self.requests, self.load.connections())
    }

    /// Changes manifests, compiles, and waits until the proxy serves the result, with requests on all
    /// connections the whole time. That one of them fails is an error.
    pub async fn publish(&mut self, change: impl FnOnce(&Scene) -> Result<()>) -> Result<Published> {
        let Self {
            scene, proxy, load, ..
        } = self;
        let work = async {
            time::sleep(AROUND).await;
            let before = digests(&scene.documents())?;
            change(scene)?;
            let saved = Instant::now();
            let report = scene.compile().await?;
            let after = digests(&scene.documents())?;
            proxy.wait_until_loaded(&after).await?;
            let took = saved.elapsed();
            time::sleep(AROUND).await;
            anyhow::Ok((report, before != after, took))
        };
        let (result, answers) = load.send_during("meanwhile", work).await;
        let (report, changed, took) = result?;
        let meanwhile = self.judge(&answers).context("while a change went live")?;
        Ok(Published {
            report,
            changed,
            took,
            meanwhile,
        })
    }

    /// Sends [`REQUESTS`] requests and compares what each backend answered and got copies of. The error of a
    /// number that is off is left to the caller, who shows them first.
    pub async fn measure(&mut self, shares: &Shares) -> Result<Vec<(Row, Row)>> {
        let tag = format!("measurement-{}", self.measured.len() + 1);
        let expected = shares.rows(REQUESTS)?;
        let answers = self.load.send(&tag, REQUESTS).await;
        self.judge(&answers).with_context(|| tag.clone())?;
        let (mut rows, mut seen) = (Vec::new(), Vec::new());
        for (backend, expected) in self.scene.backends.iter().zip(expected) {
            let answered = answers.by_backend.get(&backend.name).copied().unwrap_or_default();
            let seen_here = backend
                .wait_for(&tag, answered + expected.copies, COPIES_WITHIN)
                .await;
            let copies = seen_here.checked_sub(answered);
            let copies = copies.with_context(|| format!("{} answered more than it saw", backend.name))?;
            rows.push((
                expected,
                Row {
                    answered,
                    copies,
                    ..expected
                },
            ));
            seen.push(seen_here);
        }
        self.measured.push((tag, seen));
        Ok(rows)
    }

    /// Whether a backend got more copies after they had been counted.
    pub fn check_late_copies(&self) -> Result<()> {
        for (tag, seen) in &self.measured {
            for (backend, seen) in self.scene.backends.iter().zip(seen) {
                let now = backend.seen(tag);
                ensure!(
                    now == *seen,
                    "{}: {now} requests of {tag} instead of {seen}",
                    backend.name
                );
            }
        }
        Ok(())
    }

    /// Every answer must be good, and every connection still open.
    fn judge(&mut self, answers: &Answers) -> Result<u64> {
        if answers.failed > 0 {
            bail!(
                "{} failures, the first: {}",
                answers.failed,
                answers.failures.join("; ")
            );
        }
        self.requests += answers.good();
        Ok(answers.good())
    }
}
