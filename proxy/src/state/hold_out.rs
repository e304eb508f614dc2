//! Leaves an endpoint out for a while after it could not be connected to.

use std::sync::atomic::{AtomicU64, Ordering};

/// The first hold, in milliseconds; each further one is twice as long.
const FIRST: u64 = 100;
/// The longest hold, in milliseconds.
const LONGEST: u64 = 10_000;
/// Where counting holds in a row ends; far past the longest one.
const MOST: u64 = 16;
/// Bits for the number of holds in a row; the end of the hold is in the others.
const COUNT_BITS: u32 = 8;

/// When an endpoint may be tried again. Times are milliseconds on a clock that never goes back, the
/// same one for all calls.
#[derive(Debug, Default)]
pub(super) struct HoldOut(
    /// End of the hold and number of holds in a row, in one word; 0: nothing failed lately.
    AtomicU64,
);

impl HoldOut {
    /// Whether the endpoint is left out at `now`.
    #[inline]
    pub(super) fn is_held(&self, now: u64) -> bool {
        now < self.0.load(Ordering::Relaxed) >> COUNT_BITS
    }

    /// A connection failed at `now`. Counts once a hold: those that other threads had under way
    /// when it started say nothing new.
    pub(super) fn record_failure(&self, now: u64) {
        let next = |state: u64| {
            let (end, count) = (state >> COUNT_BITS, state & ((1 << COUNT_BITS) - 1));
            let hold = (FIRST << count).min(LONGEST);
            (now >= end).then(|| ((now + hold) << COUNT_BITS) | (count + 1).min(MOST))
        };
        // an error means that the hold is on, and all is said
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }

    /// A connection succeeded.
    #[inline]
    pub(super) fn record_success(&self) {
        // read first: endpoints that never fail are not written to
        if self.0.load(Ordering::Relaxed) != 0 {
            self.0.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The length of the hold that a failure at `now` starts.
    fn hold(state: &HoldOut, now: u64) -> u64 {
        state.record_failure(now);
        (0..=LONGEST).find(|ms| !state.is_held(now + ms)).unwrap()
    }

    #[test]
    fn holds_double_up_to_the_longest() {
        let state = HoldOut::default();
        let mut now = 0;
        let holds: Vec<u64> = (0..10)
            .map(|_| {
                let hold = hold(&state, now);
                now += hold;
                hold
            })
            .collect();
        assert_eq!(
            holds,
            [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000]
        );
    }

    #[test]
    fn failures_during_a_hold_count_once() {
        let state = HoldOut::default();
        for _ in 0..5 {
            state.record_failure(1_000);
        }
        assert!(state.is_held(1_099) && !state.is_held(1_100));
        assert_eq!(hold(&state, 1_100), 200);
    }

    #[test]
    fn a_success_starts_anew() {
        let state = HoldOut::default();
        state.record_failure(0);
        state.record_failure(100);
        state.record_success();
        assert!(!state.is_held(101));
        assert_eq!(hold(&state, 101), 100);
    }
}
