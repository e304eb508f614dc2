//! The proxy's binary.

use std::{io, process::ExitCode, thread};

use anyhow::Context as _;
use clap::Parser as _;
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};
use weir_proxy::{
    app::{Addresses, Options, Proxy, Reopener, Stopper},
    cli::{Cli, Command},
    telemetry,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let Command {
        log_format,
        log_filter,
        options,
    } = Cli::parse().checked().unwrap_or_else(|error| error.exit());
    if let Err(error) = telemetry::init(log_filter, log_format) {
        eprintln!("cannot log: {error}");
        return ExitCode::FAILURE;
    }
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> anyhow::Result<()> {
    // first, so that none is missed
    let signals = Signals::new().context("cannot watch for signals")?;
    let threads = options.threads;
    let names: Vec<_> = options
        .entry_points
        .iter()
        .map(|entry_point| entry_point.name.clone())
        .collect();
    let proxy = Proxy::bind(options)?;
    let Addresses { admin, entry_points } = proxy.addresses();
    let entry_points: Vec<_> = names
        .iter()
        .zip(entry_points)
        .map(|(name, address)| format!("{name}={address}"))
        .collect();
    let (version, entry_points) = (env!("CARGO_PKG_VERSION"), entry_points.join(" "));
    tracing::info!(version, threads, %admin, entry_points, "listening");
    let running = proxy.serve()?;
    let (stopper, reopener) = (running.stopper(), running.reopener());
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || signals.watch(&stopper, &reopener))
        .context("cannot start a thread")?;
    running.join().context("the proxy broke down")?;
    tracing::info!("drained");
    Ok(())
}

/// SIGTERM, SIGINT and SIGUSR1.
struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
    reopen: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let in_runtime = runtime.enter();
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let reopen = signal(SignalKind::user_defined1())?;
        drop(in_runtime);
        Ok(Self {
            runtime,
            terminate,
            interrupt,
            reopen,
        })
    }

    /// Drains at the first one, exits at the second. SIGUSR1 has logs opened anew.
    fn watch(self, stopper: &Stopper, reopener: &Reopener) {
        let Self {
            runtime,
            mut terminate,
            mut interrupt,
            mut reopen,
        } = self;
        let mut wait = || {
            runtime.block_on(async {
                loop {
                    tokio::select! {
                        _ = terminate.recv() => break,
                        _ = interrupt.recv() => break,
                        _ = reopen.recv() => reopener.reopen(),
                    }
                }
            });
        };
        wait();
        stopper.drain();
        wait();
        std::process::exit(1);
    }
}
