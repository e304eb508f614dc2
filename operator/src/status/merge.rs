//! What is to be written over a stored status.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use weir_model::crd;

use super::{Condition, DesiredStatus, condition::is_ours, ingress_route, service};

const CONDITIONS: &str = "conditions";
const OBSERVED_GENERATION: &str = "observedGeneration";
const LAST_TRANSITION_TIME: &str = "lastTransitionTime";

/// The status to be stored in place of `stored`; nothing when that says the same already, or was made from
/// a later generation. `now` is RFC 3339 in UTC.
///
/// Conditions of types that are not ours stay as they are, and so do all other fields that we do not know.
/// `lastTransitionTime` moves only when a condition's status changes.
pub fn merge(stored: Option<&Value>, desired: &DesiredStatus, now: &str) -> Option<Value> {
    if stored.is_some_and(|stored| observed_generation(stored) > Some(desired.generation)) {
        return None;
    }
    let before = stored.and_then(Value::as_object);
    let mut status = before.cloned().unwrap_or_default();
    status.insert(OBSERVED_GENERATION.to_owned(), desired.generation.into());
    for (key, value) in &desired.details {
        if value.is_null() {
            status.remove(*key);
        } else {
            status.insert((*key).to_owned(), value.clone());
        }
    }
    let list = match status.remove(CONDITIONS) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    let list = merged(list, &desired.conditions(stored), desired.generation, now);
    status.insert(CONDITIONS.to_owned(), Value::Array(list));
    (before != Some(&status)).then_some(Value::Object(status))
}

/// The status without anything of ours, for an object that is no longer ours to report on; nothing when
/// nothing is in it. Only for objects that this process reported on: what looks like ours may be another
/// instance's.
pub fn withdraw(stored: &Value) -> Option<Value> {
    let before = stored.as_object()?;
    let mut status = before.clone();
    for key in service::DETAILS
        .iter()
        .chain(&ingress_route::DETAILS)
        .chain(&[OBSERVED_GENERATION])
    {
        status.remove(*key);
    }
    if let Some(Value::Array(list)) = status.get_mut(CONDITIONS) {
        list.retain(|condition| !kind(condition).is_some_and(is_ours));
        if list.is_empty() {
            status.remove(CONDITIONS);
        }
    }
    (*before != status).then_some(Value::Object(status))
}

/// A condition of a stored status.
pub(super) fn stored_condition<'a>(status: &'a Value, of_kind: &str) -> Option<&'a Map<String, Value>> {
    let list = status.get(CONDITIONS)?.as_array()?;
    list.iter()
        .find(|condition| kind(condition) == Some(of_kind))?
        .as_object()
}

/// The latest generation that something of ours was made from.
fn observed_generation(status: &Value) -> Option<i64> {
    let of = |value: &Value| value.get(OBSERVED_GENERATION).and_then(Value::as_i64);
    let list = status
        .get(CONDITIONS)
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let ours = list.filter(|condition| kind(condition).is_some_and(is_ours));
    ours.filter_map(of).chain(of(status)).max()
}

fn kind(condition: &Value) -> Option<&str> {
    condition.get("type")?.as_str()
}

/// The stored list with our conditions put in: where they stood, else at the end.
fn merged(stored: Vec<Value>, desired: &[Condition], generation: i64, now: &str) -> Vec<Value> {
    let mut open: BTreeMap<&str, &Condition> = desired.iter().map(|c| (c.kind, c)).collect();
    let mut list = Vec::with_capacity(stored.len().max(desired.len()));
    for old in stored {
        match kind(&old).filter(|kind| is_ours(kind)) {
            None => list.push(old),
            Some(kind) => list.extend(
                open.remove(kind)
                    .map(|new| value(new, Some(&old), generation, now)),
            ),
        }
    }
    let new = desired
        .iter()
        .filter(|condition| open.contains_key(condition.kind));
    list.extend(new.map(|condition| value(condition, None, generation, now)));
    list
}

fn value(condition: &Condition, old: Option<&Value>, generation: i64, now: &str) -> Value {
    let text = |key: &str| old.and_then(|old| old.get(key)).and_then(Value::as_str);
    let since = text(LAST_TRANSITION_TIME).filter(|_| text("status") == Some(condition.status()));
    let condition = crd::Condition {
        condition_type: condition.kind.to_owned(),
        status: condition.status().to_owned(),
        reason: condition.reason.to_owned(),
        message: condition.message.clone(),
        last_transition_time: since.unwrap_or(now).to_owned(),
        observed_generation: Some(generation),
    };
    // texts and a number, which always serialise
    serde_json::to_value(condition).unwrap_or_default()
}
