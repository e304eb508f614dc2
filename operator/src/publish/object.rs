//! A document as a Kubernetes object.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use super::{Settings, encode::Encoded};

/// Kinds of objects that are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    /// Of configs and endpoints.
    ConfigMap,
    /// Of key material.
    Secret,
}

impl ObjectKind {
    /// As objects carry it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }
}

/// An object to be stored. `Debug` shows no content.
#[derive(Clone, PartialEq, Eq)]
pub struct PlannedObject {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// All of it that is ours, to be applied as it is.
    pub value: Value,
    /// Of its data, as Kubernetes counts them for its limit.
    pub bytes: usize,
}

impl fmt::Debug for PlannedObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlannedObject")
            .field("kind", &self.kind)
            .field("name", &self.name)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl PlannedObject {
    pub(super) fn new(
        settings: &Settings,
        kind: ObjectKind,
        component: &str,
        file: &str,
        document: &Encoded,
    ) -> Self {
        let name = format!("{}-{file}", settings.release);
        let key = format!("{file}.json{}", if document.gzip { ".gz" } else { "" });
        let mut labels = json!(settings.labels());
        labels["app.kubernetes.io/component"] = component.into();
        let mut value = json!({
            "apiVersion": "v1",
            "kind": kind.as_str(),
            "metadata": { "labels": labels, "name": name, "namespace": settings.namespace },
        });
        if let Some(owner) = &settings.owner {
            value["metadata"]["ownerReferences"] = json!([owner]);
        }
        let bytes = key.len() + document.bytes.len();
        let text = std::str::from_utf8(&document.bytes)
            .ok()
            .filter(|_| !document.gzip);
        let (field, content) = match (kind, text) {
            (ObjectKind::ConfigMap, Some(text)) => ("data", text.to_owned()),
            (ObjectKind::ConfigMap, None) => ("binaryData", BASE64_STANDARD.encode(&document.bytes)),
            (ObjectKind::Secret, _) => ("data", BASE64_STANDARD.encode(&document.bytes)),
        };
        value[field] = json!({ key: content });
        if kind == ObjectKind::Secret {
            value["type"] = "Opaque".into();
        }
        Self {
            kind,
            name,
            value,
            bytes,
        }
    }

    /// Whether a stored object has all that this one has and no other data, so that there is nothing to
    /// write.
    pub fn is_stored_as(&self, stored: &Value) -> bool {
        let same = |field: &str| content(&self.value, field) == content(stored, field);
        let has_labels = pairs(&self.value, "/metadata/labels").is_none_or(|ours| {
            ours.iter().all(|(key, label)| {
                pairs(stored, "/metadata/labels").and_then(|theirs| theirs.get(key)) == Some(label)
            })
        });
        let uids = |object: &Value| -> Vec<Value> {
            let owners = object
                .pointer("/metadata/ownerReferences")
                .and_then(Value::as_array);
            owners
                .into_iter()
                .flatten()
                .filter_map(|owner| owner.get("uid").cloned())
                .collect()
        };
        let has_owner = uids(&self.value).iter().all(|uid| uids(stored).contains(uid));
        same("data") && same("binaryData") && has_labels && has_owner
    }
}

fn pairs<'a>(object: &'a Value, pointer: &str) -> Option<&'a Map<String, Value>> {
    object.pointer(pointer)?.as_object()
}

/// Absent, null and empty are alike.
fn content<'a>(object: &'a Value, field: &str) -> Option<&'a Map<String, Value>> {
    object
        .get(field)?
        .as_object()
        .filter(|content| !content.is_empty())
}
