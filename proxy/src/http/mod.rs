//! Clients' side of the data path: connections, requests, the headers that change on the way.

pub(crate) mod accept;
mod body;
mod client;
mod clock;
mod connection;
mod forward;
mod headers;
mod http2;
mod io;
mod opening;
mod path;
mod permission;
mod registry;
mod request;
mod respond;
mod stream;
mod streams;
mod tls;
mod tunnel;
mod upgrade;

pub(crate) use body::RequestBody;
pub(crate) use client::{Client, Order};
pub(crate) use clock::{Clock, Tick, Ticks};
pub(crate) use headers::remove_framing;
pub(crate) use registry::Registry;
pub(crate) use stream::is_silent;
pub(crate) use tls::server_tls;
