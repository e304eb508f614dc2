//! Measures weir beside nginx, haproxy and Traefik on this machine: the same work in turns, proxies on one core, clients and
//! backends on another.

mod backend;
mod certificate;
mod compare;
mod contest;
mod files;
mod goals;
mod growth;
mod instructions;
mod load;
mod machine;
mod measure;
mod plot;
mod report;
mod results;
mod route;
mod works;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Parser, Subcommand};
use tokio::runtime::Builder;

use crate::{
    certificate::Certificate,
    compare::Settings,
    contest::{Contestant, Pin},
    results::{Cell, Measure, Results},
    works::Work,
};

// as the operator has it, which is compiled in here
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures weir beside nginx, haproxy and Traefik.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// Where the results go.
    #[arg(long, global = true, value_name = "DIR", default_value = "bench/results")]
    output: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// CPU time per request, requests per second, latency and memory, in turns.
    Compare(Compare),
    /// Instructions per request, under valgrind.
    Instructions(Contest),
    /// Compiling and reloading by the number of services.
    Growth {
        #[command(flatten)]
        contest: Contest,
        /// How often everything is done.
        #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
        /// The largest number of services.
        #[arg(long, value_name = "N", default_value = "50000")]
        most: usize,
    },
    /// Compiles so many services so many times, and tells what it took as JSON.
    #[command(hide = true)]
    Compile {
        /// How many.
        services: usize,
        /// How often.
        rounds: usize,
    },
    /// Tables of all results, on a page between its markers or else on the standard output.
    Report {
        /// The page.
        #[arg(long, value_name = "FILE")]
        docs: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct Contest {
    /// The folder with weir-operator and weir-proxy, as they are shipped.
    #[arg(long, value_name = "DIR", default_value = "target/release")]
    binaries: PathBuf,
    /// A Traefik binary; without it, there is no Traefik in the tables.
    #[arg(long, value_name = "FILE", env = "TRAEFIK")]
    traefik: Option<PathBuf>,
    /// Only these proxies.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    proxies: Vec<String>,
    /// Only these kinds of work.
    #[arg(long, value_name = "WORK", value_delimiter = ',')]
    only: Vec<String>,
    /// The core of the proxies, and the one of clients and backends.
    #[arg(long, value_name = "CORE,CORE", value_delimiter = ',', default_value = "0,1")]
    cores: Vec<usize>,
}

#[derive(Debug, Args)]
struct Compare {
    #[command(flatten)]
    contest: Contest,
    /// How often each proxy does each work.
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Divides the number of requests.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=100))]
    hurry: u32,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let output = arguments.output.as_path();
    fs::create_dir_all(output)?;
    match &arguments.action {
        Action::Compare(compare) => {
            let contestants = compare.contest.enter()?;
            runtime()?.block_on(run(compare, contestants, output))?;
        }
        Action::Instructions(contest) => {
            let contestants = contest.enter()?;
            runtime()?.block_on(count(contest, contestants, output))?;
        }
        Action::Growth {
            contest,
            rounds,
            most,
        } => {
            contest.enter()?;
            let settings = growth::Settings {
                binaries: &fs::canonicalize(&contest.binaries)?,
                cores: &contest.cores,
                rounds: *rounds as usize,
                most: *most,
            };
            runtime()?.block_on(growth::run(&settings, output))?;
        }
        Action::Compile { services, rounds } => return growth::once(*services, *rounds),
        Action::Report { docs: Some(page) } => return report::fill(page, output),
        Action::Report { docs: None } => {}
    }
    print!("{}", report::write(output)?);
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

impl Contest {
    /// Takes a core for clients and backends, and says who is here to be measured.
    fn enter(&self) -> Result<Vec<Contestant>> {
        ensure!(self.cores.len() == 2, "--cores wants two");
        let contestants = self.contestants()?;
        let pinned = Command::new("taskset")
            .args(["-cp", &self.cores[1].to_string(), &std::process::id().to_string()])
            .output();
        ensure!(
            pinned.context("taskset (util-linux) is needed")?.status.success(),
            "cannot be pinned to a core"
        );
        files::raise()?;
        Ok(contestants)
    }

    fn contestants(&self) -> Result<Vec<Contestant>> {
        let binaries = fs::canonicalize(&self.binaries).with_context(|| {
            format!(
                "{}: build them first, `cargo build --release`",
                self.binaries.display()
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
        match &self.traefik {
            Some(binary) => all.push(Contestant::Traefik(fs::canonicalize(binary)?)),
            None => eprintln!("no Traefik binary is given (TRAEFIK=path): left out"),
        }
        all.retain(|one| self.proxies.is_empty() || self.proxies.iter().any(|name| name == one.name()));
        Ok(all)
    }

    fn wants(&self, work: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == work)
    }

    fn results(&self, contestants: &[Contestant]) -> Results {
        Results {
            machine: machine::about(self.traefik.as_deref()),
            names: contestants.iter().map(|one| one.name().to_owned()).collect(),
            ..Results::default()
        }
    }
}

async fn run(arguments: &Compare, contestants: Vec<Contestant>, output: &Path) -> Result<()> {
    let certificate = Certificate::new()?;
    let backends = backend::start().await?;
    let contest = &arguments.contest;
    let mut results = contest.results(&contestants);
    let settings = Settings {
        contestants,
        rounds: arguments.rounds as usize,
        hurry: arguments.hurry as usize,
        pin: Pin {
            core: contest.cores[0],
            under: Vec::new(),
        },
    };
    let works = Work::all();
    for work in works.iter().filter(|work| contest.wants(work.name)) {
        eprint!("{:<12} ", work.name);
        settings.work(work, &backends, &certificate, &mut results).await?;
        progress(&results, work, Measure::Cpu);
        // what was measured is kept when what comes next fails
        results::write(&output.join(report::COMPARISON), &results)?;
    }
    if contest.wants("idle") {
        eprint!("{:<12} ", "idle");
        settings
            .idle(&works[0], &backends, &certificate, &mut results)
            .await?;
        eprintln!();
    }
    results::write(&output.join(report::COMPARISON), &results)
}

async fn count(arguments: &Contest, contestants: Vec<Contestant>, output: &Path) -> Result<()> {
    let certificate = Certificate::new()?;
    let backends = backend::start().await?;
    let mut results = arguments.results(&contestants);
    let works = Work::all();
    let works = works
        .iter()
        .filter(|work| instructions::WORKS.contains(&work.name));
    for work in works.filter(|work| arguments.wants(work.name)) {
        eprint!("{:<12} ", work.name);
        let core = arguments.cores[0];
        instructions::count(work, &contestants, core, &backends, &certificate, &mut results).await?;
        progress(&results, work, Measure::Instructions);
        results::write(&output.join(report::INSTRUCTIONS), &results)?;
    }
    Ok(())
}

fn progress(results: &Results, work: &Work, measure: Measure) {
    let rounds = results.row(work.name, measure).map(|row| &row.rounds);
    let medians = rounds
        .into_iter()
        .flatten()
        .filter_map(|(name, cell)| Some(format!("{name} {}", report::number(Cell::median(cell)?))));
    eprintln!(" {}", medians.collect::<Vec<_>>().join(", "));
}
