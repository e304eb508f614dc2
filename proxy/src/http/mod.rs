//! Clients' side of the data path: connections, requests, the headers that change on the way.

pub(crate) mod accept;
mod body;
mod client;
mod clock;
mod connection;
mod forward;
mod headers;
mod io;
mod path;
mod registry;
mod request;
mod respond;

pub(crate) use body::RequestBody;
pub(crate) use client::{Client, Order, is_silent};
pub(crate) use clock::{Clock, Tick, Ticks};
pub(crate) use headers::remove_framing;
pub(crate) use registry::Registry;
