//! What the operator reports on objects: conditions, details and Events, out of a compilation and how far
//! it has come.
//!
//! Pure: no clock, no client. [`desired`] says what should be reported, [`merge`] what has to be written for
//! that over the status that is stored, [`events`] what is announced.
//!
//! ```text
//! Compilation ─┐
//! Snapshot ────┼─► desired ─► DesiredStatus ─┬─► merge  ─► the new status, or nothing to write
//! Progress ────┘                stored status ┴─► events ─► Events, each with a stable name
//! ```
//!
//! Whether all proxies run an object is a question of the moment; `Programmed` is not. Once true it stays
//! so until the object's own compiled form changes, however proxies restart or lag behind later. The only
//! memory that this needs is the stored condition, which names the revision that was run.

mod catalogue;
mod condition;
mod event;
mod ingress_route;
mod merge;
mod programmed;
mod progress;
mod service;
mod text;

use std::collections::BTreeMap;

use serde_json::Value;

pub use self::{
    catalogue::{
        ACCEPTED, ConditionType, NotProgrammed, PARTIALLY_INVALID, PROGRAMMED, READY, RESOLVED_REFS,
    },
    condition::Condition,
    event::{Announced, DesiredEvent, EventType, events},
    merge::{merge, withdraw},
    progress::{Progress, Proxy, Published},
};
use self::{event::Announcement, programmed::Programmed};
use crate::compile::{
    Compilation, Snapshot,
    finding::{Finding, Kind, ObjectId},
    input::Meta,
};

/// What is to be reported on an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredStatus {
    /// `metadata.uid` of the object.
    pub uid: String,
    /// `metadata.generation` that this was made from.
    pub generation: i64,
    accepted: Condition,
    resolved_refs: Condition,
    /// Objects that are not served by themselves have none.
    programmed: Option<Programmed>,
    /// Those that are there only while true.
    further: Vec<Condition>,
    /// Other fields of the status; null: none.
    details: BTreeMap<&'static str, Value>,
    announcements: Vec<Announcement>,
}

impl DesiredStatus {
    /// All conditions in their order, over the stored status: `Programmed` that was reached stays.
    pub fn conditions(&self, stored: Option<&Value>) -> Vec<Condition> {
        let programmed = self.programmed.as_ref();
        let programmed = programmed.map(|programmed| programmed.over(stored, self.generation));
        let mut conditions = vec![self.accepted.clone(), self.resolved_refs.clone()];
        conditions.extend(programmed);
        conditions.push(condition::ready(&conditions));
        conditions.extend(self.further.iter().cloned());
        conditions
    }

    /// Whether something is said against the object as it is written.
    pub fn has_mistakes(&self) -> bool {
        !(self.accepted.holds && self.resolved_refs.holds)
    }

    /// Whether a moment's patience may change it: something is being published, or proxies are loading.
    pub fn is_under_way(&self, stored: Option<&Value>) -> bool {
        let conditions = self.conditions(stored);
        conditions
            .iter()
            .any(|c| c.kind == PROGRAMMED && !c.holds && programmed::passes(c.reason))
    }
}

/// What is to be reported on every TraefikService, every IngressRoute of ours and every ServersTransport.
pub fn desired(
    compilation: &Compilation,
    snapshot: &Snapshot,
    progress: &Progress,
) -> BTreeMap<ObjectId, DesiredStatus> {
    let view = View::new(compilation, progress);
    let services = compilation.reports.services.iter().filter_map(|(name, report)| {
        let meta = &snapshot.traefik_services.get(name)?.meta;
        let object = ObjectId {
            kind: Kind::TraefikService,
            name: name.clone(),
        };
        let status = service::status(&view, &object, meta, report);
        Some((object, status))
    });
    let routes = compilation
        .reports
        .ingress_routes
        .iter()
        .filter_map(|(name, report)| {
            let meta = &snapshot.ingress_routes.get(name)?.meta;
            let object = ObjectId {
                kind: Kind::IngressRoute,
                name: name.clone(),
            };
            let status = ingress_route::status(&view, &object, meta, report);
            Some((object, status))
        });
    let transports = snapshot.servers_transports.iter().map(|(name, entry)| {
        let object = ObjectId {
            kind: Kind::ServersTransport,
            name: name.clone(),
        };
        // it is served as part of the Services that name it: whether proxies run it is said there
        let status = view.status(&object, &entry.meta);
        (object, status)
    });
    services.chain(routes).chain(transports).collect()
}

/// What all objects' statuses are made from.
struct View<'a> {
    compilation: &'a Compilation,
    progress: &'a Progress,
    findings: BTreeMap<&'a ObjectId, Vec<&'a Finding>>,
}

impl<'a> View<'a> {
    fn new(compilation: &'a Compilation, progress: &'a Progress) -> Self {
        let mut findings: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for finding in &compilation.findings {
            findings.entry(&finding.object).or_default().push(finding);
        }
        Self {
            compilation,
            progress,
            findings,
        }
    }

    fn findings(&self, object: &ObjectId) -> &[&'a Finding] {
        self.findings.get(object).map_or(&[], Vec::as_slice)
    }

    /// A status with what all kinds have in common.
    fn status(&self, object: &ObjectId, meta: &Meta) -> DesiredStatus {
        let findings = self.findings(object);
        DesiredStatus {
            uid: meta.uid.clone(),
            generation: meta.generation,
            accepted: condition::accepted(findings),
            resolved_refs: condition::resolved_refs(findings),
            programmed: None,
            further: condition::further(findings),
            details: BTreeMap::new(),
            announcements: event::of_findings(findings),
        }
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
