//! What requests are served from, and what of it outlives a reload.
//!
//! A [`Snapshot`] is made from the documents as a whole and never changes; [`Current`] swaps it for the next one.
//! Endpoints and counters are shared by the snapshots that have them in common: [`Registry`] finds
//! them by what identifies them, and forgets them when no snapshot has them any more.

mod affinity;
mod checked;
mod current;
mod endpoint;
#[cfg(test)]
pub(crate) mod fixture;
mod graph;
mod hold_out;
mod leaf;
mod registry;
mod routing;
mod snapshot;
#[cfg(test)]
mod tests;
mod transport;

pub use affinity::{Affinity, Named};
pub use checked::Checked;
pub use current::{Current, Held, Reader};
pub use endpoint::Endpoint;
pub use leaf::{Flush, Leaf};
pub use registry::Registry;
pub use routing::{Routing, RoutingError};
pub use snapshot::{Route, Snapshot};
pub use transport::Transport;
