//! Whether traffic should come here.

use std::fmt;

use crate::{config::Status, drain::Stage};

/// Why no traffic should come here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// Nothing was loaded yet; what is in the way, where that is known.
    NothingLoaded(Option<String>),
    /// The proxy is about to end.
    Draining,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draining => f.write_str("draining"),
            Self::NothingLoaded(None) => f.write_str("waiting for the first configuration"),
            Self::NothingLoaded(Some(why)) => write!(f, "waiting for the first configuration: {why}"),
        }
    }
}

/// Whether traffic should come here: once something was loaded (whatever is refused later, that one is
/// served on) and until the proxy ends.
pub fn check(status: &Status, stage: Stage) -> Result<(), NotReady> {
    if stage > Stage::Serving {
        return Err(NotReady::Draining);
    }
    if status.loaded.is_some() {
        return Ok(());
    }
    let absent =
        || (!status.waiting_for.is_empty()).then(|| format!("not there: {}", status.waiting_for.join(", ")));
    let refused = status
        .last_rejection
        .as_ref()
        .map(|rejection| rejection.reason.to_string());
    Err(NotReady::NothingLoaded(refused.or_else(absent)))
}
