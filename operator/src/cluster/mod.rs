//! The part with a Kubernetes client: what it watches becomes snapshots, and these are compiled.
//!
//! ```text
//! API server ─► watch ─► Change ─► store ─► engine ─► Compiled ─► (publisher, status writer)
//!                 ▲                  │        ▲                         │
//!                 └───── Wanted ◄────┘        └──── previous config ◄───┘
//! ```
//!
//! [`watch`] has the client and knows nothing of compiling; [`store`] is plain data, and [`engine`] only adds
//! the clock, tokio's. So everything between the API server and the documents is tested without either.

pub mod admin;
pub mod app;
mod change;
pub mod connect;
pub mod engine;
mod follow;
mod journal;
pub mod lease;
mod permission;
pub mod proxies;
pub mod publisher;
mod records;
mod scope;
pub mod status_writer;
mod store;
mod tasks;
pub mod watch;
mod write;

pub use self::{
    change::{Answer, Change, Fetched, Observed},
    records::{Record, Records},
    scope::{Scope, Source},
    store::Wanted,
};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
