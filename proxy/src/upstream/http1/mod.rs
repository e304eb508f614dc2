//! HTTP/1.1 with an upstream (RFC 9112), one request after the other.
//!
//! A connection has no task of its own, unless it is answered before it was sent all: whoever waits for an answer moves it, in its own. That saves every request two
//! wake-ups and two hand-overs, which is much of what a small one costs. Reading heads is httparse's; what is here frames
//! bodies, and knows what may follow.

mod body;
mod chunked;
mod exchange;
mod head;
mod limits;
mod receive;
mod request;
mod send;

pub(super) use exchange::{Answer, Http1};
pub(super) use limits::HeadLimits;

/// What goes wrong with a request once it has a connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The upstream closed the connection before the answer was whole.
    #[error("the upstream closed the connection")]
    Closed,
    #[error("the connection to the upstream broke: {0}")]
    Broken(std::io::Error),
    /// Its answer is not HTTP/1, or its head is larger than allowed.
    #[error("the upstream's answer is malformed")]
    Malformed,
    /// The client's part: its body broke off, or is not as long as it was said to be.
    #[error("the request's body broke off")]
    RequestBody,
}

impl Fault {
    /// Whether the upstream reads no more.
    fn is_hang_up(&self) -> bool {
        use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
        matches!(self, Self::Broken(error) if matches!(error.kind(), BrokenPipe | ConnectionReset))
    }
}
