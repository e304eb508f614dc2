//! Upstreams' side of the data path: connections, their pool, and sending a request over one.

mod connect;
mod connection;
mod convert;
mod others;
mod pool;
mod send;
mod socket;
mod speak;
mod switch;

pub(crate) use connection::Lease;
pub(crate) use pool::Upstreams;
pub(crate) use send::{Errand, Origin, Sent, send};
pub(crate) use switch::Switched;
