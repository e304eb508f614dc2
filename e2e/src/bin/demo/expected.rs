//! What each backend has to get, from the weights alone: computed here by hand and not asked of the compiler.
//!
//! ```text
//! wrr1 ─┬─ svc1                     (weight)
//!       ├─ wrr2 ─┬─ svc2            (weight, weight)
//!       │        └─ svc3            (weight)
//!       └─ mirror1 ─── svc1         (weight)
//!             ├ ─ ─ ─  svc2         (percent)
//!             └ ─ ─ ─  svc3         (percent)
//! ```

use anyhow::{Result, ensure};

/// The backends' names, in the order of every table.
pub const BACKENDS: [&str; 3] = ["svc1", "svc2", "svc3"];

/// Weights and percents of the example at one moment; 0 for what cannot be used.
#[derive(Clone, Copy, Debug)]
pub struct Shares {
    /// Below wrr1: svc1, wrr2, mirror1.
    pub wrr1: [u64; 3],
    /// Below wrr2: svc2, svc3.
    pub wrr2: [u64; 2],
    /// Percent of mirror1's requests that are copied to svc2 and svc3.
    pub copied: [u64; 2],
}

/// Numbers of one backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub backend: &'static str,
    /// Requests that it answered.
    pub answered: u64,
    /// Copies that it got.
    pub copies: u64,
}

impl Shares {
    /// As `examples/` has them.
    pub const EXAMPLE: Self = Self {
        wrr1: [1, 1, 1],
        wrr2: [1, 1],
        copied: [20, 15],
    };

    /// What each backend gets of `requests` requests in a row. They must be a whole number of rounds at every
    /// level, so that it does not matter where in a round they begin.
    pub fn rows(&self, requests: u64) -> Result<[Row; 3]> {
        let wrr1: u64 = self.wrr1.iter().sum();
        let wrr2: u64 = self.wrr2.iter().sum();
        let [direct, nested, mirrored] = self.wrr1.map(|weight| exact(requests * weight, wrr1));
        let (direct, nested, mirrored) = (direct?, nested?, mirrored?);
        let [svc2, svc3] = self.wrr2.map(|weight| exact(nested * weight, wrr2));
        let [copies2, copies3] = self.copied.map(|percent| exact(mirrored * percent, 100));
        let [name1, name2, name3] = BACKENDS;
        Ok([
            Row {
                backend: name1,
                answered: direct + mirrored,
                copies: 0,
            },
            Row {
                backend: name2,
                answered: svc2?,
                copies: copies2?,
            },
            Row {
                backend: name3,
                answered: svc3?,
                copies: copies3?,
            },
        ])
    }
}

fn exact(part: u64, whole: u64) -> Result<u64> {
    ensure!(
        whole > 0 && part.is_multiple_of(whole),
        "{part}/{whole} is no whole number of requests"
    );
    Ok(part / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_answered_once() {
        let rows = Shares {
            wrr1: [1, 2, 1],
            ..Shares::EXAMPLE
        }
        .rows(1200)
        .unwrap();
        assert_eq!(rows.map(|row| row.answered), [600, 300, 300]);
        assert_eq!(rows.map(|row| row.copies), [0, 60, 45]);
    }

    #[test]
    fn a_window_that_ends_within_a_round_is_refused() {
        assert!(Shares::EXAMPLE.rows(100).is_err());
        // all three wrr1 children get 110, and 15 % of that is no whole number
        assert!(Shares::EXAMPLE.rows(330).is_err());
    }
}
