//! Match rules as a tree: what the compiler makes of Traefik's rule text and what the proxy builds its routing
//! table from. The text itself never reaches a document.
//!
//! A tree is kept in one normal form, so that equal rules have equal bytes: an `all` or `any` has at least two
//! children and none of its own kind, and `not` stands on leaves only. Pushing negation down to the leaves is
//! exact (matchers are plain predicates), it is what Traefik does, and it lets everything that reads a tree
//! ([`Matcher::hosts`], the proxy's index) go by `all` and `any` without keeping track of polarity.
//!
//! The constructors of [`Matcher`] build that form; [`Matcher::validate`] checks it on a tree that was read.

mod cidr;
mod display;
mod host;
mod hosts;
mod matcher;
mod pattern;
mod translate;
mod validate;

pub use cidr::Cidr;
pub use host::{HostKind, HostPattern};
pub use matcher::{ArgumentError, Matcher};
pub use pattern::{Pattern, PatternError};
pub use validate::InvalidRule;

/// The most bytes that the text of a rule may have.
pub const MAX_RULE_BYTES: usize = 16 * 1024;

/// The most nodes (operators and leaves) that a rule may have.
pub const MAX_RULE_NODES: usize = 1_000;

/// The most levels that a rule may have; a single leaf is one level.
///
/// An `all` or `any` takes two levels of JSON and `serde_json` reads 127 of them, so this leaves the document
/// around the rule more than it needs.
pub const MAX_RULE_DEPTH: usize = 48;
