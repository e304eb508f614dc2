//! Measures weir beside nginx, haproxy and Traefik on this machine: the same work in turns, proxies on one core, clients and
//! backends on another.

mod backend;
mod certificate;
mod compare;
mod contest;
mod files;
mod load;
mod measure;
mod report;
mod results;
mod route;
mod works;

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use tokio::runtime::Builder;

use crate::{
    certificate::Certificate, compare::Settings, contest::Contestant, results::Results, works::Work,
};

/// Measures weir beside nginx, haproxy and Traefik.
#[derive(Debug, Parser)]
struct Arguments {
    /// The folder with weir-operator and weir-proxy, as they are shipped.
    #[arg(long, value_name = "DIR", default_value = "target/release")]
    binaries: PathBuf,
    /// A Traefik binary; without it, there is no Traefik in the tables.
    #[arg(long, value_name = "FILE", env = "TRAEFIK")]
    traefik: Option<PathBuf>,
    /// Only these kinds of work.
    #[arg(long, value_name = "WORK", value_delimiter = ',')]
    only: Vec<String>,
    /// How often each proxy does each work.
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Divides the number of requests.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=100))]
    hurry: u32,
    /// Where the results go.
    #[arg(long, value_name = "DIR", default_value = "bench/results")]
    output: PathBuf,
    /// The core of the proxies, and the one of clients and backends.
    #[arg(long, value_name = "CORE,CORE", value_delimiter = ',', default_value = "0,1")]
    cores: Vec<usize>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.cores.len() == 2, "--cores wants two");
    let contestants = contestants(&arguments)?;
    let pinned = Command::new("taskset")
        .args([
            "-cp",
            &arguments.cores[1].to_string(),
            &std::process::id().to_string(),
        ])
        .output();
    ensure!(
        pinned.context("taskset (util-linux) is needed")?.status.success(),
        "cannot be pinned to a core"
    );
    files::raise()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(&arguments, contestants))
}

fn contestants(arguments: &Arguments) -> Result<Vec<Contestant>> {
    let binaries = fs::canonicalize(&arguments.binaries).with_context(|| {
        format!(
            "{}: build them first, `cargo build --release`",
            arguments.binaries.display()
        )
    })?;
    let mut all = vec![Contestant::Weir(binaries)];
    for (contestant, program) in [(Contestant::Nginx, "nginx"), (Contestant::Haproxy, "haproxy")] {
        if Command::new(program).arg("-v").output().is_ok() {
            all.push(contestant);
        } else {
            eprintln!("{program} is not installed (apt-get install {program}): left out");
        }
    }
    match &arguments.traefik {
        Some(binary) => all.push(Contestant::Traefik(fs::canonicalize(binary)?)),
        None => eprintln!("no Traefik binary is given (TRAEFIK=path): left out"),
    }
    Ok(all)
}

async fn run(arguments: &Arguments, contestants: Vec<Contestant>) -> Result<()> {
    let certificate = Certificate::new()?;
    let backends = backend::start().await?;
    let mut results = Results {
        names: contestants.iter().map(Contestant::name).collect(),
        ..Results::default()
    };
    let settings = Settings {
        contestants,
        rounds: arguments.rounds as usize,
        hurry: arguments.hurry as usize,
        core: arguments.cores[0],
    };
    let wanted = |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    let works = Work::all();
    for work in works.iter().filter(|work| wanted(work.name)) {
        eprint!("{:<12} ", work.name);
        settings.work(work, &backends, &certificate, &mut results).await?;
        let row = results.rows.iter().find(|row| row.work == work.name);
        let medians: Vec<_> = row
            .iter()
            .flat_map(|row| &row.cells)
            .map(|cell| cell.median().unwrap_or(f64::NAN))
            .collect();
        eprintln!(
            " {}",
            results
                .names
                .iter()
                .zip(medians)
                .map(|(name, cpu)| format!("{name} {cpu:.2} µs"))
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    if wanted("idle") {
        eprint!("{:<12} ", "idle");
        settings
            .idle(&works[0], &backends, &certificate, &mut results)
            .await?;
        eprintln!();
    }
    report::write(&results, &machine(), &arguments.output)?;
    println!("{}", report::markdown(&results, &machine()));
    Ok(())
}

/// What it was measured on.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let version = |program: &str| {
        let output = Command::new(program).arg("-v").output().ok()?;
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).lines().next().map(str::to_owned)
    };
    [
        model.map(|(_, model)| model.to_owned()),
        Some(format!("Linux {}", read("/proc/sys/kernel/osrelease").trim())),
        version("nginx"),
        version("haproxy"),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join("; ")
}
