//! The proxy's binary.

use std::{io, process::ExitCode, thread};

use anyhow::Context as _;
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};
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
    let threads = options.threads;
    let proxy = Proxy::bind(options)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), threads, addresses = ?proxy.addresses(), "listening");
    let running = proxy.serve()?;
    let stopper = running.stopper();
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || watch_signals(&stopper))
        .context("cannot start a thread")?;
    running.join().context("the proxy broke down")?;
    tracing::info!("drained");
    Ok(())
}

/// Drains at the first SIGTERM or SIGINT, exits at the second.
fn watch_signals(stopper: &Stopper) {
    if let Err(error) = signals(stopper) {
        tracing::error!(%error, "cannot watch for signals, they end the proxy at once");
    }
}

fn signals(stopper: &Stopper) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut signals = 0;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            signals += 1;
            if signals > 1 {
                std::process::exit(1);
            }
            stopper.drain();
        }
    })
}
