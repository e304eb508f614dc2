//! Serves the static documents that weir's operator writes: weighted and mirrored HTTP traffic.
//!
//! ```text
//! files ─► config ─► state ──swap──► workers (one a core): http ─► balance ─► upstream
//!                                        │                            └─► mirror
//!                      admin ◄───────────┴─ metrics, traffic
//! ```
//!
//! [`app`] puts the parts together. A [`app::Proxy`] has no state outside itself, so several can run in
//! one process.

pub mod access_log;
pub mod admin;
pub mod app;
pub mod balance;
pub mod cli;
pub mod config;
mod control;
mod dns;
pub mod drain;
pub mod error;
#[cfg(test)]
mod fuzz;
pub mod health;
mod http;
pub mod limits;
mod listen;
mod metrics;
mod mirror;
mod pieces;
mod process;
pub mod readiness;
pub mod router;
pub mod state;
pub mod sticky;
pub mod telemetry;
mod timestamp;
pub mod tls;
pub mod traffic;
mod upstream;
mod worker;
