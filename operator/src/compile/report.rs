//! What became of each object: the ground for its conditions and for the graph.

use std::collections::BTreeMap;

use weir_model::{document::RouteId, name::NamespacedName};

/// IngressRoutes that a TraefikService's report names at most.
pub const MAX_USERS: usize = 100;

/// Which form of something is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The current one.
    Served,
    /// The last accepted one, of this generation.
    LastGood(i64),
    /// Its rule is known; it answers 503.
    Unavailable,
    /// Nothing, or at no entry point.
    NotServed,
}

/// A TraefikService.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceReport {
    /// What is served of it.
    pub state: State,
    /// `Weighted` or `Mirroring`: of what is served, else of what is written, as far as that can be told.
    pub kind: Option<&'static str>,
    /// Distinct references to Services below it.
    pub leaves: usize,
    /// The first [`MAX_USERS`] IngressRoutes that reach it, sorted.
    pub used_by: Vec<NamespacedName>,
    /// The revision that brought what is served.
    pub revision: Option<u64>,
}

/// An IngressRoute of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngressRouteReport {
    /// Its routes, in the order of the manifest.
    pub routes: Vec<RouteReport>,
    /// The hosts that its rules name, each once, sorted.
    pub hosts: Vec<String>,
    /// The revision that brought what is served.
    pub revision: Option<u64>,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteReport {
    /// Its rule, as written.
    pub rule: String,
    /// What is served of it.
    pub state: State,
    /// Its id in the config.
    pub id: Option<RouteId>,
}

/// What became of each object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    /// By name.
    pub services: BTreeMap<NamespacedName, ServiceReport>,
    /// By name.
    pub ingress_routes: BTreeMap<NamespacedName, IngressRouteReport>,
}
