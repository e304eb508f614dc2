//! Upstreams' side of the data path: connections, their pool, and sending a request over one.

mod connect;
mod connection;
mod convert;
mod early;
mod http1;
mod lease;
mod others;
mod pool;
mod replay;
mod send;
mod socket;
mod speak;
mod switch;
mod watch;

pub(crate) use early::Early;
pub(crate) use lease::{BodyError, Lease};
pub(crate) use pool::Upstreams;
pub(crate) use send::{Errand, Origin, Sent, send};
pub(crate) use switch::Switched;
