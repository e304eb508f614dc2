//! The input: Kubernetes objects as they are, each converted by itself.
//!
//! An object that does not convert is a finding on that object alone. Converting happens once, when an
//! object enters a [`Snapshot`], not at each compile.

mod core;
mod fitting;
mod snapshot;

pub use self::{
    core::{EndpointSlice, Node, Service, ServicePort, ServiceType, SliceEndpoint, SlicePort, Stored},
    snapshot::{Entry, IngressRouteInput, Inserted, Meta, Snapshot},
};
