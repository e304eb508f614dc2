//! Logs.

use std::{
    env,
    ffi::OsString,
    io::{self, IsTerminal as _},
};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs to standard error from now on, for the whole process; in colours on a terminal, unless `NO_COLOR` is
/// set (<https://no-color.org>). An error says that somebody logs already.
pub fn init(filter: EnvFilter, format: LogFormat) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let unset = |variable: OsString| variable.is_empty();
    let colours = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(unset);
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(colours)
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().try_init(),
    }
}
