//! The log of a running operator: on standard error, with a level that can be changed meanwhile.

use std::{
    fmt::Display,
    io::{self, IsTerminal as _},
    panic,
    sync::{Arc, Mutex, PoisonError},
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

/// What the libraries towards the API server log at most, unless somebody names them or wants to see
/// everything. During an outage they would log each attempt of each request and watch; what matters of that
/// is told once, by those who sent them.
const LIBRARIES: [(&str, &str); 2] = [
    (
        "kube_client",
        "kube_client=error,kube_client::client::builder=off,kube_client::client::tls=warn",
    ),
    ("kube_runtime", "kube_runtime=error"),
];

/// What a level or directives let through.
#[derive(Clone, Debug)]
pub struct Filter {
    filter: EnvFilter,
    /// What was asked for.
    directives: String,
}

impl Display for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.directives)
    }
}

/// What is logged. Clones change the same.
#[derive(Clone, Debug)]
pub struct LogLevel {
    handle: reload::Handle<EnvFilter, Registry>,
    directives: Arc<Mutex<String>>,
}

impl LogLevel {
    /// And the layer that it changes.
    fn new(filter: Filter) -> (reload::Layer<EnvFilter, Registry>, Self) {
        let (layer, handle) = reload::Layer::new(filter.filter);
        let directives = Arc::new(Mutex::new(filter.directives));
        (layer, Self { handle, directives })
    }

    /// As [`LogLevel::set`] takes it.
    pub fn show(&self) -> String {
        let directives = self.directives.lock();
        directives.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Logs this from now on: a level, or directives such as `info,weir_operator=debug`.
    pub fn set(&self, directives: &str) -> Result<(), LevelError> {
        let filter = filter(directives)?;
        tracing::info!("the log level becomes {filter}");
        self.handle.reload(filter.filter)?;
        *self.directives.lock().unwrap_or_else(PoisonError::into_inner) = filter.directives;
        Ok(())
    }
}

/// Reads a level or directives.
pub fn filter(directives: &str) -> Result<Filter, LevelError> {
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
    let read = |directives: &str| EnvFilter::try_new(directives).map_err(|error| unknown(error.to_string()));
    let asked = read(directives)?;
    let quiet = quiet_libraries(directives);
    let filter = read(&[&quiet, &[directives][..]].concat().join(","))?;
    Ok(Filter {
        filter,
        directives: asked.to_string(),
    })
}

/// The directives to put in before these.
fn quiet_libraries(directives: &str) -> Vec<&'static str> {
    let directives = || directives.split(',').map(str::trim);
    let everything = directives().any(|word| ["debug", "trace"].iter().any(|l| word.eq_ignore_ascii_case(l)));
    if everything {
        return Vec::new();
    }
    let named = |library| directives().any(|directive| directive.starts_with(library));
    let unnamed = LIBRARIES.iter().filter(|(library, _)| !named(library));
    unnamed.map(|(_, quiet)| *quiet).collect()
}

/// Logs from now on, for the whole process; panics, too. An error says that somebody logs already.
pub fn init(filter: Filter, format: LogFormat) -> anyhow::Result<LogLevel> {
    let (filter, level) = LogLevel::new(filter);
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
    Ok(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(directives: &str) -> (reload::Layer<EnvFilter, Registry>, LogLevel) {
        LogLevel::new(filter(directives).unwrap())
    }

    #[test]
    fn the_level_can_be_changed_and_shown() {
        let (_layer, level) = level("info");
        assert_eq!(level.show(), "info");
        level.set(" info,weir_operator=debug\n").unwrap();
        assert_eq!(level.show(), "weir_operator=debug,info");
    }

    /// Of which libraries' lines something is let through: errors, warnings.
    fn told(directives: &str) -> [bool; 4] {
        let filter = filter(directives).unwrap().filter;
        let subscriber = tracing_subscriber::registry().with(filter);
        tracing::subscriber::with_default(subscriber, || {
            use tracing::{Level, enabled};
            [
                enabled!(target: "kube_client::client::builder", Level::ERROR),
                enabled!(target: "kube_client::client", Level::WARN),
                enabled!(target: "kube_runtime::watcher", Level::WARN),
                enabled!(target: "weir_operator::cluster", Level::WARN),
            ]
        })
    }

    #[test]
    fn the_libraries_keep_quiet_unless_somebody_wants_to_hear_them() {
        assert_eq!(told("info"), [false, false, false, true]);
        assert_eq!(told("warn,weir_operator=debug"), [false, false, false, true]);
        assert_eq!(told("info,kube_runtime=info"), [false, false, true, true]);
        assert_eq!(told("info,kube_client=warn"), [true, true, false, true]);
        assert_eq!(
            told("error,kube_client::client::builder=error"),
            [true, false, false, false]
        );
        assert_eq!(told("debug"), [true; 4]);
    }

    #[test]
    fn what_is_no_level_changes_nothing() {
        let (_layer, level) = level("warn");
        for wrong in ["", "loud", "info,loud", "weir_operator=loud"] {
            let error = level.set(wrong).unwrap_err().to_string();
            assert!(error.contains("is no log level"), "{wrong}: {error}");
        }
        assert_eq!(level.show(), "warn");
    }
}
