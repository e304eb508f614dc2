//! The demo: the manifests of `examples/`, served, edited and broken under load, with exact numbers.
//!
//! It starts three backends that say their name and one `weir-proxy`, compiles with `weir-operator`, and ends
//! with 1 when any number is off. Everything that it makes lies in one temporary folder and goes with it.

mod expected;
mod mistakes;
mod play;
mod scene;
mod screen;
mod serve;
mod stage;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use screen::Screen;
use tokio::signal::unix::{SignalKind, signal};

/// Serves, edits and breaks weir's examples under load.
#[derive(Debug, Parser)]
#[command(name = "weir-demo")]
struct Options {
    /// The folder of the example manifests.
    #[arg(long, default_value = "examples")]
    examples: PathBuf,
    /// Print the result only.
    #[arg(long, conflicts_with = "serve")]
    quiet: bool,
    /// Leave it running, and compile whenever a manifest is edited.
    #[arg(long)]
    serve: bool,
}

fn main() -> ExitCode {
    let Options {
        examples,
        quiet,
        serve,
    } = Options::parse();
    let screen = Screen { quiet };
    let run = async {
        tokio::select! {
            how = interrupted() => {
                let how = how?;
                // serving has no other end
                if serve { Ok(()) } else { bail!("{how}") }
            }
            result = serve::run(screen, &examples), if serve => result,
            result = play::run(screen, &examples), if !serve => result,
        }
    };
    // one thread: what is measured is counting, not speed
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime
        .context("no runtime")
        .and_then(|runtime| runtime.block_on(run))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nweir-demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Waits for Ctrl-C or SIGTERM and says which it was. Whatever was going on is then dropped, and that cleans up.
async fn interrupted() -> Result<&'static str> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => Ok("interrupted"),
        _ = terminate.recv() => Ok("terminated"),
    }
}
