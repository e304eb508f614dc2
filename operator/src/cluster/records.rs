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
