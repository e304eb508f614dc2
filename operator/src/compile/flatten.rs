//! Forms into the config: every node once, references by id.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::{
    document::{
        Child, Leaf, Mirror, MirrorTarget, Missing, Node, NodeId, NodeSpec, Route, RouteId, RouteTls,
        SecretId, Source, Target, Weighted,
    },
    path::FieldPath,
    weight::Weight,
};

use super::{
    finding::{Code, Finding, ObjectId, Standing},
    form::{
        LeafForm, PROVIDER, RefTarget, Reference, RouteForm, RouteTarget, ServiceForm, Shape, Tls,
        traefik_service_name,
    },
    resolve::{Problem, Resolver, nothing_left},
};

/// Whose references are followed.
struct Owner<'a> {
    object: &'a ObjectId,
    node: NodeId,
    source: &'a Source,
    /// Ids that were given to its references already.
    taken: BTreeMap<NodeId, usize>,
}

/// A reference that was followed.
struct Followed<'a> {
    reference: &'a Reference,
    node: NodeId,
    problems: Vec<Problem>,
}

impl Followed<'_> {
    /// Whether requests can take this way, as far as it can be told without its endpoints' health.
    fn leads_on(&self) -> bool {
        self.problems.iter().all(|problem| problem.harmless)
    }
}

/// Gathers nodes and routes. Revisions are filled in later.
pub(super) struct Flattener<'a, 'b> {
    pub resolver: &'b mut Resolver<'a>,
    pub nodes: BTreeMap<NodeId, Node>,
    pub routes: BTreeMap<RouteId, Route>,
    pub findings: Vec<Finding>,
    /// TraefikServices through which no request gets anywhere.
    dead: BTreeSet<NodeId>,
    /// The certificate that was asked for last: all routes of an object ask for the same one.
    certificate: Option<(SecretId, Result<(), Problem>)>,
}

const GETS_503: &str = "requests get 503 `no available server`";
const LEADS_NOWHERE: &str = "nothing is left: who refers to the TraefikService passes it over, and a route to it answers 503 `no available server`";
const PASSED_OVER: &str = "it is passed over; its siblings share its requests by their weights";
const NO_COPIES: &str = "no copies are sent there; the main service is not affected";

impl<'a, 'b> Flattener<'a, 'b> {
    pub fn new(resolver: &'b mut Resolver<'a>) -> Self {
        Self {
            resolver,
            nodes: BTreeMap::new(),
            routes: BTreeMap::new(),
            findings: Vec::new(),
            dead: BTreeSet::new(),
            certificate: None,
        }
    }

    /// Adds the node of a TraefikService and those of its references. Those that it refers to come before.
    pub fn service(&mut self, object: &ObjectId, form: &ServiceForm) {
        let node = NodeId::traefik_service(&object.name);
        let mut owner = Owner {
            object,
            node,
            source: &form.source,
            taken: BTreeMap::new(),
        };
        let (spec, leads_on) = self.shape(&mut owner, &form.shape, LEADS_NOWHERE);
        if !leads_on {
            self.dead.insert(owner.node.clone());
        }
        let label = traefik_service_name(&object.name) + PROVIDER;
        self.nodes.insert(
            owner.node,
            Node {
                label,
                revision: 0,
                source: form.source.clone(),
                spec,
            },
        );
    }

    /// Follows the references of a form that is not served, for what there is to say about them.
    pub fn refused_service(&mut self, object: &ObjectId, form: &ServiceForm) {
        self.refused(object, &form.source, form.shape.references());
    }

    /// Follows the references of a route that is not served, for what there is to say about them.
    pub fn refused_route(&mut self, object: &ObjectId, form: &RouteForm) {
        self.refused(object, &form.source, form.target.references());
    }

    fn refused<'r>(
        &mut self,
        object: &ObjectId,
        source: &Source,
        references: impl Iterator<Item = &'r Reference>,
    ) {
        let node = NodeId::traefik_service(&object.name);
        let mut owner = Owner {
            object,
            node,
            source,
            taken: BTreeMap::new(),
        };
        let nodes = std::mem::take(&mut self.nodes);
        for reference in references {
            let mut followed = self.follow(&mut owner, reference);
            // what has no endpoints or no effect matters once the form is served
            // and what is refused itself says so
            followed.problems.retain(|problem| {
                problem.code.standing() == Standing::ResolvedRefs && problem.code != Code::DependencyInvalid
            });
            // the effect is that of the refusal
            self.report(&owner, &followed, "");
        }
        self.nodes = nodes;
    }

    /// Adds a route and the nodes of its references; `is_current`: as it is written, not as it was accepted
    /// before.
    pub fn route(&mut self, object: &ObjectId, form: &RouteForm, is_current: bool) {
        let node = NodeId::route(&form.id);
        let mut owner = Owner {
            object,
            node,
            source: &form.source,
            taken: BTreeMap::new(),
        };
        let tls = self.tls(&owner, &form.tls, is_current);
        let target = match &form.target {
            RouteTarget::Unavailable(reason) => Target::Unavailable(reason.clone()),
            RouteTarget::One(reference) => {
                let followed = self.follow(&mut owner, reference);
                self.report(&owner, &followed, GETS_503);
                Target::Node(followed.node)
            }
            RouteTarget::Several(children) => {
                let (spec, _) = self.weighted(&mut owner, children, None, GETS_503);
                let node = Node {
                    label: form.label.clone(),
                    revision: 0,
                    source: form.source.clone(),
                    spec,
                };
                self.nodes.insert(owner.node.clone(), node);
                Target::Node(owner.node)
            }
        };
        let options = self.resolver.options;
        let serves = |name: &String| {
            options
                .entry_points
                .iter()
                .any(|e| e.name == *name && (e.tls || tls.is_none()))
        };
        let route = Route {
            created: form.created.clone(),
            entry_points: form
                .entry_points
                .iter()
                .filter(|name| serves(name))
                .cloned()
                .collect(),
            label: form.label.clone(),
            matcher: form.matcher.clone(),
            position: form.position,
            priority: form.priority,
            revision: 0,
            rule_length: form.rule_length,
            source: form.source.clone(),
            target,
            tls,
        };
        self.routes.insert(form.id.clone(), route);
    }

    fn tls(&mut self, owner: &Owner<'_>, tls: &Tls, is_current: bool) -> Option<RouteTls> {
        let name = match tls {
            Tls::Any => return None,
            Tls::Default => return Some(RouteTls::default()),
            Tls::Secret(name) => name,
        };
        let id = SecretId::secret(name);
        let known = self.certificate.take().filter(|(of, _)| *of == id);
        let (id, found) = known.unwrap_or_else(|| {
            let found = self.resolver.certificate(&id, "secretName");
            (id, found)
        });
        if let Err(problem) = &found {
            let field = spec().key("tls").key(problem.key);
            let (field, message) = place(owner, is_current.then_some(field), &problem.message);
            // every route of the object says the same, which is sorted out with other doubles
            self.findings.push(
                Finding::new(owner.object.clone(), field, problem.code, message)
                    .maybe_help(problem.help.clone())
                    .effect("the routes are served with the default certificate, which clients do not trust"),
            );
        }
        let certificate = found.is_ok().then(|| id.clone());
        self.certificate = Some((id, found));
        Some(RouteTls {
            certificate,
            secret: Some(name.name.clone()),
        })
    }

    /// What a shape becomes, and whether a request gets anywhere through it.
    fn shape(&mut self, owner: &mut Owner<'_>, shape: &Shape, nothing_left: &str) -> (NodeSpec, bool) {
        match shape {
            Shape::Weighted { children, sticky } => {
                self.weighted(owner, children, sticky.clone(), nothing_left)
            }
            Shape::Mirror {
                main,
                mirrors,
                max_body_size,
                mirror_body,
            } => {
                let main = self.follow(owner, main);
                self.report(owner, &main, nothing_left);
                let mirrors = mirrors.iter().map(|(reference, percent)| {
                    let followed = self.follow(owner, reference);
                    self.report(owner, &followed, NO_COPIES);
                    MirrorTarget {
                        node: followed.node,
                        percent: *percent,
                    }
                });
                let mirrors = mirrors.collect();
                let leads_on = main.leads_on();
                let mirror = Mirror {
                    main: main.node,
                    max_body_size: *max_body_size,
                    mirror_body: *mirror_body,
                    mirrors,
                };
                (NodeSpec::Mirror(mirror), leads_on)
            }
        }
    }

    fn weighted(
        &mut self,
        owner: &mut Owner<'_>,
        children: &[(Reference, Weight)],
        sticky: Option<weir_model::document::StickyCookie>,
        nothing_left: &str,
    ) -> (NodeSpec, bool) {
        let followed: Vec<(Followed<'_>, Weight)> = children
            .iter()
            .map(|(reference, weight)| (self.follow(owner, reference), *weight))
            .collect();
        let some_left = followed
            .iter()
            .any(|(f, weight)| weight.get() > 0 && f.leads_on());
        let mut identities = BTreeSet::new();
        let mut list = Vec::with_capacity(followed.len());
        for (followed, weight) in followed {
            self.report(
                owner,
                &followed,
                if some_left { PASSED_OVER } else { nothing_left },
            );
            let name = followed.reference.traefik_name();
            let identity = distinct(&name, &mut identities);
            if sticky.is_some() && identity != name {
                let message = format!("two children are called {name:?} in Traefik");
                self.findings.push(
                    Finding::new(
                        owner.object.clone(),
                        followed.reference.field.clone(),
                        Code::StickyAmbiguous,
                        message,
                    )
                    .effect(format!(
                        "clients are kept here by a cookie for {identity:?}, which Traefik does not know"
                    )),
                );
            }
            list.push(Child {
                identity,
                node: followed.node,
                weight,
            });
        }
        let weighted = Weighted {
            children: list,
            sticky,
        };
        (NodeSpec::Weighted(weighted), some_left)
    }

    /// Follows a reference to its node, which is added if it belongs to the owner.
    fn follow<'r>(&mut self, owner: &mut Owner<'_>, reference: &'r Reference) -> Followed<'r> {
        let from = owner.object.name.namespace.as_str();
        match &reference.to {
            RefTarget::TraefikService(name) => match self.resolver.traefik_service(from, name) {
                Ok(node) => {
                    let dead = self.dead.contains(&node).then(|| nothing_left(name));
                    Followed {
                        reference,
                        node,
                        problems: dead.into_iter().collect(),
                    }
                }
                Err(problem) => {
                    let node = owner.node.missing(name);
                    let spec = NodeSpec::Missing(Missing {
                        name: name.name.clone(),
                        namespace: name.namespace.clone(),
                    });
                    let label = traefik_service_name(name) + PROVIDER;
                    self.nodes.insert(
                        node.clone(),
                        Node {
                            label,
                            revision: 0,
                            source: owner.source.clone(),
                            spec,
                        },
                    );
                    Followed {
                        reference,
                        node,
                        problems: vec![problem],
                    }
                }
            },
            RefTarget::Service(leaf) => {
                let base = owner.node.service_reference(&leaf.reference);
                let nth = owner
                    .taken
                    .entry(base.clone())
                    .and_modify(|n| *n += 1)
                    .or_insert(1);
                let node = base.repeat(*nth);
                let problems = self.leaf(owner.source, from, node.clone(), leaf);
                Followed {
                    reference,
                    node,
                    problems,
                }
            }
        }
    }

    fn leaf(&mut self, source: &Source, from: &str, id: NodeId, form: &LeafForm) -> Vec<Problem> {
        let (resolved, problems) = self.resolver.leaf(from, form);
        let leaf = Leaf {
            endpoints: resolved.endpoints,
            flush_interval: form.flush_interval,
            health_check: form.health_check.clone(),
            pass_host_header: form.pass_host_header,
            reference: form.reference.clone(),
            scheme: resolved.scheme,
            sticky: form.sticky.clone(),
            transport: resolved.transport,
        };
        let spec = NodeSpec::Leaf(Box::new(leaf));
        self.nodes.insert(
            id,
            Node {
                label: form.label.clone(),
                revision: 0,
                source: source.clone(),
                spec,
            },
        );
        problems
    }

    /// Says what is wrong with a reference, and what that does.
    fn report(&mut self, owner: &Owner<'_>, followed: &Followed<'_>, effect: &str) {
        let reference = followed.reference;
        for problem in &followed.problems {
            // a form from the previous config stands in no manifest
            let field = (!reference.field.is_root()).then(|| reference.field.key(problem.key));
            let (field, message) = place(owner, field, &problem.message);
            let effect = if problem.harmless {
                "traffic flows as if the field were not there"
            } else {
                effect
            };
            self.findings.push(
                Finding::new(owner.object.clone(), field, problem.code, message)
                    .maybe_help(problem.help.clone())
                    .effect(effect),
            );
        }
    }
}

/// Where to say something: at its field or, of a form that was accepted before, at the object's `spec`.
fn place(owner: &Owner<'_>, field: Option<FieldPath>, message: &str) -> (FieldPath, String) {
    match (field, owner.source.generation) {
        (Some(field), _) => (field, message.to_owned()),
        // offline there are no generations
        (None, 0) => (spec(), format!("in what was accepted before: {message}")),
        (None, generation) => (
            spec(),
            format!("in the last accepted generation {generation}: {message}"),
        ),
    }
}

fn spec() -> FieldPath {
    FieldPath::root().key("spec")
}

/// `name`, or `name~2` and so on where it is taken.
fn distinct(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut identity = name.to_owned();
    let mut nth = 1;
    while taken.contains(&identity) {
        nth += 1;
        identity = format!("{name}~{nth}");
    }
    taken.insert(identity.clone());
    identity
}
