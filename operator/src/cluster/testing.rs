//! An engine without a cluster, for tests: events go in, compilations come out, the clock is paused.

pub(super) mod api;
pub(super) mod log;

use std::{sync::Arc, time::Duration};

use kube::runtime::watcher::Event;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use weir_model::document::Config;

use super::{
    Answer, Change, Fetched, Observed, Scope, Source,
    engine::{Compiled, Engine, Outputs, Waits},
};
use crate::{
    compile::{
        Options,
        finding::{Kind, ObjectId},
    },
    metrics::Metrics,
};

/// An engine that runs, and all that goes in and out of it.
pub(super) struct Bench {
    pub changes: mpsc::Sender<Change>,
    pub published: watch::Sender<Option<Arc<Config>>>,
    pub outputs: Outputs,
    scope: Scope,
    generation: i64,
}

impl Bench {
    /// With nothing known and nothing read.
    pub fn start() -> Self {
        Self::with_scope(Scope::default())
    }

    pub fn with_scope(scope: Scope) -> Self {
        Self::with(scope, Waits::default())
    }

    pub fn with(scope: Scope, waits: Waits) -> Self {
        let metrics = Metrics::register(&mut Registry::default()).compiler;
        let (engine, outputs) = Engine::new(scope.clone(), Options::default(), waits, metrics);
        Self::of(engine, outputs, scope)
    }

    /// Of this engine.
    pub fn of(engine: Engine, outputs: Outputs, scope: Scope) -> Self {
        let (changes, changes_in) = mpsc::channel(super::engine::CHANGES);
        let (published, published_in) = watch::channel(None);
        tokio::spawn(engine.run(changes_in, published_in));
        Self {
            changes,
            published,
            outputs,
            scope,
            generation: 0,
        }
    }

    /// With these objects listed, nothing published, and the first compilation made.
    pub async fn synced(objects: &[(Kind, Value)]) -> Self {
        Self::start().sync(objects).await
    }

    /// With these objects listed, nothing published, and the first compilation made.
    pub async fn sync(mut self, objects: &[(Kind, Value)]) -> Self {
        let bench = &mut self;
        bench.publish(Config::default());
        for source in bench.scope.sources() {
            bench.list(&source, objects).await;
        }
        bench.answer_all(objects).await;
        bench.next().await;
        self
    }

    /// Objects of a watch, as one list.
    pub async fn list(&self, source: &Source, objects: &[(Kind, Value)]) {
        self.tell(source, Event::Init).await;
        for (kind, object) in objects.iter().filter(|(kind, _)| *kind == source.kind) {
            self.tell(source, Event::InitApply(Observed::read(*kind, object)))
                .await;
        }
        self.tell(source, Event::InitDone).await;
    }

    pub async fn tell(&self, source: &Source, event: Event<Observed>) {
        self.changes
            .send(Change::Watched(source.clone(), event))
            .await
            .unwrap();
    }

    pub async fn apply(&self, kind: Kind, object: &Value) {
        self.tell(&source(kind), Event::Apply(Observed::read(kind, object)))
            .await;
    }

    pub async fn delete(&self, kind: Kind, object: &Value) {
        self.tell(&source(kind), Event::Delete(Observed::read(kind, object)))
            .await;
    }

    /// Waits for the next compilation.
    pub async fn next(&mut self) -> Arc<Compiled> {
        let wait = self.outputs.compiled.changed();
        tokio::time::timeout(Duration::from_mins(1), wait)
            .await
            .expect("nothing is compiled")
            .unwrap();
        self.outputs.compiled.borrow_and_update().clone().unwrap()
    }

    /// Whether nothing is compiled for a long time.
    pub async fn is_quiet(&mut self) -> bool {
        let wait = self.outputs.compiled.changed();
        tokio::time::timeout(Duration::from_mins(1), wait).await.is_err()
    }

    pub fn publish(&self, config: impl Into<Arc<Config>>) {
        self.published.send_replace(Some(config.into()));
    }

    /// What is asked for, as soon as it is.
    pub async fn wanted(&mut self) -> Vec<(ObjectId, u64)> {
        let wait = self.outputs.wanted.changed();
        tokio::time::timeout(Duration::from_mins(1), wait)
            .await
            .expect("nothing is asked for")
            .unwrap();
        let wanted = self.outputs.wanted.borrow_and_update();
        wanted
            .objects
            .iter()
            .map(|(id, ticket)| (id.clone(), *ticket))
            .collect()
    }

    pub async fn answer(&self, id: ObjectId, ticket: u64, answer: Answer) {
        let fetched = Fetched { id, ticket, answer };
        self.changes.send(Change::Fetched(fetched)).await.unwrap();
    }

    /// Answers what is asked for out of some objects, if anything is.
    async fn answer_all(&mut self, objects: &[(Kind, Value)]) {
        let needed = objects
            .iter()
            .any(|(kind, object)| *kind == Kind::IngressRoute && object.pointer("/spec/tls").is_some());
        if !needed {
            return;
        }
        for (id, ticket) in self.wanted().await {
            let found = objects
                .iter()
                .find(|(kind, object)| Observed::read(*kind, object).id() == &id);
            let answer = found.map_or(Answer::Absent, |(kind, object)| Answer::found(*kind, object));
            self.answer(id, ticket, answer).await;
        }
    }

    /// The generation that was made last.
    pub fn generation(&self) -> i64 {
        self.generation
    }

    /// A TraefikService with these weights.
    pub fn weighted(&mut self, name: &str, services: &[(&str, i64)]) -> Value {
        self.generation += 1;
        let services: Vec<Value> = services
            .iter()
            .map(|(name, weight)| json!({ "name": name, "port": 80, "weight": weight }))
            .collect();
        json!({
            "metadata": { "namespace": "apps", "name": name, "uid": name, "generation": self.generation,
                "resourceVersion": self.generation.to_string() },
            "spec": { "weighted": { "services": services } },
        })
    }
}

pub(super) fn source(kind: Kind) -> Source {
    Source {
        kind,
        namespace: None,
    }
}

pub(super) fn id(kind: Kind, name: &str) -> ObjectId {
    ObjectId {
        kind,
        name: weir_model::name::NamespacedName::new("apps", name),
    }
}

pub(super) fn service(name: &str) -> Value {
    json!({ "metadata": { "namespace": "apps", "name": name }, "spec": { "ports": [{ "port": 80 }] } })
}

pub(super) fn slice(service: &str, addresses: &[&str]) -> Value {
    json!({
        "metadata": { "namespace": "apps", "name": format!("{service}-1"),
            "labels": { "kubernetes.io/service-name": service } },
        "ports": [{ "port": 80 }], "endpoints": [{ "addresses": addresses }],
    })
}

/// Milliseconds of the paused clock since then.
pub(super) fn millis_since(then: Instant) -> u128 {
    then.elapsed().as_millis()
}
