//! What the operator needs for a big cluster: time, CPU time and memory, against a real API server.
//!
//! `make bench-operator` builds it as it is shipped and runs this. A clock starts before a request is sent and stops when
//! a watch shows what is published, so the API server's own time is part of every figure.

mod figures;
mod usage;
mod world;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Parser;
use serde_json::Value;
use tokio::time::timeout;
use weir_e2e::cluster::{
    Cluster, namespace::Namespace, operator::OperatorProcess, release::Release, resource::CONFIG_MAP,
    wait::eventually, watch::Cache,
};

use self::{figures::Figures, usage::Usage, world::World};

/// Until whatever is waited for has happened; beyond that the run is of no use.
const LIMIT: Duration = Duration::from_mins(5);
const CONFIG: &str = "weir-config";

/// Measures `weir-operator run` against a real API server.
#[derive(Debug, Parser)]
struct Options {
    /// TraefikServices, and as many Services; ten of them share an IngressRoute.
    #[arg(long, default_value_t = 2000)]
    services: usize,
    /// Endpoints of each Service.
    #[arg(long, default_value_t = 5)]
    endpoints: usize,
    /// Changes to measure, one after the other.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    changes: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Options {
        services,
        endpoints,
        changes,
    } = Options::parse();
    let world = World { services, endpoints };
    let cluster = Cluster::start().await?;
    cluster.install_crds().await?;
    let namespace = cluster.namespace().await?;
    println!("{world}");
    world.create(&namespace).await?;

    let mut figures = Figures::default();
    let mut published = Published::watch(&namespace).await?;
    let start = Instant::now();
    let operator = Release::new(&namespace)?.start_operator("operator")?;
    published.change().await?;
    figures.at_most(
        "first complete publish after the start, s",
        start.elapsed().as_secs_f64(),
        10.0,
    );
    figures.note(
        "CPU until then, s",
        Usage::of(&operator.process)?.cpu.as_secs_f64(),
    );
    settle(&operator, world.objects_with_status()).await?;
    figures.note(
        "all conditions written after the start, s",
        start.elapsed().as_secs_f64(),
    );

    let before = Usage::of(&operator.process)?;
    let written = statuses(&operator).await?;
    let mut times = Vec::new();
    for number in 0..changes {
        let start = Instant::now();
        world.change_a_weight(&namespace, number).await?;
        published.change().await?;
        times.push(milliseconds(start.elapsed()));
        settle(&operator, written + number as usize + 1).await?;
    }
    let after = Usage::of(&operator.process)?;
    times.sort_unstable_by(f64::total_cmp);
    figures.at_most("a change published, median, ms", times[times.len() / 2], 300.0);
    figures.note("a change published, worst, ms", times[times.len() - 1]);
    figures.note(
        "CPU for a change with its conditions, ms",
        milliseconds(after.cpu.saturating_sub(before.cpu) / changes),
    );
    figures.at_most("memory, at most, MiB", after.peak_mib, 150.0);
    figures.note("memory at the end, MiB", after.now_mib);
    print!("{figures}");
    ensure!(figures.missed() == 0, "{} limits missed", figures.missed());
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The ConfigMap with the config, as a watch shows it.
struct Published {
    config_maps: Cache,
    /// As text or packed; null before it is there.
    content: [Value; 2],
}

impl Published {
    async fn watch(namespace: &Namespace<'_>) -> Result<Self> {
        let path = CONFIG_MAP.collection(&namespace.name);
        let mut config_maps = Cache::new(*namespace.cluster.api(), path);
        config_maps.change().await?;
        Ok(Self {
            config_maps,
            content: <[Value; 2]>::default(),
        })
    }

    /// Waits until something else is in it.
    async fn change(&mut self) -> Result<()> {
        let changed = async {
            loop {
                self.config_maps.change().await?;
                let config = self.config_maps.objects.get(CONFIG).cloned().unwrap_or_default();
                let content = ["data", "binaryData"].map(|field| config[field].clone());
                if content != self.content && content != <[Value; 2]>::default() {
                    self.content = content;
                    return Ok(());
                }
            }
        };
        timeout(LIMIT, changed).await?
    }
}

/// Statuses that were written.
async fn statuses(operator: &OperatorProcess) -> Result<usize> {
    let written = operator
        .metric("weir_status_writes_total{result=\"written\"}")
        .await?;
    Ok(written.unwrap_or_default().round() as usize)
}

/// Waits until so many statuses were written.
async fn settle(operator: &OperatorProcess, wanted: usize) -> Result<()> {
    let what = format!("{wanted} statuses are written");
    eventually(&what, LIMIT, async || {
        let written = statuses(operator).await?;
        ensure!(written >= wanted, "{written} are");
        Ok(())
    })
    .await
}
