//! Upstreams' side of the data path: connections, their pool, and sending a request over one.

mod connect;
mod connection;
mod pool;
mod send;

pub(crate) use connection::Lease;
pub(crate) use pool::Upstreams;
pub(crate) use send::{Origin, Sent, send};
