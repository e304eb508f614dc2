//! The proxy's binary.

use std::{io, process::ExitCode, thread};

use anyhow::Context as _;
use clap::Parser as _;
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};
use weir_proxy::{
    app::{Proxy, Stopper},
    cli::{Cli, Command},
    telemetry,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = Cli::parse().checked().unwrap_or_else(|error| error.exit());
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let Command {
        log_format,
        log_filter,
        options,
    } = command;
    telemetry::init(log_filter, log_format)
        .map_err(anyhow::Error::from_boxed)
        .context("cannot log")?;
    // first, so that none is missed
    let signals = Signals::new().context("cannot watch for signals")?;
    let threads = options.threads;
    let proxy = Proxy::bind(options)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), threads, addresses = ?proxy.addresses(), "listening");
    let running = proxy.serve()?;
    let stopper = running.stopper();
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || signals.watch(&stopper))
        .context("cannot start a thread")?;
    running.join().context("the proxy broke down")?;
    tracing::info!("drained");
    Ok(())
}

/// SIGTERM and SIGINT.
struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let in_runtime = runtime.enter();
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        drop(in_runtime);
        Ok(Self {
            runtime,
            terminate,
            interrupt,
        })
    }

    /// Drains at the first one, exits at the second.
    fn watch(self, stopper: &Stopper) {
        let Self {
            runtime,
            mut terminate,
            mut interrupt,
        } = self;
        let mut wait = || {
            runtime.block_on(async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            });
        };
        wait();
        stopper.drain();
        wait();
        std::process::exit(1);
    }
}
