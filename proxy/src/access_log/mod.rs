//! A line for each request, in the forms that Traefik's log has. Off unless asked for.
//!
//! ```text
//! a request's head ─► Entry ─► … its end ─► a line in its worker's Writer ─► Sink, a thread: a file or standard output
//! ```
//!
//! A worker never waits for whoever reads the log. It keeps lines in memory that nobody else locks for longer than it takes
//! to swap two pointers; when the thread does not keep up, lines are dropped and counted.
//!
//! What clients send cannot end a line or a field ([`escape`]). No headers are logged but the host: many are secrets.

mod common;
mod entry;
mod escape;
mod json;
mod sink;
mod writer;

use std::path::PathBuf;

use clap::ValueEnum;

pub(crate) use entry::{Entry, Outcome};
pub(crate) use sink::{Control, Sink};
pub(crate) use writer::{Lines, Writer};

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The Common Log Format, with Traefik's further fields.
    Common,
    /// An object a line, with Traefik's names.
    Json,
}

/// What is logged where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How lines look.
    pub format: Format,
    /// The file; none: standard output.
    pub file: Option<PathBuf>,
    /// Whether queries are left out.
    pub drop_query: bool,
}
