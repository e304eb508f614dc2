//! Nodes that exist because something refers to them: Services, and TraefikServices that are not there.

use weir_model::{
    document::{EndpointSet, Mode, NodeId, NodeSpec},
    name::NamespacedName,
};

use super::{Builder, Owner};
use crate::compile::{
    finding::{Code, Kind},
    form::LeafForm,
    view::{
        Node, NodeKind, Problem, State,
        reasons::{not_found, of_target},
    },
};

impl Builder<'_> {
    /// Adds the node of a TraefikService that is not there.
    pub(super) fn missing_service(&mut self, name: &NamespacedName, node: &NodeId, found: &[Problem]) {
        let id = node.as_str();
        if self.snapshot.traefik_services.contains_key(name) || self.nodes.contains_key(id) {
            return;
        }
        let missing = Node {
            id: id.to_owned(),
            kind: NodeKind::TraefikService { mirroring: false },
            name: name.clone(),
            state: State::Missing,
            problems: not_found(found, Kind::TraefikService, name),
            endpoints: None,
        };
        self.nodes.insert(id.to_owned(), missing);
    }

    /// Adds the node of a Service, unless it is there. Its id, and whether it can get requests.
    pub(super) fn leaf(
        &mut self,
        owner: &mut Owner<'_>,
        leaf: &LeafForm,
        name: &NamespacedName,
        found: &[Problem],
    ) -> (String, bool) {
        let reference = &leaf.reference;
        let base = owner.node.service_reference(reference);
        let nth = owner.taken.entry(base.clone()).or_insert(0);
        *nth += 1;
        let in_config = base.repeat(*nth);
        let shared = base.as_str().get(owner.node.as_str().len() + 1..);
        let mut id = shared.unwrap_or_default().to_owned();
        id += match reference.mode {
            Mode::ClusterIp => "/cluster-ip",
            Mode::Endpoints => "",
            Mode::NodePort => "/node-port",
        };
        if let Some(scheme) = reference.scheme {
            id = id + "+" + scheme.as_str();
        }
        let resolved = match self.compilation.config.nodes.get(&in_config).map(|n| &n.spec) {
            Some(NodeSpec::Leaf(leaf)) if owner.served => Some(leaf),
            _ => None,
        };
        let set = resolved
            .and_then(|leaf| leaf.endpoints.as_ref())
            .and_then(|set| self.compilation.endpoints.sets.get(set));
        let missing = !self.snapshot.services.contains_key(name);
        let node = self.nodes.entry(id.clone()).or_insert_with(|| Node {
            id: id.clone(),
            kind: NodeKind::Service {
                port: reference.port.clone(),
                mode: reference.mode,
                scheme: reference.scheme,
            },
            name: name.clone(),
            state: State::Served,
            problems: Vec::new(),
            endpoints: None,
        });
        // whoever refers to it may be the one that knows
        if node.state == State::Served && missing {
            node.state = State::Missing;
            node.problems = not_found(found, Kind::Service, name);
        } else if node.state == State::Served {
            node.problems = found.iter().filter(|p| of_target(p.code)).cloned().collect();
            node.state = match node.problems.first().map(|problem| problem.code) {
                None => State::Served,
                Some(Code::NoEndpoints) => State::NoEndpoints,
                Some(_) => State::Refused,
            };
        }
        if let (NodeKind::Service { scheme, .. }, Some(leaf), Some(set)) = (&mut node.kind, resolved, set) {
            *scheme = Some(leaf.scheme);
            node.endpoints = count(set, self.snapshot.endpoints_known);
        }
        (id, self.usable.contains(&in_config))
    }
}

/// Endpoints that could serve, where an empty set does not only mean that none are known.
fn count(set: &EndpointSet, endpoints_known: bool) -> Option<usize> {
    let count = set.ready.len() + set.terminating.len();
    (endpoints_known || count > 0).then_some(count)
}
