//! The steps of [`super::compile`], in their order.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use hashbrown::HashSet;
use weir_model::{
    document::{
        Config, EndpointSetId, Endpoints, Node, NodeId, Route, RouteId, SCHEMA, SecretId, Secrets,
        TransportId, validate::validate,
    },
    name::NamespacedName,
    path::FieldPath,
};

use super::{
    Compilation, Options, Snapshot,
    accept::{Candidate, Served, accept, traefik_service_id},
    both::{both, discard},
    effect,
    finding::{Code, Finding, Kind, ObjectId},
    flatten::Flattener,
    form::ServiceForm,
    gather::reports,
    notices,
    parse::{Sink, is_ours, servers_transport, traefik_service},
    resolve::{Resolver, TransportCandidate, Transports},
    revision,
    routes::{DecidedRoute, RouteOutcome, decide},
};

/// What was decided about all objects.
pub(super) struct Decisions {
    pub services: BTreeMap<NamespacedName, Served>,
    /// Forms of services that are written and not served.
    pub refused: BTreeMap<NamespacedName, ServiceForm>,
    pub routes: BTreeMap<NamespacedName, Vec<DecidedRoute>>,
}

pub(super) fn run(snapshot: &Snapshot, options: &Options, previous: &Config) -> Compilation {
    let compilation = run_after(snapshot, options, previous);
    // nothing is taken from a previous config that does not hold, where that makes a difference
    if compilation.violations.is_empty() || validate(previous).is_ok() {
        compilation
    } else {
        run_after(snapshot, options, &Config::default())
    }
}

fn run_after(snapshot: &Snapshot, options: &Options, previous: &Config) -> Compilation {
    let mut findings = unreadable(snapshot);
    let objects = snapshot.traefik_services.len() + snapshot.ingress_routes.len();
    let (acceptance, (routes, mut more)) = both(
        objects,
        || {
            let candidates = candidates(snapshot, options, &mut findings);
            accept(candidates, options, previous, &mut findings)
        },
        || decided_routes(snapshot, options, previous),
    );
    findings.append(&mut more);
    let decisions = Decisions {
        services: acceptance.served,
        refused: acceptance.refused,
        routes,
    };
    let transports = Transports::new(transport_candidates(snapshot, options, previous, &mut findings));

    let mut resolver = Resolver::new(snapshot, options, &decisions.services, transports);
    let mut flattener = Flattener::new(&mut resolver);
    for name in &acceptance.children_first {
        if let Some(form) = decisions.services.get(name).and_then(Served::form) {
            flattener.service(&traefik_service_id(name), form);
        }
    }
    for (name, form) in &decisions.refused {
        flattener.refused_service(&traefik_service_id(name), form);
    }
    for (name, decided) in &decisions.routes {
        let object = ObjectId {
            kind: Kind::IngressRoute,
            name: name.clone(),
        };
        for route in decided {
            if let Some(form) = route.outcome.form() {
                let is_current = !matches!(route.outcome, RouteOutcome::LastGood(_));
                flattener.route(&object, form, is_current);
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
    let look = |config: &Config| {
        both(
            objects,
            || reports(config, &decisions),
            || {
                let violations = validate(config).err().unwrap_or_default();
                let mut conflicts = Vec::new();
                notices::conflicts(config, &decisions, &mut conflicts);
                (violations, conflicts)
            },
        )
    };
    let (mut reports, (violations, mut conflicts)) = look(&config);
    if !violations.is_empty() {
        config = previous.clone();
        (reports, (_, conflicts)) = look(&config);
    }
    findings.append(&mut conflicts);
    notices::orphans(&reports, &mut findings);
    effect::complete(&mut findings, &decisions, &config);
    discard(objects, decisions);
    findings.sort();
    findings.dedup();
    Compilation {
        config: Arc::new(config),
        endpoints: Arc::new(endpoints),
        secrets: Arc::new(secrets),
        findings,
        reports,
        violations,
    }
}

/// The routes of all IngressRoutes of ours, and what there is to say about them.
fn decided_routes(
    snapshot: &Snapshot,
    options: &Options,
    previous: &Config,
) -> (BTreeMap<NamespacedName, Vec<DecidedRoute>>, Vec<Finding>) {
    let mut findings = Vec::new();
    let ours = snapshot.ingress_routes.iter();
    let ours = ours.filter(|(_, entry)| is_ours(entry, options));
    let decided = ours.map(|(name, entry)| {
        (
            name.clone(),
            decide(name, entry, options, previous, &mut findings),
        )
    });
    (decided.collect(), findings)
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
    let named: HashSet<&EndpointSetId> = leaves().filter_map(|leaf| leaf.endpoints.as_ref()).collect();
    sets.retain(|id, _| named.contains(id));
    drop(named);
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
        let message = format!("it cannot be read: {error}");
        Finding::new(object, FieldPath::root(), Code::InvalidSpec, message).effect(effect)
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

fn candidates<'a>(
    snapshot: &'a Snapshot,
    options: &Options,
    findings: &mut Vec<Finding>,
) -> Vec<Candidate<'a>> {
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
        let (current, refused) = if refused { (None, form) } else { (form, None) };
        candidates.push(Candidate {
            id,
            uid: &entry.meta.uid,
            current,
            refused,
            last_good: None,
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

impl Decisions {
    /// The route that a field lies in.
    pub fn route(&self, name: &NamespacedName, field: &FieldPath) -> Option<&DecidedRoute> {
        self.routes
            .get(name)?
            .iter()
            .find(|route| field.segments().starts_with(route.field.segments()))
    }
}
