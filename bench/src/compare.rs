//! The comparison: all proxies do the same work in turns.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use tokio::time::sleep;

use crate::{
    backend::Backends,
    certificate::Certificate,
    contest::{Contestant, Pin, Running, Task},
    files,
    load::{self, Http1, Target},
    results::{Cell, Measure, Results},
    works::{CONNECTIONS, Work},
};

/// How it is done.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who takes part.
    pub contestants: Vec<Contestant>,
    /// How often each does each work.
    pub rounds: usize,
    /// The requests of a round are divided by this.
    pub hurry: usize,
    /// The core of the proxies.
    pub pin: Pin,
}

/// A proxy at work.
struct Entrant {
    name: &'static str,
    running: Running,
    target: Target,
    connections: Vec<Http1>,
}

impl Settings {
    /// Does a work in turns, and writes down what it costs.
    pub async fn work(
        &self,
        work: &Work,
        backends: &Backends,
        certificate: &Certificate,
        results: &mut Results,
    ) -> Result<()> {
        let mut entrants = Vec::new();
        for contestant in &self.contestants {
            let Some((running, target)) = self.start(contestant, work, backends, certificate).await? else {
                continue;
            };
            let connections = work.connections(&target, CONNECTIONS).await?;
            entrants.push(Entrant {
                name: contestant.name(),
                running,
                target,
                connections,
            });
        }
        let requests = (work.requests / self.hurry).max(10);
        let (mut cpu, mut rate, mut memory) = (Column::default(), Column::default(), Column::default());
        for round in 0..=self.rounds {
            let count = entrants.len();
            for turn in 0..count {
                let entrant = &mut entrants[(round + turn) % count];
                let name = entrant.name;
                let (before, started) = (entrant.running.tree().cpu()?, Instant::now());
                work.send(&entrant.target, &mut entrant.connections, requests)
                    .await
                    .with_context(|| format!("{name}: {}: {}", work.name, entrant.running.log()))?;
                // a proxy may still have to do with what it has answered
                let took = started.elapsed();
                sleep(Duration::from_millis(20)).await;
                let used = entrant.running.tree().cpu()?.saturating_sub(before);
                if round > 0 {
                    cpu.add(name, used.as_secs_f64() * 1e6 / requests as f64);
                    rate.add(name, requests as f64 / took.as_secs_f64());
                    memory.add(name, entrant.running.tree().memory()? as f64 / (1024.0 * 1024.0));
                }
            }
            eprint!(".");
        }
        for (measure, cells) in [
            (Measure::Cpu, cpu),
            (Measure::Rate, rate),
            (Measure::Memory, memory),
        ] {
            results.add(work.name, work.about, measure, cells.0);
        }
        if work.name == "one" {
            self.half_load(&mut entrants, results, work).await?;
        }
        Ok(())
    }

    /// Has a proxy serve what a work needs; none: it cannot.
    async fn start(
        &self,
        contestant: &Contestant,
        work: &Work,
        backends: &Backends,
        certificate: &Certificate,
    ) -> Result<Option<(Running, Target)>> {
        let address = free_port()?;
        let task = Task {
            address,
            backends,
            tls: work.tls,
            certificate,
            route: work.route,
            large: work.is_large(),
        };
        let Some(running) = contestant.start(&task, &self.pin).await? else {
            return Ok(None);
        };
        let target = work.target(address, certificate);
        let ready = work.ready(&target).await;
        ready.with_context(|| format!("{}: {}: {}", contestant.name(), work.name, running.log()))?;
        Ok(Some((running, target)))
    }

    /// How long requests take when they come at half of the rate that the slowest of weir, nginx and haproxy reaches.
    async fn half_load(&self, entrants: &mut [Entrant], results: &mut Results, work: &Work) -> Result<()> {
        let reached = results.row(work.name, Measure::Rate);
        let reached = reached.iter().flat_map(|row| &row.rounds);
        let slowest = reached.filter(|(name, _)| *name != "traefik");
        let rate = slowest
            .filter_map(|(_, cell)| cell.median())
            .fold(f64::INFINITY, f64::min)
            / 2.0;
        let time = Duration::from_secs(5) / self.hurry as u32;
        let (mut half, mut late) = (Column::default(), Column::default());
        for round in 0..=self.rounds {
            let count = entrants.len();
            for turn in 0..count {
                let entrant = &mut entrants[(round + turn) % count];
                let taken = load::open(&entrant.target, &mut entrant.connections, rate, time).await?;
                if round > 0 {
                    half.add(entrant.name, taken.at(500).as_secs_f64() * 1e6);
                    late.add(entrant.name, taken.at(990).as_secs_f64() * 1e6);
                }
            }
            eprint!(",");
        }
        results.rate = rate;
        results.add(work.name, work.about, Measure::P50, half.0);
        results.add(work.name, work.about, Measure::P99, late.0);
        Ok(())
    }

    /// What connections cost that wait for a next request.
    pub async fn idle(
        &self,
        work: &Work,
        backends: &Backends,
        certificate: &Certificate,
        results: &mut Results,
    ) -> Result<()> {
        let count = files::most_connections() / self.hurry;
        let mut cells = Column::default();
        for contestant in &self.contestants {
            let Some((running, target)) = self.start(contestant, work, backends, certificate).await? else {
                continue;
            };
            let mut warm = work.connections(&target, CONNECTIONS).await?;
            work.send(&target, &mut warm, 100 * CONNECTIONS).await?;
            sleep(Duration::from_secs(3)).await;
            let before = running.tree().memory()?;
            let all = load::idle(&target, count).await?;
            // longer than it takes any of them to give something back
            sleep(Duration::from_secs(5)).await;
            let more = running.tree().memory()?.saturating_sub(before);
            cells.add(contestant.name(), more as f64 / count as f64 / 1024.0);
            drop(all);
            eprint!(".");
        }
        let about = format!("each of {count} connections that wait, after one request");
        results.add("idle", &about, Measure::Idle, cells.0);
        Ok(())
    }
}

/// What was measured of each.
#[derive(Debug, Default)]
pub struct Column(pub BTreeMap<String, Cell>);

impl Column {
    /// Another round's.
    pub fn add(&mut self, name: &str, value: f64) {
        self.0.entry(name.to_owned()).or_default().add(value);
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?)
}
