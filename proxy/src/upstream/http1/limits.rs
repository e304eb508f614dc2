use crate::limits::Limits;

/// As many fit into a map.
const MOST_HEADERS: usize = 24_576;

/// What an answer's head, and what comes after a chunked body, may have.
#[derive(Clone, Copy, Debug)]
pub(in crate::upstream) struct HeadLimits {
    pub(super) bytes: usize,
    pub(super) headers: usize,
}

impl HeadLimits {
    pub(in crate::upstream) fn new(limits: &Limits) -> Self {
        Self {
            bytes: limits.max_header_bytes,
            headers: limits.max_headers.min(MOST_HEADERS),
        }
    }
}

#[cfg(test)]
impl HeadLimits {
    pub(super) const SMALL: Self = Self {
        bytes: 400,
        headers: 5,
    };
}
