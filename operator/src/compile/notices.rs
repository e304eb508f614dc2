//! What is only known of all objects together: routes that never match, TraefikServices that no route reaches.

use std::collections::BTreeMap;

use weir_model::{
    document::{Config, Route, RouteId},
    name::NamespacedName,
    path::FieldPath,
};

use super::{
    accept::traefik_service_id,
    finding::{Code, Finding, Kind, ObjectId},
    pipeline::Decisions,
    report::{Reports, State},
    routes::RouteOutcome,
};

/// Routes that can never match, since another one has the same rule and priority at their entry points.
pub(super) fn conflicts(config: &Config, decisions: &Decisions, findings: &mut Vec<Finding>) {
    let mut routes: Vec<(&RouteId, &Route)> = config.routes.iter().collect();
    routes.sort_by(|(_, a), (_, b)| (a.priority, &a.matcher).cmp(&(b.priority, &b.matcher)));
    let alike =
        |(_, a): &(_, &Route), (_, b): &(_, &Route)| a.priority == b.priority && a.matcher == b.matcher;
    if !routes.windows(2).any(|pair| alike(&pair[0], &pair[1])) {
        return;
    }
    let places = places(decisions);
    for group in routes.chunk_by_mut(alike).filter(|group| group.len() > 1) {
        group.sort_by_key(|(id, route)| route.precedence(id));
        for (i, (loser_id, loser)) in group.iter().enumerate() {
            let shared = |name: &String| loser.entry_points.contains(name);
            let winner = group[..i]
                .iter()
                .find(|(_, winner)| winner.entry_points.iter().any(shared));
            let Some((winner_id, winner)) = winner else {
                continue;
            };
            let field = |id: &RouteId| {
                places
                    .get(id)
                    .map_or_else(|| FieldPath::root().key("spec"), |place| place.key("match"))
            };
            let message = format!(
                "{}, route {} has the same rule and priority and comes first",
                object(winner),
                winner.position + 1
            );
            findings.push(
                Finding::new(object(loser), field(loser_id), Code::Conflicted, message)
                    .effect("no request reaches this route at the entry points that both have")
                    .help("give one of them another priority, or remove it")
                    .related(object(winner), field(winner_id), "wins"),
            );
        }
    }
}

fn object(route: &Route) -> ObjectId {
    ObjectId {
        kind: Kind::IngressRoute,
        name: NamespacedName::new(&route.source.namespace, &route.source.name),
    }
}

/// Where the routes are written that are served; those of a form from the previous config stand elsewhere
/// or nowhere.
fn places(decisions: &Decisions) -> BTreeMap<&RouteId, &FieldPath> {
    let routes = decisions.routes.values().flatten();
    let written = routes.filter(|route| !matches!(route.outcome, RouteOutcome::LastGood(_)));
    written
        .filter_map(|route| Some((&route.outcome.form()?.id, &route.field)))
        .collect()
}

/// TraefikServices that no route reaches.
pub(super) fn orphans(reports: &Reports, findings: &mut Vec<Finding>) {
    for (name, report) in &reports.services {
        if report.used_by.is_empty() && report.state != State::NotServed {
            let object = traefik_service_id(name);
            findings.push(
                Finding::new(object, FieldPath::root(), Code::Orphaned, "no route reaches it")
                    .effect("it gets no requests"),
            );
        }
    }
}
