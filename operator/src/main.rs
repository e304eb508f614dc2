//! The operator's binary; everything is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use weir_operator::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
