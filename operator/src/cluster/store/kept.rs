//! Secrets and ConfigMaps that are referred to: which are to be read, and which were.

use std::collections::{BTreeMap, BTreeSet};

use super::super::change::{Answer, Fetched};
use crate::compile::{
    finding::{Kind, ObjectId},
    input::Object,
};

/// What has to be read or watched in addition to what always is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Objects to read, each with the number of the request: a higher one than before asks again.
    pub objects: BTreeMap<ObjectId, u64>,
    /// Whether to watch Nodes. Once true it stays so.
    pub nodes: bool,
}

#[derive(Debug, Default)]
pub(super) struct Kept {
    entries: BTreeMap<ObjectId, Entry>,
    nodes: bool,
    /// The last request's number.
    ticket: u64,
    /// Requests that have no answer yet.
    open: usize,
    changed: bool,
}

#[derive(Debug)]
struct Entry {
    ticket: u64,
    answered: bool,
    /// The version that was read; nothing when it is absent or unknown.
    version: Option<String>,
}

/// What came of an answer.
pub(super) enum News {
    Nothing,
    Absent,
    /// Nobody knows; what was known of it stays.
    Unknown,
    Content(Box<Object>),
}

impl Kept {
    pub fn ask_nodes(&mut self, wanted: bool) {
        self.changed |= wanted && !self.nodes;
        self.nodes |= wanted;
    }

    /// Keeps these from now on; those that are no longer kept.
    pub fn replace(&mut self, wanted: BTreeSet<ObjectId>) -> Vec<ObjectId> {
        let left: Vec<ObjectId> = self
            .entries
            .keys()
            .filter(|id| !wanted.contains(id))
            .cloned()
            .collect();
        for id in &left {
            let entry = self.entries.remove(id);
            self.open -= usize::from(entry.is_some_and(|entry| !entry.answered));
        }
        self.changed |= !left.is_empty();
        for id in wanted {
            if !self.entries.contains_key(&id) {
                let entry = Entry {
                    ticket: 0,
                    answered: true,
                    version: None,
                };
                self.entries.insert(id.clone(), entry);
                self.ask(&id);
            }
        }
        left
    }

    /// It exists in this version, or (nothing) does not seem to exist. It is read again unless that is known.
    pub fn changed(&mut self, id: &ObjectId, version: Option<&str>) {
        let known = self.entries.get(id).map(|entry| entry.version.as_deref());
        if known.is_some_and(|known| known != version) {
            self.ask(id);
        }
    }

    fn ask(&mut self, id: &ObjectId) {
        if let Some(entry) = self.entries.get_mut(id) {
            self.ticket += 1;
            self.open += usize::from(entry.answered);
            entry.ticket = self.ticket;
            entry.answered = false;
            self.changed = true;
        }
    }

    /// What an answer says that is not known yet.
    pub fn answered(&mut self, fetched: Fetched) -> News {
        let Some(entry) = self.entries.get_mut(&fetched.id) else {
            return News::Nothing;
        };
        let current = fetched.ticket == entry.ticket;
        if !current && entry.answered {
            // an older request that took longer than the newer one
            return News::Nothing;
        }
        if current && !entry.answered {
            entry.answered = true;
            self.open -= 1;
        }
        match fetched.answer {
            Answer::Found(version, object) => {
                entry.version = Some(version);
                News::Content(object)
            }
            Answer::Absent => {
                entry.version = None;
                News::Absent
            }
            Answer::Unknown => News::Unknown,
        }
    }

    /// Whether nothing is open.
    pub fn is_complete(&self) -> bool {
        self.open == 0
    }

    pub fn ids(&self, kind: Kind) -> impl Iterator<Item = &ObjectId> {
        self.entries.keys().filter(move |id| id.kind == kind)
    }

    /// Whether it matters that a list has this object: of Secrets and ConfigMaps only those that are kept.
    pub fn concerns(&self, id: &ObjectId) -> bool {
        !matches!(id.kind, Kind::Secret | Kind::ConfigMap) || self.entries.contains_key(id)
    }

    pub fn take_wanted(&mut self) -> Option<Wanted> {
        std::mem::take(&mut self.changed).then(|| Wanted {
            objects: self
                .entries
                .iter()
                .map(|(id, entry)| (id.clone(), entry.ticket))
                .collect(),
            nodes: self.nodes,
        })
    }
}
