//! Who takes a request: exact shares, computed from the request's number alone.
//!
//! A route counts its requests. Its n-th request hands n down a [`Forest`]: each split sends it left
//! or right and turns n into an index among the requests that went the same way, a mirror takes its
//! samples and hands n on to its main service, and a leaf ends the way with an index among its own
//! requests. A pick is a pure function of the forest and n. So it needs no lock and no state, any
//! number of threads may pick at once, and what has to outlive a reload is one counter a route.
//!
//! What follows from the arithmetic in [`split`]: while the usable children and their weights stay, in every window
//! of sum(weights) consecutive requests each child gets exactly its weight, at each level of nesting,
//! wherever the window starts.
//!
//! Where a service is sticky, a cookie may choose instead ([`Choice`]). So only a part of its requests takes part in the
//! order, and which part follows the clients' habits. It counts that part by itself, and what cookies lead to each
//! child as well.
//!
//! A child that has nothing usable below it has no place in the forest; so its siblings share its
//! part by their weights, at every level, and no pick ever meets a dead end.

mod build;
mod choice;
mod counter;
mod forest;
mod mirror;
mod split;
#[cfg(test)]
mod tests;

pub use build::ForestBuilder;
pub use choice::{Choice, StickyChild};
pub use counter::Counter;
pub use forest::{CopyPick, Forest, LeafIndex, NodeIndex, Pick, TargetIndex, Visitor};
pub use mirror::{Mirror, Target};
