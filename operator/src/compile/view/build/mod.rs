//! Nodes and edges out of the forms as written, and what the compilation says of them.

mod targets;

use std::collections::BTreeMap;

use weir_model::{crd::TraefikServiceSpec, document::NodeId, name::NamespacedName, path::FieldPath};

use super::{
    Edge, Node, NodeKind, Problem, Role, State, View,
    reasons::{Reasons, of_target},
    share::{mark_cycles, share_out},
    usable::Usable,
};
use crate::compile::{
    Compilation, Options, Snapshot,
    accept::{permitted, traefik_service_id},
    finding::{Code, Kind, ObjectId},
    form::{RefTarget, Reference, RouteForm, RouteTarget, ServiceForm, Shape, previous},
    input::{Entry, IngressRouteInput},
    parse::{ParsedRoute, Sink, ingress_route, is_ours, traefik_service},
    report::{self, RouteReport},
};

/// The graph without roots and what they send.
pub(super) fn build(snapshot: &Snapshot, options: &Options, compilation: &Compilation) -> View {
    let (config, endpoints) = (&compilation.config, &compilation.endpoints);
    let mut builder = Builder {
        snapshot,
        options,
        compilation,
        reasons: Reasons(&compilation.findings),
        usable: Usable::new(config, endpoints, snapshot.endpoints_known),
        nodes: BTreeMap::new(),
        edges: Vec::new(),
    };
    for (name, entry) in snapshot
        .ingress_routes
        .iter()
        .filter(|(_, entry)| is_ours(entry, options))
    {
        builder.ingress_route(name, entry);
    }
    for (name, entry) in &snapshot.traefik_services {
        builder.traefik_service(name, entry);
    }
    builder.finish()
}

struct Builder<'a> {
    snapshot: &'a Snapshot,
    options: &'a Options,
    compilation: &'a Compilation,
    reasons: Reasons<'a>,
    usable: Usable<'a>,
    nodes: BTreeMap<String, Node>,
    edges: Vec<Draft>,
}

/// An edge between ids.
struct Draft {
    from: String,
    to: String,
    edge: Edge,
}

/// Whose references are followed.
struct Owner<'a> {
    /// The id in the view.
    id: String,
    object: &'a ObjectId,
    /// The id in the config.
    node: NodeId,
    /// Whether the form whose references are followed is the one that is served.
    served: bool,
    /// Ids in the config that were given to its references already.
    taken: BTreeMap<NodeId, usize>,
}

impl Builder<'_> {
    fn ingress_route(&mut self, name: &NamespacedName, entry: &Entry<IngressRouteInput>) {
        let compilation = self.compilation;
        let object = ObjectId {
            kind: Kind::IngressRoute,
            name: name.clone(),
        };
        let mut sink = Sink {
            options: self.options,
            object: &object,
            findings: &mut Vec::new(),
        };
        let parsed = ingress_route(&mut sink, entry);
        let reports = compilation.reports.ingress_routes.get(name);
        let reports = reports.map_or([].as_slice(), |report| &report.routes);
        let mut accepted = previous::routes(&compilation.config, name, &entry.meta.uid);
        let several = parsed.len().max(reports.len()) > 1;
        // an object that cannot be read at all has no routes of its own, only those that are served
        let written = parsed
            .into_iter()
            .map(Some)
            .chain(std::iter::repeat_with(|| None));
        for (position, (report, written)) in reports.iter().zip(written).enumerate() {
            let accepted = report.id.as_ref().and_then(|id| accepted.remove(id));
            let place = Place {
                object: &object,
                position,
                several,
            };
            self.route(&place, report, written, accepted);
        }
    }

    fn route(
        &mut self,
        place: &Place<'_>,
        report: &RouteReport,
        written: Option<ParsedRoute>,
        accepted: Option<RouteForm>,
    ) {
        let Some(served_id) = written
            .as_ref()
            .map(|w| w.id.clone())
            .or_else(|| report.id.clone())
        else {
            return;
        };
        let id = served_id.as_str().to_owned();
        let problems = match (report.state, &written) {
            (report::State::Served, _) => Vec::new(),
            (_, None) => self.reasons.refusals(place.object, &FieldPath::root()),
            (_, Some(route)) => {
                let mut own = self.reasons.refusals(place.object, &route.field);
                own.extend(self.reasons.refusals_above_routes(place.object));
                own
            }
        };
        let rule = match (&written, &accepted) {
            (None, Some(form)) => form.matcher.to_string(),
            _ => report.rule.clone(),
        };
        let readable = |target: &RouteTarget| !matches!(target, RouteTarget::Unavailable(_));
        let written = written
            .and_then(|route| route.form)
            .map(|form| form.target)
            .filter(readable);
        let (state, served) = match report.state {
            report::State::Served => (State::Served, true),
            report::State::LastGood(generation) => (State::LastGood(generation), written.is_none()),
            report::State::Unavailable | report::State::NotServed => (State::Refused, false),
        };
        let node = Node {
            id: id.clone(),
            kind: NodeKind::Route {
                position: place.position,
                several: place.several,
                rule,
            },
            name: place.object.name.clone(),
            state,
            problems,
            endpoints: None,
        };
        self.nodes.insert(id.clone(), node);
        let node = NodeId::route(report.id.as_ref().unwrap_or(&served_id));
        let owner = Owner {
            id,
            object: place.object,
            node,
            served,
            taken: BTreeMap::new(),
        };
        match written.or_else(|| accepted.filter(|_| served).map(|form| form.target)) {
            Some(RouteTarget::One(reference)) => self.references(owner, [(&reference, Role::Route)]),
            Some(RouteTarget::Several(children)) => {
                self.references(owner, children.iter().map(|(r, w)| (r, weighted(w.get()))));
            }
            Some(RouteTarget::Unavailable(_)) | None => {}
        }
    }

    fn traefik_service(&mut self, name: &NamespacedName, entry: &Entry<TraefikServiceSpec>) {
        let object = traefik_service_id(name);
        let mut sink = Sink {
            options: self.options,
            object: &object,
            findings: &mut Vec::new(),
        };
        let written = traefik_service(&mut sink, entry);
        let node = NodeId::traefik_service(name);
        let report = self.compilation.reports.services.get(name);
        let (state, served) = match report.map(|report| report.state) {
            Some(report::State::Served) => (State::Served, true),
            Some(report::State::LastGood(generation)) => (State::LastGood(generation), written.is_none()),
            _ => (State::Refused, false),
        };
        let accepted = || previous::service(&self.compilation.config, name, &entry.meta.uid);
        let form: Option<ServiceForm> = written.or_else(|| accepted().filter(|_| served));
        let shape = form.map(|form| form.shape);
        let mirroring = matches!(shape, Some(Shape::Mirror { .. }));
        let id = node.as_str().to_owned();
        let problems = match state {
            State::Served => Vec::new(),
            _ => self.reasons.refusals(&object, &FieldPath::root()),
        };
        let view = Node {
            id: id.clone(),
            kind: NodeKind::TraefikService { mirroring },
            name: name.clone(),
            state,
            problems,
            endpoints: None,
        };
        self.nodes.insert(id.clone(), view);
        let owner = Owner {
            id,
            object: &object,
            node,
            served,
            taken: BTreeMap::new(),
        };
        match &shape {
            Some(Shape::Weighted { children, .. }) => {
                self.references(owner, children.iter().map(|(r, w)| (r, weighted(w.get()))));
            }
            Some(Shape::Mirror { main, mirrors, .. }) => {
                let mirrors = mirrors.iter().map(|(r, percent)| (r, Role::Mirror(*percent)));
                self.references(owner, std::iter::once((&**main, Role::Main)).chain(mirrors));
            }
            None => {}
        }
    }

    /// Adds the edges of one node. References come in the order in which the compiler follows them.
    fn references<'r>(
        &mut self,
        mut owner: Owner<'_>,
        references: impl IntoIterator<Item = (&'r Reference, Role)>,
    ) {
        let (ends, mut edges): (Vec<String>, Vec<Edge>) = references
            .into_iter()
            .map(|(reference, role)| self.follow(&mut owner, reference, role))
            .unzip();
        if owner.served {
            share_out(&mut edges);
        }
        let drafts = ends.into_iter().zip(edges).map(|(to, edge)| Draft {
            from: owner.id.clone(),
            to,
            edge,
        });
        self.edges.extend(drafts);
    }

    /// The id of what is referred to, whose node is added unless it is there, and the edge, whose ends are
    /// not known yet.
    fn follow(&mut self, owner: &mut Owner<'_>, reference: &Reference, role: Role) -> (String, Edge) {
        let found = self.reasons.of_reference(owner.object, &reference.field);
        let (to, usable, target) = match &reference.to {
            RefTarget::TraefikService(name) => {
                let node = NodeId::traefik_service(name);
                self.missing_service(name, &node, &found);
                (
                    node.as_str().to_owned(),
                    self.usable.contains(&node),
                    name.clone(),
                )
            }
            RefTarget::Service(leaf) => {
                let name = NamespacedName::new(&leaf.reference.namespace, &leaf.reference.name);
                let (to, usable) = self.leaf(owner, leaf, &name, &found);
                (to, usable, name)
            }
        };
        let permitted = permitted(&owner.object.name.namespace, &target, self.options);
        let mut problems: Vec<Problem> = found.into_iter().filter(|p| !of_target(p.code)).collect();
        if !permitted && problems.is_empty() {
            problems.push(Problem {
                code: Code::RefNotPermitted,
                message: format!("{target} is in another namespace"),
            });
        }
        let edge = Edge {
            from: 0,
            to: 0,
            role,
            cycle: false,
            skipped: owner.served && !(usable && permitted),
            share: None,
            effective: None,
            problems,
        };
        (to, edge)
    }

    fn finish(self) -> View {
        let Self { nodes, edges, .. } = self;
        let index: BTreeMap<&str, usize> = nodes.keys().map(String::as_str).zip(0..).collect();
        // both ends were added together with the edge
        let place = |id: &str| index.get(id).copied();
        let placed = edges.into_iter().filter_map(|Draft { from, to, edge }| {
            Some(Edge {
                from: place(&from)?,
                to: place(&to)?,
                ..edge
            })
        });
        let mut edges: Vec<Edge> = placed.collect();
        edges.sort_by_key(|edge| edge.from);
        mark_cycles(nodes.len(), &mut edges);
        View {
            nodes: nodes.into_values().collect(),
            edges,
            roots: Vec::new(),
        }
    }
}

/// Which route of an IngressRoute.
struct Place<'a> {
    object: &'a ObjectId,
    position: usize,
    several: bool,
}

fn weighted(weight: u32) -> Role {
    Role::Weighted { weight, of: None }
}
