//! The compiler: a snapshot of Kubernetes objects in, static documents and findings out.
//!
//! [`compile`] is a plain function: no clock, no client, no input or output, no randomness. The same
//! snapshot, options and previous config give the same bytes. The way through it:
//!
//! ```text
//! input ──► parse ──► form ──► accept (graph) ──► resolve + flatten ──► revision ──► validate
//!             │         ▲         │                     │
//!             │   previous config └── last accepted     └──► reports
//!             └──► findings ◄─────────────────────────────────┘
//! ```

mod accept;
mod both;
mod code;
mod effect;
mod extent;
pub mod finding;
mod flatten;
mod form;
mod gather;
mod graph;
pub mod input;
mod notices;
mod options;
mod parse;
mod pipeline;
mod references;
pub mod report;
mod resolve;
pub(crate) mod revision;
mod routes;
pub mod rule;
pub mod view;

use std::sync::Arc;

use weir_model::document::{Config, Endpoints, Secrets, validate::Violation};

use self::{finding::Finding, report::Reports};
pub use self::{input::Snapshot, options::Options, references::References};

/// What a snapshot compiles to. The documents, which are big, are shared by its clones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compilation {
    /// `config.json`.
    pub config: Arc<Config>,
    /// `endpoints.json`.
    pub endpoints: Arc<Endpoints>,
    /// `secrets.json`.
    pub secrets: Arc<Secrets>,
    /// What is wrong or worth knowing, sorted by object and field.
    pub findings: Vec<Finding>,
    /// What became of each object.
    pub reports: Reports,
    /// What does not hold in the config that was made, which is then not used: the previous one stays.
    /// An error of the compiler's own; empty as far as anyone knows.
    pub violations: Vec<Violation>,
}

/// Compiles a snapshot. `previous` is what was published last ([`Config::default`] when nothing was);
/// it keeps serving what was accepted before and is refused now.
pub fn compile(snapshot: &Snapshot, options: &Options, previous: &Config) -> Compilation {
    pipeline::run(snapshot, options, previous)
}
