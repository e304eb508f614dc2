//! How many probes may start.

use std::time::Duration;

use tokio::time::Instant;

/// How long a time of silence may be made up for: probes come in bunches, and a timer wakes late.
const BURST: Duration = Duration::from_millis(100);

/// Lets so many start in a second, as evenly as they come.
#[derive(Debug)]
pub(super) struct Pace {
    gap: Duration,
    /// When the next one would start were they all evenly spread.
    turn: Option<Instant>,
}

impl Pace {
    /// For a number above zero.
    pub(super) fn new(per_second: usize) -> Self {
        Self {
            gap: Duration::from_secs_f64(1.0 / per_second.max(1) as f64),
            turn: None,
        }
    }

    /// When the next one may start; none: at any time.
    pub(super) fn next(&self) -> Option<Instant> {
        self.turn
    }

    /// One starts.
    pub(super) fn start(&mut self, now: Instant) {
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let turn = self.turn.unwrap_or(earliest).max(earliest);
        self.turn = Some(turn + self.gap);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many start in `window`, of as many as there may be.
    fn started(pace: &mut Pace, from: Instant, window: Duration) -> usize {
        let mut now = from;
        let mut count = 0;
        while now < from + window {
            if pace.next().is_none_or(|next| next <= now) {
                pace.start(now);
                count += 1;
            } else {
                // as coarse as a timer is
                now += Duration::from_millis(1);
            }
        }
        count
    }

    #[test]
    fn no_more_start_than_may_but_for_a_burst() {
        let mut now = Instant::now() + Duration::from_mins(1);
        for rate in [1, 10, 500, 5_000] {
            let mut pace = Pace::new(rate);
            let burst = rate / 10 + 1;
            let first = started(&mut pace, now, Duration::from_secs(2));
            assert!((2 * rate..=2 * rate + burst).contains(&first), "{rate}: {first}");
            now += Duration::from_secs(2);
            // without a pause there is nothing to make up for
            let second = started(&mut pace, now, Duration::from_secs(2));
            assert!(
                (2 * rate - 1..=2 * rate + 1).contains(&second),
                "{rate}: {second}"
            );
            now += Duration::from_hours(1);
            let after_silence = started(&mut pace, now, Duration::from_secs(2));
            assert!(after_silence <= 2 * rate + burst, "{rate}: {after_silence}");
            now += Duration::from_secs(2);
        }
    }
}
