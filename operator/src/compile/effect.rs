//! What refusing an object or a route does to traffic: known only once everything was decided.

use std::collections::BTreeMap;

use weir_model::name::NamespacedName;

use super::{
    Snapshot,
    accept::Served,
    finding::{Finding, Kind},
    form::Reference,
    pipeline::Decisions,
    routes::RouteOutcome,
};

/// Fills in the effect of findings that refuse something.
pub(super) fn complete(findings: &mut [Finding], decisions: &Decisions, snapshot: &Snapshot) {
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
            Kind::ServersTransport => match snapshot.servers_transports.get(name) {
                Some(_) => "Services that name it keep its last accepted form, or are passed over".to_owned(),
                None => String::new(),
            },
            _ => String::new(),
        };
    }
}

fn still_served(generation: i64) -> String {
    match generation {
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
    match decisions
        .route(&finding.object.name, &finding.field)
        .map(|route| &route.outcome)
    {
        Some(RouteOutcome::LastGood(form)) => {
            format!(
                "the route as it was accepted before: {}",
                still_served(form.source.generation)
            )
        }
        Some(RouteOutcome::Unavailable(_)) => "requests that match the route get 503".to_owned(),
        Some(RouteOutcome::Unserved) => {
            "the route is not served: its requests may reach other routes, or get 404".to_owned()
        }
        Some(RouteOutcome::Current(_)) => "the route is served as it is".to_owned(),
        None => "its routes keep their last accepted form, or answer 503".to_owned(),
    }
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
