//! Which form of each route is served: the current one, else the last accepted one, else 503.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::{
    document::{Config, RouteId},
    name::NamespacedName,
    path::FieldPath,
};

use super::{
    finding::{Code, Finding, Kind, ObjectId},
    form::{RouteForm, RouteTarget, previous},
    input::{Entry, IngressRouteInput},
    options::Options,
    parse::{ParsedRoute, Sink, ingress_route},
};

/// What became of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RouteOutcome {
    /// Served as written.
    Current(RouteForm),
    /// Served as it was accepted before.
    LastGood(RouteForm),
    /// Its rule is known, and it answers 503.
    Unavailable(RouteForm),
    /// Its rule is not known: it cannot be served.
    Unserved,
}

impl RouteOutcome {
    /// The form, if anything is served.
    pub fn form(&self) -> Option<&RouteForm> {
        match self {
            Self::Current(form) | Self::LastGood(form) | Self::Unavailable(form) => Some(form),
            Self::Unserved => None,
        }
    }
}

/// A route of an IngressRoute and what became of it.
#[derive(Debug)]
pub(super) struct DecidedRoute {
    pub field: FieldPath,
    pub rule: String,
    pub outcome: RouteOutcome,
    /// What is written and was refused, as far as it has a form.
    pub refused: Option<RouteForm>,
}

/// Reads an IngressRoute and decides on its routes.
pub(super) fn decide(
    name: &NamespacedName,
    entry: &Entry<IngressRouteInput>,
    options: &Options,
    previous: &Config,
    findings: &mut Vec<Finding>,
) -> Vec<DecidedRoute> {
    let object = ObjectId {
        kind: Kind::IngressRoute,
        name: name.clone(),
    };
    let mut own = Vec::new();
    let parsed = ingress_route(
        &mut Sink {
            options,
            object: &object,
            findings: &mut own,
        },
        entry,
    );
    let refusals: Vec<(&FieldPath, &Finding)> = own
        .iter()
        .filter(|f| f.refuses())
        .map(|f| (&f.field, f))
        .collect();
    let unread = entry.spec.is_none();
    // what was accepted before matters only where something is refused now
    let all_good = !unread && refusals.is_empty() && parsed.iter().all(|route| route.form.is_some());
    let (mut before, mut written) = (BTreeMap::new(), BTreeSet::new());
    if !all_good {
        before = previous::routes(previous, name, &entry.meta.uid);
        before.retain(|_, form| !matches!(form.target, RouteTarget::Unavailable(_)));
        written.extend(parsed.iter().map(|route| route.id.clone()));
    }
    let mut decided: Vec<DecidedRoute> = Vec::with_capacity(parsed.len());
    for route in parsed {
        let refusal = refusals
            .iter()
            .find(|(field, _)| concerns(field, &route.field))
            .map(|(_, finding)| *finding);
        decided.push(decide_one(route, refusal, &mut before, &written));
    }
    if unread {
        // not even the number of routes is known: all that were accepted go on
        decided.extend(before.into_values().map(|form| DecidedRoute {
            field: FieldPath::root().key("spec"),
            rule: String::new(),
            outcome: RouteOutcome::LastGood(form),
            refused: None,
        }));
    }
    findings.append(&mut own);
    decided
}

/// Whether a finding on `field` concerns the route at `route`: it is inside, or above all routes.
fn concerns(field: &FieldPath, route: &FieldPath) -> bool {
    let (field, route) = (field.segments(), route.segments());
    field.starts_with(route) || !field.starts_with(&route[..route.len() - 1])
}

fn decide_one(
    route: ParsedRoute,
    refusal: Option<&Finding>,
    before: &mut BTreeMap<RouteId, RouteForm>,
    written: &BTreeSet<RouteId>,
) -> DecidedRoute {
    let ParsedRoute {
        field,
        position,
        rule,
        id,
        form,
    } = route;
    let (outcome, refused) = match (refusal, form) {
        (None, Some(form)) => (RouteOutcome::Current(form), None),
        (refusal, form) => {
            // the same rule, else what stood at this place and is written nowhere now
            let by_place = || {
                let mut places = before.iter().filter(|(id, _)| !written.contains(id));
                places
                    .find(|(_, form)| form.position == position)
                    .map(|(id, _)| id.clone())
            };
            let old = if before.contains_key(&id) {
                Some(id)
            } else {
                by_place()
            };
            let outcome = match (old.and_then(|id| before.remove(&id)), &form) {
                (Some(old), _) => RouteOutcome::LastGood(old),
                (None, Some(form)) => {
                    let reason = refusal.map_or(Code::InvalidSpec, |finding| finding.code).reason();
                    let target = RouteTarget::Unavailable(reason.to_owned());
                    RouteOutcome::Unavailable(RouteForm {
                        target,
                        ..form.clone()
                    })
                }
                (None, None) => RouteOutcome::Unserved,
            };
            (outcome, form)
        }
    };
    DecidedRoute {
        field,
        rule,
        outcome,
        refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_concerns_its_route_or_all() {
        let routes = FieldPath::root().key("spec").key("routes");
        let route = routes.index(1);
        assert!(concerns(&route.key("match"), &route));
        assert!(!concerns(&routes.index(0).key("match"), &route));
        assert!(concerns(&FieldPath::root().key("spec").key("parentRefs"), &route));
        assert!(concerns(&FieldPath::root().key("metadata").key("name"), &route));
    }
}
