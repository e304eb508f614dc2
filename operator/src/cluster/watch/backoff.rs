//! How long to wait after failures.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);

/// Short enough for everything to be up to date soon after an outage.
const LONGEST: Duration = Duration::from_secs(5);

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Something failed: how long to wait.
    pub fn failed(&mut self) -> Duration {
        let delay = FIRST * 2_u32.saturating_pow(self.failures.min(8));
        self.failures += 1;
        delay.min(LONGEST)
    }

    /// Something worked.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since something worked.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_limit() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..7).map(|_| backoff.failed().as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 5000, 5000]);
        backoff.reset();
        assert_eq!(backoff.failed(), FIRST);
    }
}
