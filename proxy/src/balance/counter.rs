//! Counts the requests of a route, or of what a cookie chose.

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of the next request. Alone on its cache lines (two, since processors fetch
/// neighbours), as every worker writes to it.
#[derive(Debug)]
#[repr(align(128))]
pub struct Counter(AtomicU64);

impl Counter {
    /// Starts at `offset`.
    pub(crate) fn new(offset: u64) -> Self {
        Self(AtomicU64::new(offset))
    }

    /// Takes a number. Each is given out once, without a gap, whatever the number of threads.
    #[inline]
    pub fn next(&self) -> u64 {
        // nothing else is read or written in step with it
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}
