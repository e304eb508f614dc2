//! The input: Kubernetes objects as they are, each converted by itself.
//!
//! An object that does not convert is a finding on that object alone. Converting happens once, when an
//! object enters a [`Snapshot`], not at each compile.

mod core;
mod difference;
mod fitting;
mod object;
mod snapshot;

#[cfg(feature = "cluster")]
pub(crate) use self::object::id_of;
pub use self::{
    core::{EndpointSlice, Node, Service, ServicePort, ServiceType, SliceEndpoint, SlicePort, Stored},
    difference::Difference,
    object::{Entry, IngressRouteInput, Meta, Object},
    snapshot::{Inserted, Snapshot},
};
