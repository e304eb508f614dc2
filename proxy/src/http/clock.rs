//! A clock of coarse ticks, so that noting the time of an event costs a load and a store.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// A worker's clock. It shows the time of its last [`Clock::advance`].
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    tick: Duration,
    now: Cell<Tick>,
    millis: Cell<u64>,
}

/// A number of ticks since the clock's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(u32);

/// A duration in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticks(u32);

impl Clock {
    /// A clock that counts from `start` and is to be advanced every `tick`.
    pub(crate) fn new(start: Instant, tick: Duration) -> Self {
        let clock = Self {
            start,
            tick,
            now: Cell::default(),
            millis: Cell::default(),
        };
        clock.advance();
        clock
    }

    /// How often to advance.
    pub(crate) fn tick(&self) -> Duration {
        self.tick
    }

    /// Sets the clock to the actual time.
    pub(crate) fn advance(&self) {
        let elapsed = self.start.elapsed();
        let ticks = elapsed.as_nanos() / self.tick.as_nanos().max(1);
        self.now.set(Tick(u32::try_from(ticks).unwrap_or(u32::MAX)));
        self.millis.set(elapsed.as_millis() as u64);
    }

    /// Milliseconds since the start, at the last advance.
    pub(crate) fn millis(&self) -> u64 {
        self.millis.get()
    }

    /// Milliseconds since the start, to the millisecond.
    pub(crate) fn exact_millis(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// The time of the last advance.
    pub(crate) fn now(&self) -> Tick {
        self.now.get()
    }

    /// A duration in ticks, so many that at least the duration has passed after them.
    pub(crate) fn ticks(&self, duration: Duration) -> Ticks {
        let ticks = duration
            .as_nanos()
            .div_ceil(self.tick.as_nanos().max(1))
            .saturating_add(1);
        Ticks(u32::try_from(ticks).unwrap_or(u32::MAX))
    }

    /// Whether `duration` has passed since `start`.
    pub(crate) fn passed(&self, start: Tick, duration: Ticks) -> bool {
        self.now.get().0.saturating_sub(start.0) >= duration.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_up() {
        let clock = Clock::new(Instant::now(), Duration::from_millis(100));
        assert_eq!(clock.ticks(Duration::from_millis(250)), Ticks(4));
        assert_eq!(clock.ticks(Duration::MAX), Ticks(u32::MAX));
    }

    #[test]
    fn a_duration_has_passed_after_its_ticks() {
        let clock = Clock::new(Instant::now(), Duration::from_secs(1));
        let two = clock.ticks(Duration::from_secs(1));
        clock.now.set(Tick(6));
        assert!(clock.passed(Tick(4), two));
        assert!(!clock.passed(Tick(5), two));
        assert!(!clock.passed(Tick(7), two));
    }
}
