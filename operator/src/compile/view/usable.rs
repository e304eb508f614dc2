//! Which nodes of the config requests can be sent to, as far as that can be told without probing.

use std::collections::BTreeMap;

use weir_model::document::{Config, Endpoints, NodeId, NodeSpec};

/// The nodes below which at least one endpoint could serve new requests. Where endpoints are not known,
/// a Service that was found counts as having some.
pub(super) struct Usable<'a>(BTreeMap<&'a NodeId, bool>);

impl<'a> Usable<'a> {
    pub fn new(config: &'a Config, endpoints: &Endpoints, endpoints_known: bool) -> Self {
        let mut usable = Self(BTreeMap::new());
        for root in config.nodes.keys() {
            let mut open = vec![(root, false)];
            while let Some((id, below_done)) = open.pop() {
                let Some(node) = config.nodes.get(id) else {
                    continue;
                };
                if below_done {
                    let answer = usable.judge(&node.spec, endpoints, endpoints_known);
                    usable.0.insert(id, answer);
                } else if !usable.0.contains_key(id) {
                    // known from here on, so that not even a cycle could make this endless
                    usable.0.insert(id, false);
                    open.push((id, true));
                    open.extend(node.spec.references().map(|id| (id, false)));
                }
            }
        }
        usable
    }

    fn judge(&self, spec: &NodeSpec, endpoints: &Endpoints, endpoints_known: bool) -> bool {
        match spec {
            NodeSpec::Leaf(leaf) => leaf
                .endpoints
                .as_ref()
                .and_then(|set| endpoints.sets.get(set))
                .is_some_and(|set| !endpoints_known || !set.ready.is_empty() || !set.terminating.is_empty()),
            NodeSpec::Mirror(mirror) => self.contains(&mirror.main),
            NodeSpec::Weighted(weighted) => weighted
                .children
                .iter()
                .any(|child| child.weight.get() > 0 && self.contains(&child.node)),
            NodeSpec::Missing(_) => false,
        }
    }

    /// Whether new requests can be sent to this node.
    pub fn contains(&self, id: &NodeId) -> bool {
        self.0.get(id).copied().unwrap_or_default()
    }
}
