//! Storing a plan.

use std::sync::Arc;

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use serde_json::{Map, Value, json};
use thiserror::Error;
use tokio::{task::JoinError, time::timeout};
use weir_model::document::{Config, text::TextError};

use super::{Planned, Publisher, Taken, owner, stored::text};
use crate::{
    cluster::{
        watch::whole,
        write::{FIELD_MANAGER, LIMIT, WriteError, fenced},
    },
    publish::{ObjectKind, Plan, PlannedObject, bridge},
};

/// No object ever has this version, which is that of a cluster before anything was stored in it. So what is applied
/// with it is made if there is nothing of its name, and refused if there is: another leader may just have made it.
/// (To create it by POST would need a permission that cannot be confined to names, and what was created like that
/// stays when it is no longer applied.)
const NO_VERSION: &str = "1";

/// Why a round ended early.
#[derive(Debug, Error)]
pub(super) enum RoundError {
    #[error("{} {name}: {error}", kind.as_str())]
    Object {
        kind: ObjectKind,
        name: String,
        error: WriteError,
    },
    #[error("ConfigMap {0}, which owns what is published, is gone; is the release being uninstalled?")]
    OwnerGone(String),
    #[error("{0}")]
    TooLarge(String),
    #[error("a document cannot be written: {0}")]
    Text(TextError),
    #[error("planning failed: {0}")]
    Panicked(JoinError),
}

impl RoundError {
    /// As a metric label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Object { error, .. } => error.label(),
            Self::OwnerGone(_) => "owner_gone",
            Self::TooLarge(_) => "too_large",
            Self::Text(_) | Self::Panicked(_) => "internal",
        }
    }
}

impl Publisher {
    /// Stores what is not stored yet, and says so when all is.
    pub(super) async fn store(&mut self, planned: &Arc<Planned>) -> Result<(), RoundError> {
        let Some(plan) = &planned.plan else {
            // what was published before stays; the objects' conditions say so
            return Ok(());
        };
        if let Some(too_large) = plan.too_large().next() {
            return Err(RoundError::TooLarge(too_large));
        }
        let published = plan.published();
        let restoring = self.state.borrow().published == published;
        for object in self.bridge(planned, plan)?.iter().chain(&plan.objects) {
            if self.store_object(object).await? && restoring {
                let PlannedObject { kind, name, .. } = object;
                tracing::info!(
                    "restored {} {name}, which somebody edited or deleted",
                    kind.as_str()
                );
            }
            if is_config(object) {
                self.config_is_stored(&object.name, &planned.compilation.config);
            }
        }
        self.delete_obsolete(plan).await?;
        let news = self.state.send_if_modified(|state| {
            let news = state.published != published;
            state.published = published;
            news
        });
        if news {
            self.metrics
                .publisher
                .published(planned.compiled.changed_at.elapsed());
            tracing::info!(
                revision = plan.revision,
                changes = planned.compiled.changes,
                "published"
            );
        }
        Ok(())
    }

    /// What is to be stored first if the config is not: what it needs, what the stored one needs, and it.
    fn bridge(&self, planned: &Planned, plan: &Plan) -> Result<Vec<PlannedObject>, RoundError> {
        let config = plan.objects.iter().find(|object| is_config(object));
        let stored = config.and_then(|config| self.stored.get(config.kind, &config.name));
        let (Some(config), Some(stored)) = (config, stored) else {
            return Ok(Vec::new());
        };
        let previous = self.previous.borrow().clone();
        let Some(previous) = previous.filter(|_| !config.is_stored_as(stored)) else {
            return Ok(Vec::new());
        };
        let stored: Vec<&Value> = self.stored.objects().map(|(_, object)| object).collect();
        let mut objects =
            bridge(&planned.compilation, &previous, &stored, &self.settings).map_err(RoundError::Text)?;
        if !objects.is_empty() {
            objects.push(config.clone());
        }
        Ok(objects)
    }

    /// Stores an object, unless it is stored; whether it was not.
    async fn store_object(&mut self, object: &PlannedObject) -> Result<bool, RoundError> {
        let PlannedObject { kind, name, .. } = object;
        let stored = self.stored.get(*kind, name);
        if stored.is_some_and(|stored| object.is_stored_as(stored)) {
            return Ok(false);
        }
        let mut value = object.value.clone();
        match stored {
            // refused if it has changed since
            Some(stored) => guard(&mut value, stored),
            None => {
                value["metadata"]["resourceVersion"] = NO_VERSION.into();
                self.ensure_owner().await?;
            }
        }
        let apply = PatchParams::apply(FIELD_MANAGER).force();
        let answer = self.patch(object, &apply, &Patch::Apply(value)).await?;
        self.metrics.publisher.wrote(*kind, object.bytes);
        if !object.is_stored_as(&answer) {
            // what somebody else has put in beside our data does not go by applying
            let patch = without_foreign(object, &answer);
            self.patch(object, &PatchParams::default(), &Patch::Merge(patch))
                .await?;
        }
        Ok(true)
    }

    async fn patch(
        &mut self,
        object: &PlannedObject,
        params: &PatchParams,
        patch: &Patch<Value>,
    ) -> Result<Value, RoundError> {
        let PlannedObject { kind, name, .. } = object;
        let answer = fenced(&self.leadership, self.api(*kind).patch(name, params, patch)).await;
        let answer: DynamicObject = answer.map_err(|error| failed(object, error))?;
        let answer = whole(answer);
        self.stored.put(*kind, answer.clone());
        Ok(answer)
    }

    /// Before an object is made: as long as its owner is gone, it would be removed again at once.
    async fn ensure_owner(&self) -> Result<(), RoundError> {
        let Some(reference) = &self.settings.owner else {
            return Ok(());
        };
        let name = text(reference, "/name").to_owned();
        let exists = owner::exists(&self.client, &self.settings.namespace, reference);
        let exists = match timeout(LIMIT, exists).await {
            Ok(answer) => answer.map_err(WriteError::from),
            Err(_) => Err(WriteError::NoAnswer),
        };
        match exists {
            Ok(true) => Ok(()),
            Ok(false) => Err(RoundError::OwnerGone(name)),
            Err(error) => Err(RoundError::Object {
                kind: ObjectKind::ConfigMap,
                name,
                error,
            }),
        }
    }

    /// From now on compilations count from this config.
    fn config_is_stored(&mut self, name: &str, config: &Arc<Config>) {
        self.taken = Taken::of(self.stored.get(ObjectKind::ConfigMap, name));
        self.previous.send_if_modified(|previous| {
            let news = previous.as_ref() != Some(config);
            if news {
                *previous = Some(config.clone());
            }
            news
        });
    }

    /// Removes objects of a former number of shards.
    async fn delete_obsolete(&mut self, plan: &Plan) -> Result<(), RoundError> {
        let obsolete = self
            .stored
            .objects()
            .filter(|(_, stored)| plan.is_obsolete(stored));
        let obsolete: Vec<_> = obsolete
            .map(|(key, stored)| (key.clone(), preconditions(stored)))
            .collect();
        for ((kind, name), preconditions) in obsolete {
            let params = DeleteParams {
                preconditions: Some(preconditions),
                ..DeleteParams::default()
            };
            match fenced(&self.leadership, self.api(kind).delete(&name, &params)).await {
                Ok(_) => tracing::info!("deleted {} {name}, which is no longer needed", kind.as_str()),
                Err(error) if error.code() == Some(404) => {}
                Err(error) => return Err(RoundError::Object { kind, name, error }),
            }
            self.stored.remove(kind, &name);
        }
        Ok(())
    }
}

fn failed(object: &PlannedObject, error: impl Into<WriteError>) -> RoundError {
    RoundError::Object {
        kind: object.kind,
        name: object.name.clone(),
        error: error.into(),
    }
}

fn is_config(object: &PlannedObject) -> bool {
    object.name.ends_with("-config") && object.kind == ObjectKind::ConfigMap
}

/// Makes a patch good only for an object as it was seen.
fn guard(patch: &mut Value, stored: &Value) {
    for field in ["resourceVersion", "uid"] {
        if let Some(value) = stored.pointer(&format!("/metadata/{field}")) {
            patch["metadata"][field] = value.clone();
        }
    }
}

fn preconditions(stored: &Value) -> Preconditions {
    let field = |pointer| Some(text(stored, pointer).to_owned());
    Preconditions {
        resource_version: field("/metadata/resourceVersion"),
        uid: field("/metadata/uid"),
    }
}

/// Takes away the data that the object should not have.
fn without_foreign(object: &PlannedObject, stored: &Value) -> Value {
    let mut patch = json!({ "metadata": {} });
    guard(&mut patch, stored);
    for field in ["data", "binaryData"] {
        let keys = |object: &Value| -> Vec<String> {
            let content = object.get(field).and_then(Value::as_object);
            content
                .map(|content| content.keys().cloned().collect())
                .unwrap_or_default()
        };
        let ours = keys(&object.value);
        let foreign = keys(stored).into_iter().filter(|key| !ours.contains(key));
        let foreign: Map<String, Value> = foreign.map(|key| (key, Value::Null)).collect();
        if !foreign.is_empty() {
            patch[field] = Value::Object(foreign);
        }
    }
    patch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        compile::{Options, Snapshot, compile},
        publish::{Settings, plan},
    };

    fn config_object() -> PlannedObject {
        let snapshot = Snapshot::default();
        let previous = Config::default();
        let mut compilation = compile(&snapshot, &Options::default(), &previous);
        let plan = plan(
            &mut compilation,
            &previous,
            &snapshot,
            &Settings::new("apps", "weir"),
        );
        let objects = plan.unwrap().unwrap().objects;
        let configs: Vec<_> = objects.into_iter().filter(is_config).collect();
        assert_eq!(configs.len(), 1);
        configs.into_iter().next().unwrap()
    }

    #[test]
    fn data_that_others_put_in_is_taken_away_and_ours_stays() {
        let object = config_object();
        let mut stored = object.value.clone();
        stored["metadata"]["resourceVersion"] = "7".into();
        stored["metadata"]["uid"] = "u".into();
        stored["data"]["extra"] = "x".into();
        stored["binaryData"] = json!({ "more": "eA==" });
        assert!(!object.is_stored_as(&stored));
        let patch = without_foreign(&object, &stored);
        let expected = json!({
            "metadata": { "resourceVersion": "7", "uid": "u" },
            "data": { "extra": null }, "binaryData": { "more": null },
        });
        assert_eq!(patch, expected);
    }
}
