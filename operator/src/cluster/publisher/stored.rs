//! What is stored of the published objects, as last seen.

use std::collections::{BTreeMap, BTreeSet};

use kube::runtime::watcher::Event;
use serde_json::Value;

use crate::publish::ObjectKind;

/// Which object.
pub(super) type Key = (ObjectKind, String);

/// The objects with the release's labels. Fed by watches and by the answers to what is written, of which
/// either may come first: an older version never takes a newer one's place.
#[derive(Debug, Default)]
pub(super) struct Stored {
    objects: BTreeMap<Key, Value>,
    /// Of each kind that is being listed, what was seen since that began.
    listing: BTreeMap<ObjectKind, BTreeSet<String>>,
    listed: BTreeSet<ObjectKind>,
}

impl Stored {
    /// Whether all objects are known.
    pub fn is_complete(&self) -> bool {
        [ObjectKind::ConfigMap, ObjectKind::Secret]
            .iter()
            .all(|kind| self.listed.contains(kind))
    }

    pub fn get(&self, kind: ObjectKind, name: &str) -> Option<&Value> {
        self.objects.get(&(kind, name.to_owned()))
    }

    pub fn objects(&self) -> impl Iterator<Item = (&Key, &Value)> {
        self.objects.iter()
    }

    pub fn of_kind(&self, kind: ObjectKind) -> impl Iterator<Item = &Value> {
        let objects = self.objects.iter().filter(move |((of, _), _)| *of == kind);
        objects.map(|(_, object)| object)
    }

    /// Takes a watch's news in; whether they are any.
    pub fn observe(&mut self, kind: ObjectKind, event: Event<Value>) -> bool {
        match event {
            Event::Apply(object) | Event::InitApply(object) => self.put(kind, object),
            Event::Delete(object) => self.delete(kind, &object),
            Event::Init => {
                self.listing.insert(kind, BTreeSet::new());
                false
            }
            Event::InitDone => {
                let seen = self.listing.remove(&kind).unwrap_or_default();
                let before = self.objects.len();
                self.objects
                    .retain(|(of, name), _| *of != kind || seen.contains(name));
                self.listed.insert(kind) || self.objects.len() < before
            }
        }
    }

    /// Takes an object in, unless it is known in this version or a later one; whether it is news.
    pub fn put(&mut self, kind: ObjectKind, object: Value) -> bool {
        let key = (kind, text(&object, "/metadata/name").to_owned());
        self.see(&key);
        let known = self.objects.get(&key);
        let news = known.is_none_or(|known| version(known) < version(&object));
        if news {
            self.replace(kind, object);
        }
        news
    }

    /// Takes an object in as it was just read, in whatever version: they go back when the cluster's data are
    /// restored from a backup.
    pub fn replace(&mut self, kind: ObjectKind, mut object: Value) {
        // watches and lists leave it out
        object["kind"] = kind.as_str().into();
        let key = (kind, text(&object, "/metadata/name").to_owned());
        self.see(&key);
        self.objects.insert(key, object);
    }

    /// It is there, whether the list that is under way has it or not.
    fn see(&mut self, (kind, name): &Key) {
        if let Some(seen) = self.listing.get_mut(kind) {
            seen.insert(name.clone());
        }
    }

    /// An object is gone for certain.
    pub fn remove(&mut self, kind: ObjectKind, name: &str) {
        self.objects.remove(&(kind, name.to_owned()));
    }

    fn delete(&mut self, kind: ObjectKind, object: &Value) -> bool {
        let key = (kind, text(object, "/metadata/name").to_owned());
        let gone = self
            .objects
            .get(&key)
            .is_some_and(|known| version(known) <= version(object));
        if gone {
            self.objects.remove(&key);
        }
        gone
    }
}

pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Versions of one resource are numbers that grow, which Kubernetes guarantees since 1.35 and did before.
fn version(object: &Value) -> Option<u64> {
    text(object, "/metadata/resourceVersion").parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KIND: ObjectKind = ObjectKind::ConfigMap;

    fn object(name: &str, version: u32) -> Value {
        json!({ "metadata": { "name": name, "resourceVersion": version.to_string() } })
    }

    fn names(stored: &Stored) -> Vec<&str> {
        stored.objects().map(|((_, name), _)| name.as_str()).collect()
    }

    #[test]
    fn news_that_come_late_change_nothing() {
        let mut stored = Stored::default();
        assert!(stored.put(KIND, object("a", 9)));
        assert!(!stored.observe(KIND, Event::Apply(object("a", 8))));
        assert!(!stored.observe(KIND, Event::Apply(object("a", 9))));
        assert!(!stored.observe(KIND, Event::Delete(object("a", 8))));
        assert!(stored.observe(KIND, Event::Apply(object("a", 10))));
        assert!(stored.observe(KIND, Event::Delete(object("a", 11))));
        assert!(names(&stored).is_empty());
    }

    #[test]
    fn what_was_just_read_counts_in_whatever_version() {
        let mut stored = Stored::default();
        stored.put(KIND, object("a", 900));
        stored.replace(KIND, object("a", 7));
        assert!(stored.observe(KIND, Event::Apply(object("a", 8))));
    }

    #[test]
    fn a_list_takes_away_what_is_not_in_it() {
        let mut stored = Stored::default();
        stored.put(KIND, object("gone", 1));
        stored.put(KIND, object("a", 2));
        stored.put(ObjectKind::Secret, object("s", 3));
        stored.observe(KIND, Event::Init);
        stored.observe(KIND, Event::InitApply(object("a", 2)));
        // written while the list was under way
        stored.put(KIND, object("new", 4));
        assert!(!stored.is_complete());
        assert!(stored.observe(KIND, Event::InitDone));
        assert_eq!(names(&stored), ["a", "new", "s"]);
        stored.observe(ObjectKind::Secret, Event::Init);
        stored.observe(ObjectKind::Secret, Event::InitDone);
        assert!(stored.is_complete());
        assert_eq!(names(&stored), ["a", "new"]);
    }
}
