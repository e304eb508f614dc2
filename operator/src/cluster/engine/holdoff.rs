//! When to build: after a quiet moment, but not too late.

use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::store::Effect;

/// How long changes wait to be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// How long nothing must have changed.
    pub quiet: Duration,
    /// How long the first of several changes waits at most.
    pub longest: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(50),
            longest: Duration::from_secs(1),
        }
    }
}

/// After the first failure; doubled by each further one in a row.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);

/// Changes that wait to be built.
#[derive(Debug)]
pub(super) struct Holdoff {
    waits: Waits,
    waiting: Option<Waiting>,
    /// What could not be built, and when to try again.
    again: Option<(Waiting, Instant)>,
    /// Failures in a row.
    failures: u32,
}

/// What a build takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    /// When the first change came.
    pub first: Instant,
    last: Instant,
    at_once: bool,
    /// How many changes there were.
    pub changes: usize,
}

impl Holdoff {
    /// Without any change.
    pub fn new(waits: Waits) -> Self {
        Self {
            waits,
            waiting: None,
            again: None,
            failures: 0,
        }
    }

    /// A change came.
    pub fn note(&mut self, effect: Effect, now: Instant) {
        if effect == Effect::Nothing {
            return;
        }
        let waiting = self.waiting.get_or_insert(Waiting {
            first: now,
            last: now,
            at_once: false,
            changes: 0,
        });
        waiting.last = now;
        waiting.at_once |= effect == Effect::Weights;
        waiting.changes += 1;
    }

    /// When to build; nothing: there is nothing to build.
    pub fn due(&self) -> Option<Instant> {
        let again = self.again.map(|(_, due)| due);
        let waiting = self.waiting.map(|waiting| {
            if waiting.at_once {
                waiting.first
            } else {
                (waiting.last + self.waits.quiet).min(waiting.first + self.waits.longest)
            }
        });
        waiting.into_iter().chain(again).min()
    }

    /// Takes the changes, to be built now.
    pub fn take(&mut self) -> Option<Waiting> {
        let again = self.again.take().map(|(waiting, _)| waiting);
        match (again, self.waiting.take()) {
            (Some(again), Some(waiting)) => Some(Waiting {
                first: again.first,
                changes: again.changes + waiting.changes,
                ..waiting
            }),
            (again, waiting) => again.or(waiting),
        }
    }

    /// These could not be built: they are due again after a while, or with the next change.
    pub fn failed(&mut self, waiting: Waiting, now: Instant) {
        let delay = FIRST * 2_u32.saturating_pow(self.failures.min(6));
        self.failures += 1;
        self.again = Some((waiting, now + delay.min(LONGEST)));
    }

    /// Something was built.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }
}
