//! Reports out of what was decided and the config that came of it.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::{
    document::{Config, Node, NodeId, NodeSpec, Route, RouteId, SourceKind, Target},
    name::NamespacedName,
};

use super::{
    accept::Served,
    extent::sizes,
    graph::children_first,
    pipeline::Decisions,
    report::{IngressRouteReport, MAX_USERS, Reports, RouteReport, ServiceReport, State},
    routes::{DecidedRoute, RouteOutcome},
};

/// What became of each object.
pub(super) fn reports(config: &Config, decisions: &Decisions) -> Reports {
    let graph = ServiceGraph::new(config);
    let (leaves, mut users) = (graph.leaves(), graph.users(config));
    let services = decisions.services.iter().map(|(name, served)| {
        let found = graph.index.get(&NodeId::traefik_service(name)).copied();
        let report = ServiceReport {
            state: match served {
                Served::Current(_) => State::Served,
                Served::LastGood(form) => State::LastGood(form.source.generation),
                Served::Nothing => State::NotServed,
            },
            kind: found.and_then(|i| match graph.nodes[i].spec {
                NodeSpec::Weighted(_) => Some("Weighted"),
                NodeSpec::Mirror(_) => Some("Mirroring"),
                NodeSpec::Leaf(_) | NodeSpec::Missing(_) => None,
            }),
            leaves: found.map_or(0, |i| leaves[i]),
            used_by: found.map(|i| std::mem::take(&mut users[i])).unwrap_or_default(),
            revision: found.map(|i| own_revision(config, graph.nodes[i])),
        };
        (name.clone(), report)
    });
    let services = services.collect();
    let ingress_routes = decisions.routes.iter();
    let ingress_routes = ingress_routes.map(|(name, routes)| (name.clone(), ingress_route(config, routes)));
    Reports {
        services,
        ingress_routes: ingress_routes.collect(),
    }
}

fn ingress_route(config: &Config, routes: &[DecidedRoute]) -> IngressRouteReport {
    let mut report = IngressRouteReport::default();
    for route in routes {
        let id = route.outcome.form().map(|form| form.id.clone());
        let served = id.as_ref().and_then(|id| config.routes.get(id));
        if let (Some(id), Some(served)) = (&id, served) {
            let hosts = served.matcher.hosts().into_iter().flatten();
            report.hosts.extend(hosts.map(|host| host.as_str().to_owned()));
            let own = served.revision.max(target_revision(config, id, &served.target));
            report.revision = report.revision.max(Some(own));
        }
        let state = match &route.outcome {
            RouteOutcome::Unserved => State::NotServed,
            _ if served.is_none_or(|route| route.entry_points.is_empty()) => State::NotServed,
            RouteOutcome::Current(_) => State::Served,
            RouteOutcome::LastGood(form) => State::LastGood(form.source.generation),
            RouteOutcome::Unavailable(_) => State::Unavailable,
        };
        report.routes.push(RouteReport {
            rule: route.rule.clone(),
            state,
            id,
        });
    }
    report
}

/// The newest revision of a node and of those of its references that belong to it.
fn own_revision(config: &Config, node: &Node) -> u64 {
    let references = node.spec.references().filter_map(|id| config.nodes.get(id));
    let own = references
        .filter(|node| belongs_to_its_referrer(node))
        .map(|node| node.revision);
    own.max().unwrap_or_default().max(node.revision)
}

fn target_revision(config: &Config, route: &RouteId, target: &Target) -> u64 {
    let Target::Node(id) = target else { return 0 };
    match config.nodes.get(id) {
        Some(node) if *id == NodeId::route(route) || belongs_to_its_referrer(node) => {
            own_revision(config, node)
        }
        _ => 0,
    }
}

fn belongs_to_its_referrer(node: &Node) -> bool {
    matches!(node.spec, NodeSpec::Leaf(_) | NodeSpec::Missing(_))
}

/// The nodes of TraefikServices and their references to each other, by index.
struct ServiceGraph<'a> {
    index: BTreeMap<&'a NodeId, usize>,
    nodes: Vec<&'a Node>,
    references: Vec<Vec<usize>>,
    children_first: Vec<usize>,
    own_leaves: Vec<usize>,
}

impl<'a> ServiceGraph<'a> {
    fn new(config: &'a Config) -> Self {
        let is_service =
            |node: &Node| node.source.kind == SourceKind::TraefikService && !belongs_to_its_referrer(node);
        let services = config.nodes.iter().filter(|(_, node)| is_service(node));
        let (ids, nodes): (Vec<_>, Vec<_>) = services.unzip();
        let index: BTreeMap<&NodeId, usize> = ids.into_iter().enumerate().map(|(i, id)| (id, i)).collect();
        let references: Vec<Vec<usize>> = nodes
            .iter()
            .map(|node| {
                node.spec
                    .references()
                    .filter_map(|id| index.get(id).copied())
                    .collect()
            })
            .collect();
        let children_first = children_first(&references);
        let is_leaf = |id: &&NodeId| {
            config
                .nodes
                .get(*id)
                .is_some_and(|node| node.spec.leaf().is_some())
        };
        let own_leaves = nodes
            .iter()
            .map(|node| node.spec.references().filter(is_leaf).count())
            .collect();
        Self {
            index,
            nodes,
            references,
            children_first,
            own_leaves,
        }
    }

    /// References to Services at and below each node; those of shared nodes count once.
    fn leaves(&self) -> Vec<usize> {
        sizes(
            &self.references,
            &self.children_first,
            &self.own_leaves,
            usize::MAX,
        )
    }

    /// The first IngressRoutes that reach each node.
    fn users(&self, config: &Config) -> Vec<BTreeSet<NamespacedName>> {
        let name = |route: &Route| NamespacedName::new(&route.source.namespace, &route.source.name);
        let mut direct: BTreeMap<NamespacedName, BTreeSet<usize>> = BTreeMap::new();
        for route in config.routes.values() {
            let Target::Node(target) = &route.target else {
                continue;
            };
            let below = config
                .nodes
                .get(target)
                .into_iter()
                .flat_map(|node| node.spec.references());
            let named = std::iter::once(target)
                .chain(below)
                .filter_map(|id| self.index.get(id).copied());
            direct.entry(name(route)).or_default().extend(named);
        }
        let mut users: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        for (user, targets) in direct.values().enumerate() {
            for &target in targets {
                users[target].push(user);
                users[target].truncate(MAX_USERS);
            }
        }
        // the first ones of a union are among the first ones of its parts
        for &node in self.children_first.iter().rev() {
            let above = std::mem::take(&mut users[node]);
            for &to in &self.references[node] {
                if users[to] != above {
                    users[to].extend(&above);
                    users[to].sort_unstable();
                    users[to].dedup();
                    users[to].truncate(MAX_USERS);
                }
            }
            users[node] = above;
        }
        let names: Vec<&NamespacedName> = direct.keys().collect();
        let named = |list: Vec<usize>| {
            list.into_iter()
                .filter_map(|user| names.get(user).copied().cloned())
                .collect()
        };
        users.into_iter().map(named).collect()
    }
}
