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

/// Changes that wait to be built.
#[derive(Debug)]
pub(super) struct Holdoff {
    waits: Waits,
    waiting: Option<Waiting>,
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
        Self { waits, waiting: None }
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
        let waiting = self.waiting.as_ref()?;
        Some(if waiting.at_once {
            waiting.first
        } else {
            (waiting.last + self.waits.quiet).min(waiting.first + self.waits.longest)
        })
    }

    /// Takes the changes, to be built now.
    pub fn take(&mut self) -> Option<Waiting> {
        self.waiting.take()
    }
}
