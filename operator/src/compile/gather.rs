//! Reports out of what was decided and the config that came of it.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::{
    document::{Config, Node, NodeId, NodeSpec, RouteId, SourceKind, Target},
    name::NamespacedName,
};

use super::{
    accept::Served,
    pipeline::Decisions,
    report::{IngressRouteReport, MAX_USERS, Reports, RouteReport, ServiceReport, State},
    routes::{DecidedRoute, RouteOutcome},
};

/// What became of each object.
pub(super) fn reports(config: &Config, decisions: &Decisions) -> Reports {
    let graph = ServiceGraph::new(config);
    let mut users = graph.users(config);
    let mut visit = Visit::new(graph.nodes.len());
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
            leaves: found.map_or(0, |i| graph.leaves(i, &mut visit)),
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
    own_leaves: Vec<usize>,
}

/// Which nodes one search has seen.
struct Visit {
    seen: Vec<usize>,
    search: usize,
}

impl Visit {
    fn new(nodes: usize) -> Self {
        Self {
            seen: vec![0; nodes],
            search: 0,
        }
    }
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
            own_leaves,
        }
    }

    /// Calls `each` for all that can be reached from `start`, which may have been seen in this search.
    fn walk(&self, start: usize, visit: &mut Visit, mut each: impl FnMut(usize)) {
        let mut open = vec![start];
        while let Some(i) = open.pop() {
            if visit.seen[i] != visit.search {
                visit.seen[i] = visit.search;
                each(i);
                open.extend(&self.references[i]);
            }
        }
    }

    /// References to Services at and below a node; shared nodes count once.
    fn leaves(&self, start: usize, visit: &mut Visit) -> usize {
        visit.search += 1;
        let mut leaves = 0;
        self.walk(start, visit, |i| leaves += self.own_leaves[i]);
        leaves
    }

    /// The first IngressRoutes that reach each node.
    fn users(&self, config: &Config) -> Vec<BTreeSet<NamespacedName>> {
        let mut users = vec![BTreeSet::new(); self.nodes.len()];
        let mut visit = Visit::new(self.nodes.len());
        let mut user = NamespacedName::new("", "");
        // routes of one IngressRoute stand together
        for route in config.routes.values() {
            if (&user.namespace, &user.name) != (&route.source.namespace, &route.source.name) {
                user = NamespacedName::new(&route.source.namespace, &route.source.name);
                visit.search += 1;
            }
            let Target::Node(target) = &route.target else {
                continue;
            };
            let below = config
                .nodes
                .get(target)
                .into_iter()
                .flat_map(|node| node.spec.references());
            for start in std::iter::once(target)
                .chain(below)
                .filter_map(|id| self.index.get(id))
            {
                self.walk(*start, &mut visit, |i| {
                    if users[i].len() < MAX_USERS {
                        users[i].insert(user.clone());
                    }
                });
            }
        }
        users
    }
}
