//! Which route a request takes: an index over the match rules, so that the cost of a look-up does not grow with
//! the number of routes.
//!
//! Most rules name a host and a path. From each rule follow a few *scopes* ([`scope`]): a host and a path
//! condition of which one must hold wherever the rule matches. The rule is filed under each of them, and what is
//! left to check there is the rule simplified by what the place already says ([`condition`]): nothing for
//! ``Host(`a`) && PathPrefix(`/b`)``. A request looks into three places by host (its name, its wildcard, any) and
//! in each walks a trie by path ([`paths`]). Rules without a usable condition lie under any host and any path and
//! are tried one after the other.
//!
//! Order is the caller's: among the rules that match, the one earliest in the list wins.

mod condition;
mod paths;
mod query;
mod request;
mod scope;
mod table;
mod trie;

pub use request::{MalformedPath, RequestView};
pub use table::{BuildError, Table};

#[cfg(test)]
mod properties;
