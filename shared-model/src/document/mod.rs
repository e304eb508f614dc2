//! The static documents: what the operator publishes and the proxy serves.
//!
//! Three, each swapped by itself: [`Config`], [`Endpoints`], [`Secrets`]. [`text`] is their canonical
//! form in bytes, [`validate`] what both sides rely on. Structs here list their fields alphabetically,
//! since that is the order in which they are written.

mod config;
mod endpoints;
mod id;
mod leaf;
mod secrets;
pub mod text;
mod transport;
pub mod validate;

pub use config::{
    Child, Config, Mirror, MirrorTarget, Missing, Node, NodeSpec, Precedence, Route, RouteTls, SameSite,
    Source, SourceKind, StickyCookie, Target, Weighted,
};
pub use endpoints::{Address, AddressError, EndpointSet, Endpoints, Host};
pub use id::{EndpointSetId, NodeId, RouteId, SecretId, TransportId};
pub use leaf::{HealthCheck, HealthMode, Leaf, Mode, Port, Scheme, ServiceReference};
pub use secrets::{SecretEntry, Secrets};
pub use transport::{PeerSan, TlsVersion, Transport};

/// The form of the documents that this build writes. It reads this one and the one before.
pub const SCHEMA: u32 = 1;
