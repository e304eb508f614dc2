//! The operator's binary; everything is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use weir_operator::cli::Cli;

// Big compilations move from thread to thread. glibc keeps for each thread what it freed, which is more memory than all
// that is in use at any time.
#[cfg(feature = "cluster")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Cli::parse().run()
}
