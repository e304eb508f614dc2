//! What became of each object: the ground for its conditions and for the graph.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::{
    document::{Config, NodeId, NodeSpec, RouteId, SourceKind, Target},
    name::NamespacedName,
};

/// Which form of something is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The current one.
    Served,
    /// The last accepted one, of this generation.
    LastGood(i64),
    /// Its rule is known; it answers 503.
    Unavailable,
    /// Nothing.
    NotServed,
}

/// A TraefikService.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceReport {
    /// What is served of it.
    pub state: State,
    /// `Weighted` or `Mirroring`, of what is served.
    pub kind: Option<&'static str>,
    /// Distinct references to Services below it.
    pub leaves: usize,
    /// IngressRoutes that reach it.
    pub used_by: BTreeSet<NamespacedName>,
    /// The revision that brought what is served.
    pub revision: Option<u64>,
}

/// An IngressRoute of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngressRouteReport {
    /// Its routes, in the order of the manifest.
    pub routes: Vec<RouteReport>,
    /// The hosts that its rules name, sorted.
    pub hosts: BTreeSet<String>,
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

/// The IngressRoutes that reach each TraefikService.
pub(super) fn used_by(config: &Config) -> BTreeMap<NamespacedName, BTreeSet<NamespacedName>> {
    let mut users: BTreeMap<NamespacedName, BTreeSet<NamespacedName>> = BTreeMap::new();
    let mut seen: BTreeSet<(NamespacedName, &NodeId)> = BTreeSet::new();
    for route in config.routes.values() {
        let Target::Node(target) = &route.target else {
            continue;
        };
        let user = NamespacedName::new(&route.source.namespace, &route.source.name);
        let mut open = vec![target];
        while let Some(id) = open.pop() {
            let Some(node) = config.nodes.get(id).filter(|_| seen.insert((user.clone(), id))) else {
                continue;
            };
            let is_service = node.source.kind == SourceKind::TraefikService;
            if is_service && matches!(node.spec, NodeSpec::Weighted(_) | NodeSpec::Mirror(_)) {
                let name = NamespacedName::new(&node.source.namespace, &node.source.name);
                users.entry(name).or_default().insert(user.clone());
            }
            open.extend(node.spec.references());
        }
    }
    users
}

/// Distinct leaves below a node.
pub(super) fn leaves(config: &Config, id: &NodeId) -> usize {
    let (mut seen, mut open, mut leaves) = (BTreeSet::new(), vec![id], 0);
    while let Some(id) = open.pop() {
        let Some(node) = config.nodes.get(id).filter(|_| seen.insert(id)) else {
            continue;
        };
        leaves += usize::from(matches!(node.spec, NodeSpec::Leaf(_)));
        open.extend(node.spec.references());
    }
    leaves
}
