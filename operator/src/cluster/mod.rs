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

mod change;
pub mod engine;
mod records;
mod scope;
mod store;
pub mod watch;

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
