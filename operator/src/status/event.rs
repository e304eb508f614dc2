//! Events: what is announced once, for those who read `kubectl describe` or watch a namespace.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use weir_model::hex::hex;

use super::{
    DesiredStatus,
    catalogue::PROGRAMMED,
    condition::is_ours,
    programmed,
    text::{Limits, cut, list},
};
use crate::compile::finding::{Finding, ObjectId, Severity};

/// An Event that should exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredEvent {
    /// Its name, in the object's namespace: the same for the same object, generation and reason, so that
    /// creating it again fails instead of doubling it.
    pub name: String,
    /// The object that it is about.
    pub object: ObjectId,
    /// That object's `uid`.
    pub uid: String,
    /// How much it matters.
    pub event_type: EventType,
    /// One word.
    pub reason: &'static str,
    /// At most 1024 bytes.
    pub message: String,
}

/// Kubernetes' types of Events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// Something went well.
    Normal,
    /// Something did not.
    Warning,
}

impl EventType {
    /// As the Event carries it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// What findings are announced as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Announcement {
    reason: &'static str,
    message: String,
}

/// One for each code of an error or warning, by number.
pub(super) fn of_findings(findings: &[&Finding]) -> Vec<Announcement> {
    let mut by_code: BTreeMap<u16, Vec<&Finding>> = BTreeMap::new();
    for &finding in findings.iter().filter(|f| f.severity != Severity::Info) {
        by_code.entry(finding.code.number()).or_default().push(finding);
    }
    let announcement = |findings: Vec<&Finding>| {
        let reason = findings.first()?.code.reason();
        Some(Announcement {
            reason,
            message: list(&findings, Limits::EVENT),
        })
    };
    by_code.into_values().filter_map(announcement).collect()
}

/// The Events for what `desired` says and the stored status did not yet. To be created before the new
/// status is written: an Event that was lost in between would never come again.
pub fn events(object: &ObjectId, stored: Option<&Value>, desired: &DesiredStatus) -> Vec<DesiredEvent> {
    let known = known_reasons(stored, desired.generation);
    let mut events = Vec::new();
    let mut push = |event_type, reason, message: &str| {
        if !known.contains(&(event_type == EventType::Normal, reason)) {
            events.push(DesiredEvent {
                name: name(object, &desired.uid, desired.generation, reason),
                object: object.clone(),
                uid: desired.uid.clone(),
                event_type,
                reason,
                message: cut(message, 1024),
            });
        }
    };
    for Announcement { reason, message } in &desired.announcements {
        push(EventType::Warning, reason, message);
    }
    let conditions = desired.conditions(stored);
    if let Some(programmed) = conditions.iter().find(|condition| condition.kind == PROGRAMMED) {
        if programmed.holds {
            push(EventType::Normal, PROGRAMMED, &programmed.message);
        } else if programmed::is_news(programmed.reason) {
            push(EventType::Warning, programmed.reason, &programmed.message);
        }
    }
    events
}

/// Reasons that the stored status has of this generation, with whether they are good news.
fn known_reasons(stored: Option<&Value>, generation: i64) -> BTreeSet<(bool, &str)> {
    let list = stored
        .and_then(|stored| stored.get("conditions")?.as_array())
        .into_iter()
        .flatten();
    let mut known = BTreeSet::new();
    for condition in list {
        let text = |key| condition.get(key).and_then(Value::as_str).unwrap_or_default();
        let current = condition.get("observedGeneration").and_then(Value::as_i64) == Some(generation);
        if current && is_ours(text("type")) {
            known.insert((text("reason") == PROGRAMMED, text("reason")));
        }
    }
    known
}

/// The object's name for people, and a hash of what makes the Event the one it is.
fn name(object: &ObjectId, uid: &str, generation: i64, reason: &str) -> String {
    let hash = Sha256::digest(format!("{uid}\n{generation}\n{reason}"));
    // names have at most 253 bytes and are ASCII, which what is not a name yet may not be
    let prefix = &object.name.name[..object.name.name.floor_char_boundary(200)];
    format!("{}.{}", prefix.trim_end_matches(['.', '-']), hex(&hash[..8]))
}

/// The names of Events that were created, so that none is created again all the time; the oldest are
/// forgotten first.
#[derive(Debug, Default)]
pub struct Announced {
    names: BTreeSet<(String, String)>,
    order: VecDeque<(String, String)>,
}

/// Names that are remembered: some for each of several thousand objects.
const REMEMBERED: usize = 20_000;

impl Announced {
    /// Remembers an Event. Was it new?
    pub fn note(&mut self, event: &DesiredEvent) -> bool {
        let key = (event.object.name.namespace.clone(), event.name.clone());
        if !self.names.insert(key.clone()) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
        true
    }

    /// Forgets an Event that could not be created.
    pub fn forget(&mut self, event: &DesiredEvent) {
        let key = (event.object.name.namespace.clone(), event.name.clone());
        if self.names.remove(&key) {
            self.order.retain(|other| *other != key);
        }
    }
}
