//! The log of a running operator: on standard error, with a level that can be changed meanwhile.

use std::{
    io::{self, IsTerminal as _},
    panic,
};

use clap::ValueEnum;
use thiserror::Error;
use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry, filter::filter_fn, fmt, layer::SubscriberExt as _, reload,
    util::SubscriberInitExt as _,
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
        .with(lines.with_filter(filter_fn(is_news)))
        .try_init()?;
    panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    Ok(LogLevel(handle))
}

/// Whether nobody else tells it. The client warns of each request that fails, before whoever has sent it gets to know
/// that and tells it once, in plain words: in an outage this would be most of the log.
fn is_news(line: &Metadata<'_>) -> bool {
    let requests = [
        "kube_client::client",
        "kube_client::client::builder",
        "kube_runtime::watcher",
    ];
    !(requests.contains(&line.target()) && *line.level() <= Level::WARN)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    /// Counts what gets through.
    struct Counter(Arc<AtomicUsize>);

    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Counter {
        fn on_event(&self, _: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn failed_requests_are_not_told_by_the_client() {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = Counter(count.clone()).with_filter(filter_fn(is_news));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(counter), || {
            tracing::error!(target: "kube_client::client::builder", "failed with error client error (Connect)");
            tracing::warn!(target: "kube_runtime::watcher", "watch list error with 403");
            assert_eq!(count.load(Ordering::Relaxed), 0);
            tracing::debug!(target: "kube_client::client::builder", "requesting");
            tracing::warn!(target: "kube_client::client::tls", "failed to reload CA bundle");
            tracing::warn!("the API server cannot be reached");
            assert_eq!(count.load(Ordering::Relaxed), 3);
        });
    }

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
