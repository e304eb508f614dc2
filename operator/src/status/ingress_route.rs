//! The status of an IngressRoute, with what became of each of its routes.

use serde_json::{Value, json};
use weir_model::{
    crd::RouteStatus,
    document::{Config, Node, NodeId, NodeSpec, Route, SourceKind, Target},
    path::FieldPath,
};

use super::{
    DesiredStatus, View,
    catalogue::PARTIALLY_INVALID,
    condition::{Condition, reason},
    programmed::{Served, decide},
    text::{Limits, cut, lines, list, names},
};
use crate::compile::{
    finding::{Finding, ObjectId, Severity},
    input::Meta,
    report::{IngressRouteReport, RouteReport, State},
};

/// Fields of the status beside the conditions.
pub(super) const DETAILS: [&str; 2] = ["hosts", "routes"];

/// Hosts that the list of objects shows.
const HOSTS_SHOWN: usize = 16;
/// Services of a route that are named.
const SERVICES_SHOWN: usize = 5;
/// Bytes of a rule in a message.
const RULE_SHOWN: usize = 120;
/// Bytes of rules and messages of all routes together; Kubernetes keeps objects of 1.5 MiB, and the rules
/// are in `spec` already.
const ROUTES_BYTES: usize = 128 << 10;

pub(super) fn status(
    view: &View<'_>,
    object: &ObjectId,
    meta: &Meta,
    report: &IngressRouteReport,
) -> DesiredStatus {
    let config = &view.compilation.config;
    let findings = view.findings(object);
    let current = |route: &RouteReport| {
        let source = route
            .id
            .as_ref()
            .and_then(|id| Some(&config.routes.get(id)?.source));
        route.state != State::Served
            || source.is_some_and(|s| s.generation == meta.generation && s.uid == meta.uid)
    };
    let mut status = view.status(object, meta);
    let in_config = report.routes.iter().all(current);
    status.programmed = Some(decide(view, object, served(report), in_config));
    status.further.splice(0..0, partially_invalid(report, findings));
    let [hosts, routes] = DETAILS;
    let shown = names(report.hosts.iter(), HOSTS_SHOWN);
    status.details = [
        (
            hosts,
            if shown.is_empty() {
                Value::Null
            } else {
                Value::from(shown)
            },
        ),
        (routes, json!(route_statuses(config, report, findings))),
    ]
    .into();
    status
}

fn served(report: &IngressRouteReport) -> Served {
    let any = |state: fn(&State) -> bool| report.routes.iter().any(|route| state(&route.state));
    if any(|state| matches!(state, State::LastGood(_))) {
        let fallen_back = report
            .routes
            .iter()
            .enumerate()
            .filter(|(_, r)| matches!(r.state, State::LastGood(_)));
        return Served::LastGood(outcomes(fallen_back.collect()));
    }
    if any(|state| *state == State::Served) {
        return Served::AsWritten(report.revision);
    }
    Served::Nothing(if any(|state| *state == State::Unavailable) {
        "nothing of it is accepted, nor was before: requests that match its routes get 503".to_owned()
    } else {
        "nothing of it is served".to_owned()
    })
}

/// While some routes are served and some are not as written. Its message starts as the Gateway API wants it
/// for its condition of the same name.
fn partially_invalid(report: &IngressRouteReport, findings: &[&Finding]) -> Option<Condition> {
    let takes_effect = |route: &RouteReport| matches!(route.state, State::Served | State::LastGood(_));
    let amiss: Vec<_> = report
        .routes
        .iter()
        .enumerate()
        .filter(|(_, r)| r.state != State::Served)
        .collect();
    if amiss.is_empty() || !report.routes.iter().any(takes_effect) {
        return None;
    }
    let refusing: Vec<&Finding> = findings.iter().copied().filter(|f| f.refuses()).collect();
    let reason = reason(&refusing).unwrap_or(PARTIALLY_INVALID);
    Some(Condition::holds(PARTIALLY_INVALID, reason, outcomes(amiss)))
}

/// What became of routes that are not served as written, one a line.
fn outcomes(routes: Vec<(usize, &RouteReport)>) -> String {
    let line = |(position, route): (usize, &RouteReport)| {
        let name = if route.rule.is_empty() {
            format!("route {}", position + 1)
        } else {
            format!(
                "route {} ({})",
                position + 1,
                cut(&route.rule, RULE_SHOWN).replace(['\n', '\r'], " ")
            )
        };
        match route.state {
            State::Served => format!("{name} is served as written"),
            State::LastGood(old) => format!("Fall Back: {name} is served as generation {old} has it"),
            State::Unavailable => format!("Dropped Rule: {name} answers 503"),
            State::NotServed => {
                format!("Dropped Rule: {name} is not served, its requests may reach other routes or get 404")
            }
        }
    };
    lines(routes.into_iter().map(line), Limits::CONDITION)
}

fn route_statuses(config: &Config, report: &IngressRouteReport, findings: &[&Finding]) -> Vec<RouteStatus> {
    let mut budget = ROUTES_BYTES;
    let mut within_budget = |text: String| {
        budget = budget.checked_sub(text.len())?;
        Some(text)
    };
    let routes = FieldPath::root().key("spec").key("routes");
    let mut statuses = Vec::with_capacity(report.routes.len());
    for (position, route) in report.routes.iter().enumerate() {
        let mut about = about(&routes, &routes.index(position), findings);
        about.sort_by_key(|finding| finding.severity);
        let worst = about.first().map(|finding| finding.severity);
        let decisive: Vec<&Finding> = about
            .iter()
            .copied()
            .filter(|f| Some(f.severity) == worst)
            .collect();
        let message = list(&about, Limits::ROUTE);
        let service = route.id.as_ref().and_then(|id| {
            let served = config.routes.get(id)?;
            services(config, served)
        });
        statuses.push(RouteStatus {
            rule: within_budget(route.rule.clone()),
            state: Some(state(route.state).to_owned()),
            reason: Some(reason(&decisive).unwrap_or_else(|| state(route.state)).to_owned()),
            message: Some(message)
                .filter(|message| !message.is_empty())
                .and_then(&mut within_budget),
            service: service.and_then(&mut within_budget),
        });
    }
    statuses
}

const fn state(state: State) -> &'static str {
    match state {
        State::Served => "Served",
        State::LastGood(_) => "LastGood",
        State::Unavailable => "Unavailable",
        State::NotServed => "NotServed",
    }
}

/// Errors and warnings in a route, and what stands above all routes and refuses them.
fn about<'a>(routes: &FieldPath, route: &FieldPath, findings: &[&'a Finding]) -> Vec<&'a Finding> {
    let concerns = |finding: &&&Finding| {
        let field = finding.field.segments();
        let inside = field.starts_with(route.segments()) && finding.severity != Severity::Info;
        inside || (finding.refuses() && !field.starts_with(routes.segments()))
    };
    findings.iter().filter(concerns).copied().collect()
}

/// What gets a route's requests.
fn services(config: &Config, route: &Route) -> Option<String> {
    let Target::Node(id) = &route.target else {
        return None;
    };
    let node = config.nodes.get(id)?;
    match &node.spec {
        NodeSpec::Weighted(weighted) if node.source.kind == SourceKind::IngressRoute => {
            let children = weighted.children.iter().map(|child| service(config, &child.node));
            Some(names(children, SERVICES_SHOWN))
        }
        _ => Some(service(config, id)),
    }
}

fn service(config: &Config, id: &NodeId) -> String {
    let traefik_service = |namespace: &str, name: &str| format!("TraefikService {namespace}/{name}");
    match config.nodes.get(id) {
        Some(Node {
            spec: NodeSpec::Leaf(leaf),
            ..
        }) => {
            let reference = &leaf.reference;
            let port = reference
                .port
                .as_ref()
                .map(|port| format!(":{port}"))
                .unwrap_or_default();
            format!("{}/{}{port}", reference.namespace, reference.name)
        }
        Some(Node {
            spec: NodeSpec::Missing(missing),
            ..
        }) => traefik_service(&missing.namespace, &missing.name),
        Some(node) => traefik_service(&node.source.namespace, &node.source.name),
        None => id.to_string(),
    }
}
