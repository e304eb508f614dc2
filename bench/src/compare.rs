//! The comparison: all proxies do the same work in turns.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use tokio::time::sleep;

use crate::{
    backend::Backends,
    certificate::Certificate,
    contest::{Contestant, Running, Task},
    files,
    load::{self, Http1, Target},
    results::{Cell, Measure, Results, Row},
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
    pub core: usize,
}

/// A proxy at work.
struct Entrant {
    place: usize,
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
        for (place, contestant) in self.contestants.iter().enumerate() {
            let address = free_port()?;
            let task = Task {
                address,
                backends,
                tls: work.tls,
                certificate,
                route: work.route,
                large: work.is_large(),
            };
            let Some(running) = contestant.start(&task, self.core).await? else {
                continue;
            };
            let target = work.target(address, certificate)?;
            let connections = work.connections(&target).await?;
            entrants.push(Entrant {
                place,
                running,
                target,
                connections,
            });
        }
        let requests = (work.requests / self.hurry).max(10);
        let empty = || vec![Cell::default(); self.contestants.len()];
        let (mut cpu, mut rate, mut memory) = (empty(), empty(), empty());
        for round in 0..=self.rounds {
            let count = entrants.len();
            for turn in 0..count {
                let entrant = &mut entrants[(round + turn) % count];
                let name = self.contestants[entrant.place].name();
                let (before, started) = (entrant.running.tree().cpu()?, Instant::now());
                work.send(&entrant.target, &mut entrant.connections, requests)
                    .await
                    .with_context(|| format!("{name}: {}: {}", work.name, entrant.running.log()))?;
                // a proxy may still have to do with what it has answered
                let took = started.elapsed();
                sleep(Duration::from_millis(20)).await;
                let used = entrant.running.tree().cpu()?.saturating_sub(before);
                if round > 0 {
                    cpu[entrant.place].add(used.as_secs_f64() * 1e6 / requests as f64);
                    rate[entrant.place].add(requests as f64 / took.as_secs_f64());
                    memory[entrant.place].add(entrant.running.tree().memory()? as f64 / (1024.0 * 1024.0));
                }
            }
            eprint!(".");
        }
        for (measure, cells) in [
            (Measure::Cpu, cpu),
            (Measure::Rate, rate),
            (Measure::Memory, memory),
        ] {
            results.add(Row::new(work.name, work.about, measure, cells));
        }
        if work.name == "one" {
            self.half_load(&mut entrants, results, work).await?;
        }
        Ok(())
    }

    /// How long requests take when they come at half of the rate that the slowest of weir, nginx and haproxy reaches.
    async fn half_load(&self, entrants: &mut [Entrant], results: &mut Results, work: &Work) -> Result<()> {
        let reached = results.medians(work.name, Measure::Rate);
        let slowest = self.contestants.iter().zip(reached);
        let slowest = slowest.filter(|(contestant, _)| contestant.name() != "traefik");
        let rate = slowest.filter_map(|(_, rate)| rate).fold(f64::INFINITY, f64::min) / 2.0;
        let time = Duration::from_secs(5) / self.hurry as u32;
        let empty = || vec![Cell::default(); self.contestants.len()];
        let (mut half, mut late) = (empty(), empty());
        for round in 0..=self.rounds {
            let count = entrants.len();
            for turn in 0..count {
                let entrant = &mut entrants[(round + turn) % count];
                let taken = load::open(&entrant.target, &mut entrant.connections, rate, time).await?;
                if round > 0 {
                    half[entrant.place].add(taken.at(500).as_secs_f64() * 1e6);
                    late[entrant.place].add(taken.at(990).as_secs_f64() * 1e6);
                }
            }
            eprint!(",");
        }
        results.rate = rate;
        results.add(Row::new(work.name, work.about, Measure::Median, half));
        results.add(Row::new(work.name, work.about, Measure::Late, late));
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
        let mut cells = vec![Cell::default(); self.contestants.len()];
        for (contestant, cell) in self.contestants.iter().zip(&mut cells) {
            let address = free_port()?;
            let task = Task {
                address,
                backends,
                tls: work.tls,
                certificate,
                route: work.route,
                large: false,
            };
            let Some(running) = contestant.start(&task, self.core).await? else {
                continue;
            };
            let target = work.target(address, certificate)?;
            let mut warm = work.connections(&target).await?;
            work.send(&target, &mut warm, 100 * CONNECTIONS).await?;
            sleep(Duration::from_secs(3)).await;
            let before = running.tree().memory()?;
            let all = load::idle(&target, count).await?;
            // longer than it takes any of them to give something back
            sleep(Duration::from_secs(5)).await;
            let more = running.tree().memory()?.saturating_sub(before);
            cell.add(more as f64 / count as f64 / 1024.0);
            drop(all);
            eprint!(".");
        }
        results.add(Row::new(
            "idle",
            "a connection that waits, after one request",
            Measure::Connection,
            cells,
        ));
        Ok(())
    }
}

/// A port that was free a moment ago.
fn free_port() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?)
}
