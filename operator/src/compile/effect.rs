//! What refusing an object or a route does to traffic: known only once everything was decided.

use std::collections::BTreeMap;

use weir_model::{
    document::{Config, TransportId},
    name::NamespacedName,
};

use super::{
    accept::Served,
    finding::{Finding, Kind},
    form::Reference,
    pipeline::Decisions,
    routes::{DecidedRoute, RouteOutcome},
};

/// Fills in the effect of findings that refuse something.
pub(super) fn complete(findings: &mut [Finding], decisions: &Decisions, config: &Config) {
    if !findings.iter().any(|finding| finding.effect.is_empty()) {
        return;
    }
    let referrers = referrers(decisions);
    for finding in findings.iter_mut().filter(|f| f.effect.is_empty()) {
        let name = &finding.object.name;
        finding.effect = match finding.object.kind {
            Kind::TraefikService => match decisions.services.get(name) {
                Some(Served::LastGood(form)) => still_served(form.source.generation),
                Some(Served::Current(_)) => "it is served as it is".to_owned(),
                Some(Served::Nothing) | None => not_served(referrers.get(name).copied().unwrap_or_default()),
            },
            Kind::IngressRoute => route_effect(finding, decisions),
            Kind::ServersTransport if config.transports.contains_key(&TransportId::new(name)) => {
                "it is used as it was accepted before".to_owned()
            }
            Kind::ServersTransport => "Services that name it are passed over".to_owned(),
            _ => String::new(),
        };
    }
}

fn still_served(generation: i64) -> String {
    match generation {
        // offline there are no generations
        0 => "what was accepted before keeps being served".to_owned(),
        generation => format!("generation {generation} keeps being served"),
    }
}

fn not_served(referrers: usize) -> String {
    match referrers {
        0 => "it is not served".to_owned(),
        1 => "it is not served; the one reference to it is passed over".to_owned(),
        n => format!("it is not served; the {n} references to it are passed over"),
    }
}

fn route_effect(finding: &Finding, decisions: &Decisions) -> String {
    if let Some(route) = decisions.route(&finding.object.name, &finding.field) {
        return match &route.outcome {
            RouteOutcome::LastGood(form) => still_served(form.source.generation),
            RouteOutcome::Unavailable(_) => "requests that match the route get 503".to_owned(),
            RouteOutcome::Unserved => {
                "the route is not served: its requests may reach other routes, or get 404".to_owned()
            }
            RouteOutcome::Current(_) => "the route is served as it is".to_owned(),
        };
    }
    let routes = decisions
        .routes
        .get(&finding.object.name)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let every = |wanted: fn(&DecidedRoute) -> bool| !routes.is_empty() && routes.iter().all(wanted);
    let effect = if every(|route| matches!(route.outcome, RouteOutcome::LastGood(_))) {
        "its routes keep being served as they were accepted before"
    } else if every(|route| matches!(route.outcome, RouteOutcome::Unavailable(_))) {
        "requests that match its routes get 503"
    } else if routes.is_empty() {
        "it has no routes that could be served"
    } else {
        "its routes keep their last accepted form, or answer 503"
    };
    effect.to_owned()
}

/// How many references to each TraefikService are in what is served.
fn referrers(decisions: &Decisions) -> BTreeMap<&NamespacedName, usize> {
    let services = decisions
        .services
        .values()
        .filter_map(Served::form)
        .flat_map(|form| form.shape.references());
    let routes = decisions
        .routes
        .values()
        .flatten()
        .filter_map(|route| route.outcome.form());
    let mut counts = BTreeMap::new();
    for name in services
        .chain(routes.flat_map(|form| form.target.references()))
        .filter_map(Reference::traefik_service)
    {
        *counts.entry(name).or_default() += 1;
    }
    counts
}
