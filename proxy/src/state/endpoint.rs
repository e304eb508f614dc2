//! One address that requests are sent to.

use http::HeaderValue;
use weir_model::document::{Address, Scheme};

use super::hold_out::HoldOut;

/// An address, reached in one way (scheme and transport). One instance for all leaves and snapshots
/// that reach it so; see [`super::Registry`].
#[derive(Debug)]
pub struct Endpoint {
    /// Unique for the process's life; what pools are keyed by.
    pub id: u64,
    /// Where it listens. A name is still to be looked up.
    pub address: Address,
    /// How it is spoken with.
    pub scheme: Scheme,
    /// The address as a `Host` header, for leaves that do not pass the client's.
    pub authority: HeaderValue,
    hold_out: HoldOut,
}

impl Endpoint {
    pub(super) fn new(id: u64, address: Address, scheme: Scheme) -> Self {
        // an address has none of the characters that a header must not have
        let authority =
            HeaderValue::try_from(address.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""));
        Self {
            id,
            address,
            authority,
            scheme,
            hold_out: HoldOut::default(),
        }
    }

    /// No connection could be made at `now`: leaves the endpoint out for a short time that grows with each
    /// failure in a row (100 ms to 10 s). Milliseconds on one monotonic clock of the process.
    pub fn record_failure(&self, now: u64) {
        self.hold_out.record_failure(now);
    }

    /// A connection was made: the endpoint takes part again.
    #[inline]
    pub fn record_success(&self) {
        self.hold_out.record_success();
    }

    /// Whether the endpoint is left out at `now`, on the clock of [`Endpoint::record_failure`].
    #[inline]
    pub fn is_held_out(&self, now: u64) -> bool {
        self.hold_out.is_held(now)
    }
}
