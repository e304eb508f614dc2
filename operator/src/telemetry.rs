//! The log of a running operator: on standard error, with a level that can be changed meanwhile.

use std::{
    io::{self, IsTerminal as _},
    panic,
};

use clap::ValueEnum;
use thiserror::Error;
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry, fmt, layer::SubscriberExt as _, reload, util::SubscriberInitExt as _,
};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why the level stays what it is.
#[derive(Debug, Error)]
pub enum LevelError {
    /// What was given is none.
    #[error(
        "{0:?} is no log level ({1}): give error, warn, info, debug or trace, or directives such as info,weir_operator=debug"
    )]
    Unknown(String, String),
    /// Nobody logs any longer.
    #[error("the log is closed")]
    Closed(#[from] reload::Error),
}

/// What is logged. Clones change the same.
#[derive(Clone, Debug)]
pub struct LogLevel(reload::Handle<EnvFilter, Registry>);

impl LogLevel {
    /// As [`LogLevel::set`] takes it.
    pub fn show(&self) -> Result<String, LevelError> {
        Ok(self.0.with_current(ToString::to_string)?)
    }

    /// Logs this from now on: a level, or directives such as `info,weir_operator=debug`.
    pub fn set(&self, directives: &str) -> Result<(), LevelError> {
        let filter = filter(directives)?;
        tracing::info!("the log level becomes {filter}");
        self.0.reload(filter)?;
        Ok(())
    }
}

/// What a level or directives let through.
pub fn filter(directives: &str) -> Result<EnvFilter, LevelError> {
    let directives = directives.trim();
    let unknown = |reason: String| LevelError::Unknown(directives.to_owned(), reason);
    // an empty list would be taken, and let errors through only
    if directives.is_empty() {
        return Err(unknown("it is empty".to_owned()));
    }
    // a misspelt level is taken for the name of a target, about which everything is logged
    let is_level = |text: &str| text.parse::<tracing::level_filters::LevelFilter>().is_ok();
    let bare = |text: &&str| !text.contains(['=', '[', ':', '_']);
    if let Some(word) = directives
        .split(',')
        .filter(bare)
        .find(|word| !is_level(word.trim()))
    {
        return Err(unknown(format!("{word:?} is not one")));
    }
    EnvFilter::try_new(directives).map_err(|error| unknown(error.to_string()))
}

/// Logs from now on, for the whole process; panics, too. An error says that somebody logs already.
pub fn init(filter: EnvFilter, format: LogFormat) -> anyhow::Result<LogLevel> {
    let (filter, handle) = reload::Layer::new(filter);
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init()?;
    panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    Ok(LogLevel(handle))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(directives: &str) -> (reload::Layer<EnvFilter, Registry>, LogLevel) {
        let (layer, handle) = reload::Layer::new(filter(directives).unwrap());
        (layer, LogLevel(handle))
    }

    #[test]
    fn the_level_can_be_changed_and_shown() {
        let (_layer, level) = level("info");
        assert_eq!(level.show().unwrap(), "info");
        level.set(" info,weir_operator=debug\n").unwrap();
        assert_eq!(level.show().unwrap(), "weir_operator=debug,info");
    }

    #[test]
    fn what_is_no_level_changes_nothing() {
        let (_layer, level) = level("warn");
        for wrong in ["", "loud", "info,loud", "weir_operator=loud"] {
            let error = level.set(wrong).unwrap_err().to_string();
            assert!(error.contains("is no log level"), "{wrong}: {error}");
        }
        assert_eq!(level.show().unwrap(), "warn");
    }
}
