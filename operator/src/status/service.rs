//! The status of a TraefikService.

use serde_json::{Value, json};
use weir_model::document::NodeId;

use super::{
    DesiredStatus, View,
    programmed::{Served, decide},
};
use crate::compile::{
    finding::ObjectId,
    input::Meta,
    report::{ServiceReport, State},
};

/// Fields of the status beside the conditions.
pub(super) const DETAILS: [&str; 3] = ["kind", "leaves", "usedBy"];

pub(super) fn status(
    view: &View<'_>,
    object: &ObjectId,
    meta: &Meta,
    report: &ServiceReport,
) -> DesiredStatus {
    let generation = meta.generation;
    let served = match report.state {
        State::Served => Served::AsWritten(report.revision),
        State::LastGood(old) => Served::LastGood(format!(
            "generation {old} is served, since generation {generation} is not accepted"
        )),
        State::Unavailable | State::NotServed => Served::Nothing(format!(
            "nothing of it is served: generation {generation} is not accepted, and no earlier one was"
        )),
    };
    let node = view
        .compilation
        .config
        .nodes
        .get(&NodeId::traefik_service(&object.name));
    let in_config =
        node.is_some_and(|node| node.source.generation == generation && node.source.uid == meta.uid);
    let mut status = view.status(object, meta);
    status.programmed = Some(decide(view, object, served, in_config));
    let [kind, leaves, used_by] = DETAILS;
    status.details = [
        (kind, report.kind.map_or(Value::Null, Value::from)),
        (leaves, json!(report.leaves)),
        (used_by, json!(report.used_by.len())),
    ]
    .into();
    status
}
