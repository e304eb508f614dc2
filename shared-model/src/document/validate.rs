//! What holds in every config beyond the ranges of its values: the operator asserts it before
//! publishing, the proxy checks it again before loading, and both rely on it afterwards.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use thiserror::Error;

use super::{Config, EndpointSetId, Endpoints, Leaf, Node, NodeId, NodeSpec, SecretId, Secrets, Target};

/// What does not hold, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Violation {
    /// A reference to a node or transport that the config does not have.
    #[error("{from} names {to}, which is not there")]
    Dangling {
        /// Who refers.
        from: String,
        /// To what.
        to: String,
    },
    /// Nodes that can be reached from themselves.
    #[error("these nodes form a cycle: {}", join(.0))]
    Cycle(Vec<NodeId>),
    /// Two children of a node with one identity.
    #[error("{node} has two children with the identity {identity:?}")]
    SameIdentity {
        /// The parent.
        node: NodeId,
        /// What both are called.
        identity: String,
    },
    /// A duration that must be above zero is not.
    #[error("{node}: {field} is not above zero")]
    NotPositive {
        /// The leaf.
        node: NodeId,
        /// The field.
        field: &'static str,
    },
    /// A route's matcher is out of bounds.
    #[error("{route}: {problem}")]
    Matcher {
        /// The route.
        route: String,
        /// What is wrong.
        problem: String,
    },
}

fn join(ids: &[NodeId]) -> String {
    ids.iter().map(NodeId::as_str).collect::<Vec<_>>().join(" -> ")
}

/// Checks a config: no dangling id, no cycle, identities distinct, durations positive, matchers
/// within bounds. Linear, without recursion.
pub fn validate(config: &Config) -> Result<(), Vec<Violation>> {
    let mut violations = Vec::new();
    let index: Index<'_> = config.nodes.keys().zip(0..).collect();
    let mut graph = Vec::with_capacity(config.nodes.len());
    for (id, node) in &config.nodes {
        graph.push(references(&index, id, node, &mut violations));
        check_node(config, id, node, &mut violations);
    }
    for (id, route) in &config.routes {
        if let Target::Node(to) = &route.target
            && !index.contains_key(to)
        {
            violations.push(dangling(id, to));
        }
        if let Err(problem) = route.matcher.validate() {
            violations.push(Violation::Matcher {
                route: id.to_string(),
                problem: problem.to_string(),
            });
        }
    }
    if violations.is_empty() {
        violations.extend(cycle(&graph).map(|cycle| {
            let ids: Vec<&NodeId> = config.nodes.keys().collect();
            Violation::Cycle(cycle.into_iter().map(|node| ids[node].clone()).collect())
        }));
    }
    if violations.is_empty() {
        Ok(())
    } else {
        Err(violations)
    }
}

fn dangling(from: &impl ToString, to: &impl ToString) -> Violation {
    Violation::Dangling {
        from: from.to_string(),
        to: to.to_string(),
    }
}

/// The place of each node in the table.
type Index<'a> = HashMap<&'a NodeId, usize>;

/// The nodes that this one refers to, by their places.
fn references(index: &Index<'_>, id: &NodeId, node: &Node, violations: &mut Vec<Violation>) -> Vec<usize> {
    let mut places = Vec::new();
    for to in node.spec.references() {
        match index.get(to) {
            Some(place) => places.push(*place),
            None => violations.push(dangling(id, to)),
        }
    }
    places
}

fn check_node(config: &Config, id: &NodeId, node: &Node, violations: &mut Vec<Violation>) {
    match &node.spec {
        NodeSpec::Weighted(weighted) if weighted.children.len() > 1 => {
            let mut seen = BTreeSet::new();
            let doubles = weighted
                .children
                .iter()
                .map(|c| &c.identity)
                .filter(|identity| !seen.insert(*identity));
            violations.extend(doubles.map(|identity| Violation::SameIdentity {
                node: id.clone(),
                identity: identity.clone(),
            }));
        }
        NodeSpec::Leaf(leaf) => check_leaf(config, id, leaf, violations),
        NodeSpec::Weighted(_) | NodeSpec::Mirror(_) | NodeSpec::Missing(_) => {}
    }
}

fn check_leaf(config: &Config, id: &NodeId, leaf: &Leaf, violations: &mut Vec<Violation>) {
    if let Some(transport) = leaf
        .transport
        .as_ref()
        .filter(|t| !config.transports.contains_key(*t))
    {
        violations.push(dangling(id, transport));
    }
    if let Some(check) = &leaf.health_check {
        let durations = [
            ("interval", check.interval),
            ("timeout", check.timeout),
            ("unhealthyInterval", check.unhealthy_interval),
        ];
        for (field, _) in durations
            .into_iter()
            .filter(|(_, duration)| duration.nanos() <= 0)
        {
            violations.push(Violation::NotPositive {
                node: id.clone(),
                field,
            });
        }
    }
}

/// Some nodes on a cycle, in its order; nothing where the graph has none. Takes away nodes that
/// nobody refers to until none is left (Kahn); what stays lies on cycles or below them.
fn cycle(graph: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut referrers = vec![0_usize; graph.len()];
    for &to in graph.iter().flatten() {
        referrers[to] += 1;
    }
    let mut free: Vec<usize> = (0..graph.len()).filter(|node| referrers[*node] == 0).collect();
    while let Some(node) = free.pop() {
        for &to in &graph[node] {
            referrers[to] -= 1;
            if referrers[to] == 0 {
                free.push(to);
            }
        }
    }
    // every node left has a referrer left: walk backwards until one comes again
    let mut referrer_of = vec![None; graph.len()];
    for from in (0..graph.len()).filter(|node| referrers[*node] > 0) {
        for &to in &graph[from] {
            referrer_of[to] = Some(from);
        }
    }
    let mut node = referrers.iter().position(|count| *count > 0)?;
    let mut path = Vec::new();
    let mut place_in_path = vec![None; graph.len()];
    loop {
        if let Some(start) = place_in_path[node] {
            return Some(path.drain(start..).rev().collect());
        }
        place_in_path[node] = Some(path.len());
        path.push(node);
        node = referrer_of[node]?;
    }
}

impl NodeSpec {
    /// The leaf, if it is one.
    pub fn leaf(&self) -> Option<&Leaf> {
        match self {
            Self::Leaf(leaf) => Some(leaf),
            Self::Weighted(_) | Self::Mirror(_) | Self::Missing(_) => None,
        }
    }

    /// The ids of the nodes that this one hands requests or copies to, as often as it names them.
    pub fn references(&self) -> impl Iterator<Item = &NodeId> {
        let (children, mirror) = match self {
            Self::Weighted(weighted) => (weighted.children.as_slice(), None),
            Self::Mirror(mirror) => ([].as_slice(), Some(mirror)),
            Self::Leaf(_) | Self::Missing(_) => ([].as_slice(), None),
        };
        let mirror = mirror.into_iter();
        children
            .iter()
            .map(|child| &child.node)
            .chain(mirror.flat_map(|m| std::iter::once(&m.main).chain(m.mirrors.iter().map(|t| &t.node))))
    }
}

impl Config {
    /// The endpoint sets that leaves name, as often as they do.
    pub fn endpoint_sets(&self) -> impl Iterator<Item = &EndpointSetId> {
        self.nodes
            .values()
            .filter_map(|node| node.spec.leaf()?.endpoints.as_ref())
    }

    /// The key material that routes and transports name, as often as they do.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretId> {
        let certificates = self
            .routes
            .values()
            .filter_map(|route| route.tls.as_ref()?.certificate.as_ref());
        let transports = self
            .transports
            .values()
            .flat_map(|t| t.certificates.iter().chain(&t.root_cas));
        certificates.chain(transports)
    }
}

/// The endpoint sets that the config names and `endpoints` does not have (yet).
pub fn absent_sets<'a>(
    config: &'a Config,
    endpoints: &'a Endpoints,
) -> impl Iterator<Item = &'a EndpointSetId> {
    config
        .endpoint_sets()
        .filter(|id| !endpoints.sets.contains_key(*id))
}

/// The secrets that the config names and `secrets` does not have (yet).
pub fn absent_secrets<'a>(config: &'a Config, secrets: &'a Secrets) -> impl Iterator<Item = &'a SecretId> {
    config.secrets().filter(|id| !secrets.entries.contains_key(*id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::{Child, Source, SourceKind, Weighted},
        name::NamespacedName,
        weight::Weight,
    };

    fn id(name: &str) -> NodeId {
        NodeId::traefik_service(&NamespacedName::new("apps", name))
    }

    /// Weighted nodes, each with the names of its children.
    fn weighted(nodes: &[(&str, &[&str])]) -> Config {
        let node = |name: &str, children: &[&str]| Node {
            label: String::new(),
            revision: 1,
            source: Source {
                generation: 1,
                kind: SourceKind::TraefikService,
                name: name.into(),
                namespace: "apps".into(),
                uid: String::new(),
            },
            spec: NodeSpec::Weighted(Weighted {
                children: children
                    .iter()
                    .map(|c| Child {
                        identity: (*c).into(),
                        node: id(c),
                        weight: Weight::default(),
                    })
                    .collect(),
                sticky: None,
            }),
        };
        let nodes = nodes
            .iter()
            .map(|(name, children)| (id(name), node(name, children)))
            .collect();
        Config {
            nodes,
            ..Config::default()
        }
    }

    #[test]
    fn a_graph_with_shared_nodes_is_valid() {
        assert_eq!(
            validate(&weighted(&[
                ("a", &["b", "c"]),
                ("b", &["d"]),
                ("c", &["d"]),
                ("d", &[])
            ])),
            Ok(())
        );
    }

    #[test]
    fn a_cycle_is_named_in_its_order() {
        let config = weighted(&[
            ("a", &["b"]),
            ("b", &["c"]),
            ("c", &["d", "e"]),
            ("d", &["b"]),
            ("e", &[]),
        ]);
        let Err(violations) = validate(&config) else {
            panic!("a cycle passed")
        };
        let [Violation::Cycle(path)] = violations.as_slice() else {
            panic!("{violations:?}")
        };
        let mut sorted = path.clone();
        sorted.sort();
        assert_eq!(sorted, [id("b"), id("c"), id("d")]);
        for (from, to) in path.iter().zip(path.iter().cycle().skip(1)) {
            assert!(
                config.nodes[from].spec.references().any(|r| r == to),
                "{from} -> {to}"
            );
        }
    }

    #[test]
    fn a_node_that_names_itself_is_a_cycle() {
        assert_eq!(
            validate(&weighted(&[("a", &["a"])])),
            Err(vec![Violation::Cycle(vec![id("a")])])
        );
    }

    #[test]
    fn dangling_ids_and_double_identities_are_found_together() {
        let violations = validate(&weighted(&[("a", &["b", "b"])])).unwrap_err();
        assert_eq!(violations.len(), 3);
        assert!(matches!(violations[0], Violation::Dangling { .. }));
        assert!(matches!(violations[2], Violation::SameIdentity { .. }));
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let names: Vec<String> = (0..100_000).map(|i| format!("n{i:06}")).collect();
        let mut config = Config::default();
        for pair in names.windows(2) {
            config.nodes.extend(weighted(&[(&pair[0], &[&pair[1]])]).nodes);
        }
        config.nodes.extend(weighted(&[(&names[99_999], &[])]).nodes);
        assert_eq!(validate(&config), Ok(()));
    }
}
