//! What is known of an address by a check.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use weir_model::document::Address;

use super::{Check, Fault};

/// How a probe was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// gRPC's health service says that it serves.
    Serving,
    /// With this status.
    Status(u16),
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serving => f.write_str("serving"),
            Self::Status(status) => write!(f, "status {status}"),
        }
    }
}

/// What a probe says.
pub type Verdict = Result<Passed, Fault>;

/// What is known of an address by a check: up until a probe fails, down until one is passed.
#[derive(Debug)]
pub struct Health {
    /// Unique for the process's life.
    pub id: u64,
    /// Where the probes go.
    pub address: Address,
    /// What they are.
    pub check: Arc<Check>,
    up: AtomicBool,
    report: Mutex<Report>,
}

/// For people to look at.
#[derive(Clone, Debug)]
pub struct Report {
    /// What came of the last probe, and when; none before the first.
    pub last: Option<(SystemTime, Verdict)>,
    /// Since when it is as it is.
    pub since: SystemTime,
}

impl Health {
    /// Of an address that nothing is known of yet: it counts as up.
    pub(crate) fn new(id: u64, address: Address, check: Arc<Check>) -> Self {
        let since = SystemTime::now();
        Self {
            id,
            address,
            check,
            up: true.into(),
            report: Mutex::new(Report { last: None, since }),
        }
    }

    /// Whether it may take part.
    pub fn is_up(&self) -> bool {
        // what is read after this is not about the same thing, so there is no order to keep
        self.up.load(Ordering::Relaxed)
    }

    /// What came of probes.
    pub fn report(&self) -> Report {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers what came of a probe. Whether that changes anything: who cannot even ask does not know better than before.
    pub(super) fn record(&self, verdict: Verdict, at: SystemTime) -> bool {
        let up = match verdict {
            Ok(_) => true,
            Err(Fault::Local(_)) => self.is_up(),
            Err(_) => false,
        };
        let changed = self.up.swap(up, Ordering::Relaxed) != up;
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.last = Some((at, verdict));
        if changed {
            report.since = at;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::health::fixture::{failed, health, passed};

    #[test]
    fn one_failure_is_down_and_one_success_is_up() {
        let second = Duration::from_secs(1);
        let health = health(1, second, second);
        assert!(health.is_up() && health.report().last.is_none());
        assert!(!passed(&health) && health.is_up());
        assert!(failed(&health) && !health.is_up());
        let since = health.report().since;
        assert!(!failed(&health) && !health.is_up());
        assert_eq!(health.report().since, since);
        assert!(passed(&health) && health.is_up());
        assert_eq!(health.report().last.unwrap().1, Ok(Passed::Status(200)));
    }

    #[test]
    fn what_we_cannot_ask_stays_as_it_is() {
        let second = Duration::from_secs(1);
        let health = health(1, second, second);
        let unable = || health.record(Err(Fault::Local("no room".to_owned())), SystemTime::now());
        assert!(!unable() && health.is_up());
        failed(&health);
        assert!(!unable() && !health.is_up());
        assert!(health.report().last.unwrap().1.is_err());
    }
}
