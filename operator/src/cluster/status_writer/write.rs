//! The requests of one job.

use std::sync::Arc;

use k8s_openapi::{api::core::v1::Event, jiff::Timestamp};
use kube::{
    Api, Client,
    api::{DynamicObject, PostParams},
};
use serde_json::json;
use tokio::time::timeout;

use super::{
    events::event,
    queue::{Job, Outcome},
};
use crate::{
    cluster::{
        lease::Leadership,
        records::{Record, Records},
        watch::{Kinds, api_resource, whole},
        write::{FIELD_MANAGER, LIMIT, WriteError, fenced},
    },
    metrics::Metrics,
    status::DesiredEvent,
};

/// Sends requests.
pub(super) struct Writer {
    pub client: Client,
    pub leadership: Leadership,
    pub kinds: Kinds,
    pub records: Records,
    pub metrics: Metrics,
    /// Who tells Events.
    pub instance: String,
}

/// What came of a job.
pub(super) struct Done {
    pub job: Job,
    pub outcome: Outcome,
    /// Events that were not created.
    pub lost: Vec<DesiredEvent>,
    /// Why it failed.
    pub failure: Option<String>,
}

/// What came of a job's Events.
#[derive(Default)]
struct Told {
    /// Those that were not created.
    lost: Vec<DesiredEvent>,
    /// The error, if another attempt may succeed.
    failed: Option<WriteError>,
    /// The permission that is missing.
    forbidden: Option<String>,
}

impl Writer {
    /// Creates the job's Events, then writes its status.
    pub async fn run(self: Arc<Self>, job: Job) -> Done {
        let Told {
            lost,
            failed,
            forbidden,
        } = self.create_events(&job).await;
        let result = match (failed, &job.status) {
            // with the status, it would seem to be told
            (Some(error), _) => Err(error),
            (None, Some(_)) => self.write_status(&job).await,
            (None, None) => Ok(Outcome::Written),
        };
        // whoever is told of one missing permission wants to hear of the other
        let both = |error: &WriteError| {
            let forbidden = forbidden.iter().map(|text| format!("{text}; "));
            Some(forbidden.chain([error.to_string()]).collect())
        };
        let (outcome, failure) = match result {
            Ok(outcome) => (outcome, forbidden),
            Err(WriteError::NotLeading) => (Outcome::Failed, None),
            Err(error) if error.is_refusal() => (Outcome::Refused, both(&error)),
            Err(error) => (Outcome::Failed, both(&error)),
        };
        Done {
            job,
            outcome,
            lost,
            failure,
        }
    }

    async fn create_events(&self, job: &Job) -> Told {
        let mut told = Told::default();
        let api: Api<Event> = Api::namespaced(self.client.clone(), &job.object.name.namespace);
        for desired in &job.events {
            if told.failed.is_some() {
                told.lost.push(desired.clone());
                continue;
            }
            let object = event(desired, &self.instance, Timestamp::now());
            let params = params();
            match fenced(&self.leadership, api.create(&params, &object)).await {
                Ok(_) => self.metrics.reports.event("created"),
                // by the replica that led before, or by this one before its status was written
                Err(error) if error.is_conflict() => self.metrics.reports.event("known"),
                Err(error) => {
                    self.metrics.reports.event(error.label());
                    told.lost.push(desired.clone());
                    // a namespace that is being deleted, or a missing permission, must not keep the status back
                    let refused = error.is_refusal() || error.code() == Some(404);
                    if !refused {
                        told.failed = Some(error);
                    } else if error.lacks_permission() {
                        told.forbidden = Some(format!("an Event is not created: {error}"));
                    } else {
                        tracing::debug!(object = %job.object, "cannot create an Event: {error}");
                    }
                }
            }
        }
        told
    }

    async fn write_status(&self, job: &Job) -> Result<Outcome, WriteError> {
        let Job { object, record, .. } = job;
        let resource = api_resource(object.kind);
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &object.name.namespace, &resource);
        // all of the status is replaced, and nothing else
        let body = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {
                "name": object.name.name,
                "namespace": object.name.namespace,
                "resourceVersion": record.resource_version,
                "uid": record.uid,
            },
            "status": job.status,
        });
        let body = serde_json::from_value(body).map_err(kube::Error::SerdeError)?;
        let params = params();
        let answer = fenced(
            &self.leadership,
            api.replace_status(&object.name.name, &params, &body),
        )
        .await;
        let error = match answer {
            Ok(written) => {
                self.metrics.reports.status_write("written");
                self.records.put_answer(object, Record::read(&whole(written)));
                return Ok(Outcome::Written);
            }
            Err(error) => error,
        };
        self.metrics.reports.status_write(error.label());
        match error.code() {
            Some(404 | 409) => self.reread(&api, job, error).await,
            _ => Err(error),
        }
    }

    /// After a refusal: reads the object again.
    async fn reread(
        &self,
        api: &Api<DynamicObject>,
        job: &Job,
        error: WriteError,
    ) -> Result<Outcome, WriteError> {
        let Job { object, record, .. } = job;
        let read = timeout(LIMIT, api.get_opt(&object.name.name)).await;
        let stored = match read {
            Ok(Ok(stored)) => stored.map(|stored| Record::read(&whole(stored))),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(WriteError::NoAnswer),
        };
        let Some(stored) = stored.filter(|stored| stored.uid == record.uid) else {
            return Ok(Outcome::Gone);
        };
        if stored.resource_version == record.resource_version {
            // the object is there, but there is no place for its status
            self.kinds.recheck();
            return Err(error);
        }
        self.records.put_answer(object, stored);
        Ok(Outcome::Changed)
    }
}

fn params() -> PostParams {
    PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    }
}

#[cfg(test)]
mod tests;
