//! Health checks: which endpoints take part.
//!
//! ```text
//! documents ─► Registry: one Health for an address and a Check ─► Snapshot: who is up, and all who are checked
//!                                    ▲                                 │
//!      Loader builds anew ◄── changed │                                 ▼
//!                              └── Prober, on a thread of its own: Schedule, Pace, probe
//! ```
//!
//! A snapshot is built with the endpoints that are up when it is built, and so the effects go up the tree as they do for
//! endpoints that are gone. The prober probes what the snapshot that is served names; when an endpoint has
//! changed, it says so, and the next snapshot is built from the same documents.

mod check;
mod fault;
#[cfg(test)]
pub(crate) mod fixture;
mod pace;
mod probe;
mod prober;
mod schedule;
mod state;

pub use check::Check;
pub use fault::Fault;
pub(crate) use fault::Outcome;
pub(crate) use probe::probe;
pub(crate) use prober::{Counts, Prober};
pub use state::{Health, Passed, Report, Verdict};
