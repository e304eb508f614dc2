//! What comes of a job, over an API server that keeps objects.

use std::time::Duration;

use prometheus_client::registry::Registry;
use serde_json::Value;
use tokio::time::Instant;

use super::*;
use crate::{
    cluster::testing::api::FakeApi,
    status::{EventType, testing::traefik_service},
};

const OBJECT: &str = "/apis/traefik.io/v1alpha1/namespaces/apps/traefikservices/a";
const EVENTS: &str = "POST /api/v1/namespaces/apps/events";

/// An object `a`, and a writer that leads.
struct Bench {
    api: FakeApi,
    writer: Arc<Writer>,
    _claim: tokio::sync::watch::Sender<Option<Instant>>,
}

impl Bench {
    async fn start() -> Self {
        let api = FakeApi::start().await;
        api.state().put(
            OBJECT,
            json!({
                "apiVersion": "traefik.io/v1alpha1", "kind": "TraefikService",
                "metadata": { "namespace": "apps", "name": "a", "generation": 1 }, "spec": {},
            }),
        );
        let (claim, leadership) = Leadership::until(Some(Instant::now() + Duration::from_hours(1)));
        let writer = Writer {
            client: api.client.clone(),
            leadership,
            kinds: Kinds::new(api.client.clone()).0,
            records: Records::default(),
            metrics: Metrics::register(&mut Registry::default()),
            instance: "me".to_owned(),
        };
        let bench = Self {
            api,
            writer: Arc::new(writer),
            _claim: claim,
        };
        let watched = Record::read(&bench.stored());
        bench.writer.records.put(traefik_service("a"), watched);
        bench
    }

    fn stored(&self) -> Value {
        self.api.state().get(OBJECT).cloned().unwrap()
    }

    /// One Event and a status, for the object as it is now.
    fn job(&self) -> Job {
        let record = Record::read(&self.stored());
        let event = DesiredEvent {
            name: "a.1".to_owned(),
            object: traefik_service("a"),
            uid: record.uid.clone(),
            event_type: EventType::Warning,
            reason: "CycleDetected",
            message: "a cycle".to_owned(),
        };
        Job {
            object: traefik_service("a"),
            record: Arc::new(record),
            events: vec![event],
            status: Some(json!({ "leaves": 1 })),
            disputes: 0,
        }
    }

    async fn run(&self, job: Job) -> Done {
        self.writer.clone().run(job).await
    }
}

#[tokio::test]
async fn the_event_is_created_before_the_status_is_written_and_the_answer_is_on_record() {
    let bench = Bench::start().await;
    let done = bench.run(bench.job()).await;
    assert_eq!((done.outcome, done.failure), (Outcome::Written, None));
    assert_eq!(bench.api.writes(), [EVENTS, &format!("PUT {OBJECT}/status")]);
    assert_eq!(bench.stored()["status"], json!({ "leaves": 1 }));
    let record = bench.writer.records.get(&traefik_service("a")).unwrap();
    assert_eq!(*record, Record::read(&bench.stored()));
}

#[tokio::test]
async fn an_event_that_the_leader_before_created_is_no_failure_and_not_doubled() {
    let bench = Bench::start().await;
    bench.run(bench.job()).await;
    let again = bench.run(bench.job()).await;
    assert_eq!((again.outcome, again.failure), (Outcome::Written, None));
    assert!(again.lost.is_empty());
}

#[tokio::test]
async fn after_a_conflict_the_object_is_read_again() {
    let bench = Bench::start().await;
    let job = bench.job();
    let mut edited = bench.stored();
    edited["metadata"]["generation"] = 2.into();
    bench.api.state().put(OBJECT, edited);
    let done = bench.run(job).await;
    assert_eq!((done.outcome, done.failure), (Outcome::Changed, None));
    assert_eq!(bench.stored().get("status"), None);
    let record = bench.writer.records.get(&traefik_service("a")).unwrap();
    assert_eq!(record.generation, 2);
}

#[tokio::test]
async fn an_object_that_is_deleted_or_made_anew_meanwhile_is_left_alone() {
    let bench = Bench::start().await;
    let job = bench.job();
    let mut anew = bench.api.state().delete(OBJECT).unwrap();
    let done = bench.run(job.clone()).await;
    assert_eq!((done.outcome, done.failure), (Outcome::Gone, None));
    anew["metadata"]["uid"] = "another".into();
    bench.api.state().put(OBJECT, anew);
    let done = bench.run(job).await;
    assert_eq!((done.outcome, done.failure), (Outcome::Gone, None));
    assert_eq!(bench.stored().get("status"), None);
}

#[tokio::test]
async fn in_a_namespace_that_is_being_deleted_the_status_is_written_without_the_event_and_without_a_word() {
    let bench = Bench::start().await;
    let message = "events \"a.1\" is forbidden: unable to create new content in namespace apps because it is being terminated";
    bench.api.refuse(EVENTS, 403, message);
    let done = bench.run(bench.job()).await;
    assert_eq!((done.outcome, done.failure), (Outcome::Written, None));
    assert_eq!(done.lost.len(), 1);
    assert_eq!(bench.stored()["status"], json!({ "leaves": 1 }));
}

#[tokio::test]
async fn a_missing_permission_for_events_keeps_no_status_back_and_is_told() {
    let bench = Bench::start().await;
    let message = r#"events is forbidden: User "me" cannot create resource "events" in API group "" in the namespace "apps""#;
    bench.api.refuse(EVENTS, 403, message);
    let done = bench.run(bench.job()).await;
    assert_eq!(done.outcome, Outcome::Written);
    let failure = done.failure.unwrap();
    assert!(
        failure.contains(r#"resources: ["events"], verbs: ["create"]"#),
        "{failure}"
    );
}

#[tokio::test]
async fn what_must_not_be_written_is_refused_and_what_went_wrong_failed() {
    let bench = Bench::start().await;
    let status = format!("PUT {OBJECT}/status");
    for (code, outcome) in [
        (403, Outcome::Refused),
        (422, Outcome::Refused),
        (500, Outcome::Failed),
    ] {
        bench.api.refuse(&status, code, "no");
        let done = bench.run(bench.job()).await;
        assert_eq!(done.outcome, outcome, "{code}");
        assert!(done.failure.is_some());
    }
}

#[tokio::test]
async fn where_there_is_no_place_for_a_status_that_is_looked_at_again() {
    let bench = Bench::start().await;
    bench.api.refuse(
        &format!("PUT {OBJECT}/status"),
        404,
        "the server could not find the requested resource",
    );
    let done = bench.run(bench.job()).await;
    assert_eq!(done.outcome, Outcome::Failed);
}
