//! Reports out of what was decided and the config that came of it.

use hashbrown::HashMap;
use weir_model::{
    document::{Config, Node, NodeId, RouteId, SourceKind, Target},
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
        let found = graph.index.get(NodeId::traefik_service(name).as_str()).copied();
        let report = ServiceReport {
            state: match served {
                Served::Current(_) => State::Served,
                Served::LastGood(form) => State::LastGood(form.source.generation),
                Served::Nothing => State::NotServed,
            },
            kind: served
                .form()
                .or_else(|| decisions.refused.get(name))
                .map(|form| form.shape.kind()),
            leaves: found.map_or(0, |i| leaves[i]),
            used_by: found.map(|i| std::mem::take(&mut users[i])).unwrap_or_default(),
            revision: found.map(|i| graph.revisions[i]),
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
        let id = route.outcome.form().map(|form| &form.id);
        let served = id.and_then(|id| config.routes.get(id));
        if let (Some(id), Some(served)) = (id, served) {
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
            id: id.cloned(),
        });
    }
    report.hosts.sort_unstable();
    report.hosts.dedup();
    report
}

/// The newest revision of the node that answers a route and of those that belong to it; 0 if that is a
/// TraefikService's.
fn target_revision(config: &Config, route: &RouteId, target: &Target) -> u64 {
    let Target::Node(id) = target else { return 0 };
    if id.owner().is_none() && *id != NodeId::route(route) {
        return 0;
    }
    let own = config.nodes.get(id).map(|node| {
        let references = node.spec.references().filter(|id| id.owner().is_some());
        let revisions = references.filter_map(|id| Some(config.nodes.get(id)?.revision));
        revisions.max().unwrap_or_default().max(node.revision)
    });
    own.unwrap_or_default()
}

/// The nodes of TraefikServices and their references to each other, by index.
struct ServiceGraph<'a> {
    index: HashMap<&'a str, usize>,
    nodes: Vec<&'a Node>,
    references: Vec<Vec<usize>>,
    children_first: Vec<usize>,
    /// How many of its references are to Services.
    own_leaves: Vec<usize>,
    /// The newest revision of a node and of those that belong to it.
    revisions: Vec<u64>,
}

impl<'a> ServiceGraph<'a> {
    fn new(config: &'a Config) -> Self {
        let is_service =
            |id: &NodeId, node: &Node| node.source.kind == SourceKind::TraefikService && id.owner().is_none();
        let services = config.nodes.iter().filter(|(id, node)| is_service(id, node));
        let (ids, nodes): (Vec<&NodeId>, Vec<&Node>) = services.unzip();
        let index: HashMap<&str, usize> = ids
            .into_iter()
            .enumerate()
            .map(|(i, id)| (id.as_str(), i))
            .collect();
        let others = |node: &&Node| {
            let others = node.spec.references().filter(|id| id.owner().is_none());
            others.filter_map(|id| index.get(id.as_str()).copied()).collect()
        };
        let references: Vec<Vec<usize>> = nodes.iter().map(others).collect();
        let mut own_leaves = vec![0; nodes.len()];
        let mut revisions: Vec<u64> = nodes.iter().map(|node| node.revision).collect();
        // those of one owner stand together
        let mut last = None;
        for (id, node) in &config.nodes {
            let Some(owner) = id.owner() else { continue };
            let known = last.filter(|(name, _)| *name == owner);
            last = known.or_else(|| Some((owner, index.get(owner).copied())));
            if let Some((_, Some(i))) = last {
                own_leaves[i] += usize::from(node.spec.leaf().is_some());
                revisions[i] = revisions[i].max(node.revision);
            }
        }
        let children_first = children_first(&references);
        Self {
            index,
            nodes,
            references,
            children_first,
            own_leaves,
            revisions,
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
    fn users(&self, config: &Config) -> Vec<Vec<NamespacedName>> {
        let mut direct: Vec<((&str, &str), usize)> = Vec::with_capacity(config.routes.len());
        for route in config.routes.values() {
            let Target::Node(target) = &route.target else {
                continue;
            };
            let name = (route.source.namespace.as_str(), route.source.name.as_str());
            let place = |id: &NodeId| self.index.get(id.as_str()).copied();
            if let Some(place) = place(target) {
                direct.push((name, place));
            } else if let Some(node) = config.nodes.get(target) {
                // the route's own node, over several services
                direct.extend(
                    node.spec
                        .references()
                        .filter_map(place)
                        .map(|place| (name, place)),
                );
            }
        }
        direct.sort_unstable();
        direct.dedup();
        let mut users: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        let mut names: Vec<(&str, &str)> = Vec::new();
        for (name, target) in direct {
            if names.last() != Some(&name) {
                names.push(name);
            }
            if users[target].len() < MAX_USERS {
                users[target].push(names.len() - 1);
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
        let named = |list: Vec<usize>| {
            list.into_iter()
                .filter_map(|user| names.get(user))
                .map(|(namespace, name)| NamespacedName::new(*namespace, *name))
                .collect()
        };
        users.into_iter().map(named).collect()
    }
}
