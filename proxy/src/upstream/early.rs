//! Answers before the answer.

use http::{HeaderMap, StatusCode};

/// Longer ones go no further.
pub(super) const MAX_BYTES: usize = 4 << 10;

/// One of them (RFC 9110, section 15.2); of 100 and 101, others take care.
#[derive(Debug)]
pub(crate) struct Early {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}
