//! Connections to upstreams that have left HTTP. Each was made for the one request that asked for it, and spoke HTTP/1.1,
//! whatever others to its endpoint do. (HTTP/2 has no such thing but for who agrees on it beforehand.)

use bytes::Bytes;

use super::{socket::Socket, speak::Open};

/// A connection that has left HTTP.
#[derive(Debug)]
pub(crate) struct Switched {
    pub(crate) io: Socket,
    /// What came with the answer that agreed to it.
    pub(crate) first: Bytes,
    _open: Open,
}

impl Switched {
    pub(super) fn new(io: Socket, first: Bytes, open: Open) -> Self {
        Self {
            io,
            first,
            _open: open,
        }
    }
}
