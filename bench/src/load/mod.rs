//! Clients.

mod connect;
mod http1;
mod http2;
mod latency;
mod websocket;

use std::net::SocketAddr;

use bytes::Bytes;

pub use connect::{Security, Socket, dial, dial_again};
pub use http1::{Http1, closed, each_anew, idle};
pub use http2::multiplexed;
pub use latency::open;
pub use websocket::{MESSAGE, echoes};

/// What is asked, and of whom.
#[derive(Clone, Debug)]
pub struct Target {
    /// The proxy.
    pub address: SocketAddr,
    /// How it is spoken to.
    pub security: Security,
    /// Requests of HTTP/1.1, taken in turn by each connection.
    pub requests: Vec<Bytes>,
    /// Whether connections take up sessions of TLS that others had.
    pub resumed: bool,
    /// Whether each connection keeps the cookies that it is given.
    pub cookies: bool,
}
