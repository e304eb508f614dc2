//! What passes, counted under Traefik's names: requests by entry point and by service, how long they took, and the bytes
//! of their bodies.
//!
//! Each worker has a [`Chain`] of its own for each service that it has sent a request to, and nobody else writes to it. So
//! counting takes no lock and shares no memory with other workers; a scrape sums them up. A service that nobody asks for costs
//! one word, and a service is forgotten with the last config that has it.

mod buckets;
mod chain;
mod kind;
mod services;

pub use buckets::Buckets;
pub(crate) use chain::{Chain, Observed, Sums};
pub(crate) use kind::{Kind, grpc_status};
pub use services::{Service, ServiceId, Services};
