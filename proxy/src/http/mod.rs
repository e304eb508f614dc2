//! Clients' side of the data path: connections, requests, the headers that change on the way.

pub(crate) mod accept;
mod account;
mod body;
mod client;
mod clock;
mod connection;
mod forward;
mod forwarded;
#[cfg(test)]
mod fuzz;
mod headers;
mod http2;
mod inform;
mod io;
mod loops;
mod opening;
mod path;
mod permission;
mod proxy_protocol;
mod redirect;
mod registry;
mod request;
mod respond;
mod stream;
mod streams;
mod tls;
mod tunnel;
mod upgrade;

pub(crate) use account::Account;
pub(crate) use body::RequestBody;
pub(crate) use client::{Client, Order};
pub(crate) use clock::{Clock, Tick, Ticks};
pub(crate) use headers::remove_framing;
pub(crate) use registry::Registry;
pub(crate) use stream::is_silent;
pub(crate) use tls::server_tls;
