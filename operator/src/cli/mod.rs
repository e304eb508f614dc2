//! The command line: `compile`, `lint` and `graph` work offline, on manifests; `run` works in a cluster; `crd` and
//! `explain` print what is built in.
//!
//! Exit codes: 0 all is well; 1 there are findings that matter; 2 the call, its input or its output failed.

mod compile;
mod crd;
mod explain;
mod graph;
mod input;
mod lint;
mod options;
mod output;
mod report;
#[cfg(feature = "cluster")]
mod run;
mod stranger;

use std::{io, process::ExitCode};

use clap::{Parser, Subcommand};

/// weir's operator: compiles Traefik's TraefikServices, IngressRoutes and ServersTransports.
#[derive(Debug, Parser)]
#[command(name = "weir-operator", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compile manifests into the documents that weir-proxy serves.
    Compile(compile::Compile),
    /// Print or write the custom resource definitions.
    Crd(crd::Crd),
    /// Explain a condition, a reason or a code, or list all of them.
    Explain(explain::Explain),
    /// Draw the service graph of manifests with the share of each edge.
    Graph(graph::Graph),
    /// Check manifests and explain what is wrong with them.
    Lint(lint::Lint),
    /// Watch a cluster, publish for its proxies and report on its objects.
    ///
    /// It ends with 0 when told to (SIGTERM, SIGINT) and with 2 when it cannot go on. A cluster that cannot be
    /// reached or read is no reason to end: /readyz and the log say what is missing, and it goes on when that is
    /// mended.
    #[cfg(feature = "cluster")]
    Run(Box<run::Run>),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Clean,
    Findings,
    /// And that was told already.
    #[cfg(feature = "cluster")]
    Failed,
}

impl Cli {
    /// Runs the command; what goes wrong is printed to standard error.
    pub fn run(self) -> ExitCode {
        let outcome = match self.command {
            Command::Compile(command) => command.run(),
            Command::Crd(command) => command.run(),
            Command::Explain(command) => command.run(),
            Command::Graph(command) => command.run(),
            Command::Lint(command) => command.run(),
            #[cfg(feature = "cluster")]
            Command::Run(command) => command.run(),
        };
        match outcome {
            Ok(Outcome::Clean) => ExitCode::SUCCESS,
            Ok(Outcome::Findings) => ExitCode::from(1),
            #[cfg(feature = "cluster")]
            Ok(Outcome::Failed) => ExitCode::from(2),
            // the reader of a pipe went away: nobody is left to tell
            Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::from(2)
            }
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    })
}
