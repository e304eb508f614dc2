//! What is stored of the objects that have a status, at any moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::sync::Notify;

use crate::compile::finding::ObjectId;

/// What a writer of statuses has to know of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `status`, whoever wrote it; nothing when there is none.
    pub status: Option<Value>,
}

impl Record {
    /// Of an object as it is.
    pub fn read(object: &Value) -> Self {
        let metadata = object.get("metadata");
        let field = |key: &str| metadata.and_then(|m| m.get(key));
        let text = |key: &str| field(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            uid: text("uid"),
            resource_version: text("resourceVersion"),
            generation: field("generation").and_then(Value::as_i64).unwrap_or_default(),
            status: object.get("status").filter(|status| !status.is_null()).cloned(),
        }
    }

    /// Whether `other` is out of date: this is an object made anew, or a later version of the same.
    fn is_newer_than(&self, other: &Self) -> bool {
        let version = |record: &Self| record.resource_version.parse::<u64>();
        self.uid != other.uid
            || matches!((version(self), version(other)), (Ok(ours), Ok(theirs)) if ours > theirs)
    }
}

/// The records of all TraefikServices, IngressRoutes and ServersTransports: newer than any compilation, since
/// a status alone wakes nobody. Clones share what they hold.
#[derive(Clone, Debug, Default)]
pub struct Records(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    touched: Notify,
}

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<ObjectId, Arc<Record>>,
    touched: BTreeSet<ObjectId>,
}

impl Records {
    /// What is stored of an object now.
    pub fn get(&self, id: &ObjectId) -> Option<Arc<Record>> {
        self.state().records.get(id).cloned()
    }

    /// Waits until records have changed or gone, and takes their names. For one taker: names are given
    /// out once. They gather as long as nobody takes them, each once.
    pub async fn touched(&self) -> BTreeSet<ObjectId> {
        loop {
            let touched = std::mem::take(&mut self.state().touched);
            if !touched.is_empty() {
                return touched;
            }
            self.0.touched.notified().await;
        }
    }

    pub(super) fn put(&self, id: ObjectId, record: Record) {
        let mut state = self.state();
        if state.records.get(&id).is_none_or(|old| **old != record) {
            state.records.insert(id.clone(), Arc::new(record));
            self.touch(state, id);
        }
    }

    pub(super) fn remove(&self, id: &ObjectId) {
        let mut state = self.state();
        if state.records.remove(id).is_some() {
            self.touch(state, id.clone());
        }
    }

    /// Takes up what an answer to a request says of an object. By the time it is read, the watch may have brought something
    /// newer, which does not come again, or that the object is gone.
    pub(super) fn put_answer(&self, id: &ObjectId, answer: Record) {
        let mut state = self.state();
        let known = state.records.get(id);
        if known.is_some_and(|known| **known != answer && !known.is_newer_than(&answer)) {
            state.records.insert(id.clone(), Arc::new(answer));
            self.touch(state, id.clone());
        }
    }

    fn touch(&self, mut state: MutexGuard<'_, State>, id: ObjectId) {
        state.touched.insert(id);
        drop(state);
        self.0.touched.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // every change of the state is whole, so a panic elsewhere leaves it as good as before
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::testing::traefik_service;

    fn record(uid: &str, version: &str, generation: i64) -> Record {
        Record {
            uid: uid.to_owned(),
            resource_version: version.to_owned(),
            generation,
            status: None,
        }
    }

    /// Of `a`, after `known` was watched and `answer` was answered.
    fn after(known: &Record, answer: &Record) -> Record {
        let (records, id) = (Records::default(), traefik_service("a"));
        records.put(id.clone(), known.clone());
        records.put_answer(&id, answer.clone());
        (*records.get(&id).unwrap()).clone()
    }

    #[test]
    fn an_answer_replaces_what_is_older() {
        let (old, new) = (record("u", "99", 1), record("u", "100", 1));
        assert_eq!(after(&old, &new), new);
        // versions that are no numbers cannot be compared; the watch then brings what is true
        let (old, new) = (record("u", "b", 1), record("u", "a", 1));
        assert_eq!(after(&old, &new), new);
    }

    #[test]
    fn an_answer_that_is_read_after_the_watch_brought_an_edit_is_not_taken_up() {
        let (edited, written) = (record("u", "101", 2), record("u", "100", 1));
        assert_eq!(after(&edited, &written), edited);
        let (anew, written) = (record("v", "101", 1), record("u", "100", 1));
        assert_eq!(after(&anew, &written), anew);
    }

    #[test]
    fn an_answer_about_an_object_that_is_gone_is_not_taken_up() {
        let (records, id) = (Records::default(), traefik_service("a"));
        records.put(id.clone(), record("u", "99", 1));
        records.remove(&id);
        records.put_answer(&id, record("u", "100", 1));
        assert_eq!(records.get(&id), None);
    }
}
