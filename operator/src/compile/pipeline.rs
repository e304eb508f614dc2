//! The steps of [`super::compile`], in their order.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::{
    document::{
        Config, EndpointSetId, Endpoints, Node, NodeId, NodeSpec, Route, RouteId, SCHEMA, SecretId, Secrets,
        TransportId, validate::validate,
    },
    name::NamespacedName,
    path::FieldPath,
    rule::Matcher,
};

use super::{
    Compilation, Options, Snapshot,
    accept::{Candidate, Served, accept, traefik_service_id},
    effect,
    finding::{Code, Finding, Kind, ObjectId},
    flatten::Flattener,
    form::previous,
    parse::{Sink, is_ours, servers_transport, traefik_service},
    report::{IngressRouteReport, Reports, RouteReport, ServiceReport, State, leaves, used_by},
    resolve::{Resolver, TransportCandidate, Transports},
    revision,
    routes::{DecidedRoute, RouteOutcome, decide},
};

/// What was decided about all objects.
pub(super) struct Decisions {
    pub services: BTreeMap<NamespacedName, Served>,
    pub routes: BTreeMap<NamespacedName, Vec<DecidedRoute>>,
}

pub(super) fn run(snapshot: &Snapshot, options: &Options, previous: &Config) -> Compilation {
    let empty = Config::default();
    // nothing is taken from a previous config that does not hold
    let previous = if validate(previous).is_ok() {
        previous
    } else {
        &empty
    };
    let mut findings = unreadable(snapshot);
    let acceptance = accept(
        candidates(snapshot, options, previous, &mut findings),
        options,
        &mut findings,
    );
    let mut routes = BTreeMap::new();
    for (name, entry) in snapshot
        .ingress_routes
        .iter()
        .filter(|(_, entry)| is_ours(entry, options))
    {
        routes.insert(
            name.clone(),
            decide(name, entry, options, previous, &mut findings),
        );
    }
    let decisions = Decisions {
        services: acceptance.served,
        routes,
    };
    let transports = Transports::new(transport_candidates(snapshot, options, previous, &mut findings));

    let mut resolver = Resolver::new(snapshot, options, &decisions.services, transports);
    let mut flattener = Flattener::new(&mut resolver);
    for (name, served) in &decisions.services {
        if let Some(form) = served.form() {
            flattener.service(&traefik_service_id(name), form);
        }
    }
    for (object, form) in &acceptance.refused {
        flattener.refused_service(object, form);
    }
    for (name, decided) in &decisions.routes {
        let object = ObjectId {
            kind: Kind::IngressRoute,
            name: name.clone(),
        };
        for route in decided {
            if let Some(form) = route.outcome.form() {
                flattener.route(&object, form);
            }
            if let Some(form) = &route.refused {
                flattener.refused_route(&object, form);
            }
        }
    }
    findings.append(&mut flattener.findings);
    let (nodes, routes) = (flattener.nodes, flattener.routes);
    findings.append(&mut resolver.transports.findings);
    let (mut config, endpoints, secrets) = documents(nodes, routes, resolver);
    revision::assign(&mut config, previous);
    let violations = validate(&config).err().unwrap_or_default();
    if !violations.is_empty() {
        config = previous.clone();
    }
    let reports = reports(&config, &decisions);
    conflicts(&config, &mut findings);
    orphans(&reports, &mut findings);
    effect::complete(&mut findings, &decisions, snapshot);
    findings.sort();
    findings.dedup();
    Compilation {
        config,
        endpoints,
        secrets,
        findings,
        reports,
        violations,
    }
}

/// The documents of what is served. References of refused forms were followed as well, so of what was
/// resolved only that is taken which is named.
fn documents(
    nodes: BTreeMap<NodeId, Node>,
    routes: BTreeMap<RouteId, Route>,
    resolver: Resolver<'_>,
) -> (Config, Endpoints, Secrets) {
    let (mut sets, mut secrets, mut transports) = (resolver.sets, resolver.secrets, resolver.transports.used);
    let leaves = || nodes.values().filter_map(|node| node.spec.leaf());
    let named: BTreeSet<&TransportId> = leaves().filter_map(|leaf| leaf.transport.as_ref()).collect();
    transports.retain(|id, _| named.contains(id));
    let named: BTreeSet<&EndpointSetId> = leaves().filter_map(|leaf| leaf.endpoints.as_ref()).collect();
    sets.retain(|id, _| named.contains(id));
    let config = Config {
        nodes,
        revision: 0,
        routes,
        schema: SCHEMA,
        transports,
    };
    let named: BTreeSet<&SecretId> = config.secrets().collect();
    secrets.retain(|id, _| named.contains(id));
    (
        config,
        Endpoints { schema: SCHEMA, sets },
        Secrets {
            entries: secrets,
            schema: SCHEMA,
        },
    )
}

/// Findings on Kubernetes' own objects that could not be read.
fn unreadable(snapshot: &Snapshot) -> Vec<Finding> {
    let finding = |kind, name: &NamespacedName, error: &String, effect: &str| {
        let object = ObjectId {
            kind,
            name: name.clone(),
        };
        Finding::new(object, FieldPath::root(), Code::InvalidSpec, error.clone()).effect(effect)
    };
    let services = snapshot.services.iter().filter_map(|(name, service)| {
        let error = service.as_ref().err()?;
        Some(finding(
            Kind::Service,
            name,
            error,
            "references to the Service are passed over",
        ))
    });
    let slices = snapshot.endpoint_slices.iter().flat_map(|(service, slices)| {
        slices.iter().filter_map(|(slice, content)| {
            let name = NamespacedName::new(&service.namespace, slice);
            Some(finding(
                Kind::EndpointSlice,
                &name,
                content.as_ref().err()?,
                "its endpoints get no requests",
            ))
        })
    });
    services.chain(slices).collect()
}

fn candidates(
    snapshot: &Snapshot,
    options: &Options,
    previous: &Config,
    findings: &mut Vec<Finding>,
) -> Vec<Candidate> {
    let mut candidates = Vec::with_capacity(snapshot.traefik_services.len());
    for (name, entry) in &snapshot.traefik_services {
        let id = traefik_service_id(name);
        let first = findings.len();
        let form = traefik_service(
            &mut Sink {
                options,
                object: &id,
                findings,
            },
            entry,
        );
        let refused = findings[first..].iter().any(Finding::refuses);
        let last_good = previous::service(previous, name, &entry.meta.uid);
        let (current, refused) = if refused { (None, form) } else { (form, None) };
        candidates.push(Candidate {
            id,
            current,
            refused,
            last_good,
        });
    }
    candidates
}

fn transport_candidates(
    snapshot: &Snapshot,
    options: &Options,
    previous: &Config,
    findings: &mut Vec<Finding>,
) -> Vec<TransportCandidate> {
    let mut candidates = Vec::with_capacity(snapshot.servers_transports.len());
    for (name, entry) in &snapshot.servers_transports {
        let id = ObjectId {
            kind: Kind::ServersTransport,
            name: name.clone(),
        };
        let first = findings.len();
        let form = servers_transport(
            &mut Sink {
                options,
                object: &id,
                findings,
            },
            entry,
        );
        let refused = findings[first..].iter().any(Finding::refuses);
        let before = previous
            .transports
            .get(&TransportId::new(name))
            .filter(|t| t.source.uid == entry.meta.uid);
        candidates.push(TransportCandidate {
            id,
            current: form.filter(|_| !refused),
            last_good: before.cloned(),
        });
    }
    candidates
}

fn reports(config: &Config, decisions: &Decisions) -> Reports {
    let mut users = used_by(config);
    let services = decisions.services.iter().map(|(name, served)| {
        let id = NodeId::traefik_service(name);
        let node = config.nodes.get(&id);
        let report = ServiceReport {
            state: match served {
                Served::Current(_) => State::Served,
                Served::LastGood(form) => State::LastGood(form.source.generation),
                Served::Nothing => State::NotServed,
            },
            kind: node.and_then(|node| match node.spec {
                NodeSpec::Weighted(_) => Some("Weighted"),
                NodeSpec::Mirror(_) => Some("Mirroring"),
                NodeSpec::Leaf(_) | NodeSpec::Missing(_) => None,
            }),
            leaves: leaves(config, &id),
            used_by: users.remove(name).unwrap_or_default(),
            // a node and those of its references, which belong to it, sort together
            revision: node.map(|_| own_revision(config, &id)),
        };
        (name.clone(), report)
    });
    let ingress_routes = decisions.routes.iter().map(|(name, routes)| {
        let mut report = IngressRouteReport::default();
        for route in routes {
            let id = route.outcome.form().map(|form| form.id.clone());
            if let Some((id, served)) = id.as_ref().and_then(|id| Some((id, config.routes.get(id)?))) {
                report.hosts.extend(
                    served
                        .matcher
                        .hosts()
                        .into_iter()
                        .flatten()
                        .map(|h| h.as_str().to_owned()),
                );
                let own = served.revision.max(own_revision(config, &NodeId::route(id)));
                report.revision = report.revision.max(Some(own));
            }
            let state = match &route.outcome {
                RouteOutcome::Current(_) => State::Served,
                RouteOutcome::LastGood(form) => State::LastGood(form.source.generation),
                RouteOutcome::Unavailable(_) => State::Unavailable,
                RouteOutcome::Unserved => State::NotServed,
            };
            report.routes.push(RouteReport {
                rule: route.rule.clone(),
                state,
                id,
            });
        }
        (name.clone(), report)
    });
    Reports {
        services: services.collect(),
        ingress_routes: ingress_routes.collect(),
    }
}

/// The newest revision of a node and of the nodes of its references.
fn own_revision(config: &Config, id: &NodeId) -> u64 {
    let mine = |other: &NodeId| {
        let rest = other.as_str().strip_prefix(id.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('>'))
    };
    let from_here = config
        .nodes
        .range(id..)
        .take_while(|(other, _)| other.as_str().starts_with(id.as_str()));
    from_here
        .filter(|(other, _)| mine(other))
        .map(|(_, node)| node.revision)
        .max()
        .unwrap_or_default()
}

/// Routes that can never match, since another one has the same rule and priority at their entry points.
fn conflicts(config: &Config, findings: &mut Vec<Finding>) {
    let mut groups: BTreeMap<(&Matcher, i64), Vec<_>> = BTreeMap::new();
    for (id, route) in &config.routes {
        groups
            .entry((&route.matcher, route.priority))
            .or_default()
            .push((route.precedence(id), route));
    }
    for mut group in groups.into_values().filter(|group| group.len() > 1) {
        group.sort_by_key(|(precedence, _)| *precedence);
        for (i, (_, loser)) in group.iter().enumerate() {
            let shared = |name: &String| loser.entry_points.contains(name);
            let winner = group[..i]
                .iter()
                .find(|(_, winner)| winner.entry_points.iter().any(shared));
            let Some((_, winner)) = winner else { continue };
            let object = |route: &Route| ObjectId {
                kind: Kind::IngressRoute,
                name: NamespacedName::new(&route.source.namespace, &route.source.name),
            };
            let field = |position: u32| {
                FieldPath::root()
                    .key("spec")
                    .key("routes")
                    .index(position as usize)
                    .key("match")
            };
            let message = format!(
                "{}, route {} has the same rule and priority and comes first",
                object(winner),
                winner.position + 1
            );
            findings.push(
                Finding::new(object(loser), field(loser.position), Code::Conflicted, message)
                    .effect("no request reaches this route at the entry points that both have")
                    .help("give one of them another priority, or remove it")
                    .related(object(winner), field(winner.position), "wins"),
            );
        }
    }
}

fn orphans(reports: &Reports, findings: &mut Vec<Finding>) {
    for (name, report) in &reports.services {
        if report.used_by.is_empty() && report.state != State::NotServed {
            findings.push(
                Finding::new(
                    traefik_service_id(name),
                    FieldPath::root(),
                    Code::Orphaned,
                    "no route reaches it",
                )
                .effect("it gets no requests"),
            );
        }
    }
}

impl Decisions {
    /// The route that a field lies in.
    pub fn route(&self, name: &NamespacedName, field: &FieldPath) -> Option<&DecidedRoute> {
        self.routes
            .get(name)?
            .iter()
            .find(|route| field.segments().starts_with(route.field.segments()))
    }
}
