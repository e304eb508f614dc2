//! A stored config of another version of the operator, as after a rollback.
//!
//! It holds what was accepted of objects that are refused now. Writing over it would lose that, and their
//! requests with it. So nothing is published until that version runs again or somebody deletes the config.

use super::Publisher;
use crate::publish::ReadError;

impl Publisher {
    /// From now on nothing may be published, as long as this config is stored.
    pub(super) fn block(&self, config: &str, error: &ReadError) {
        let why = format!(
            "another version of the operator wrote what is published ({error}): run that version, or delete ConfigMap {}/{config}, with which the last accepted state of objects that are refused now is lost",
            self.settings.namespace
        );
        let news = self.blocked.send_if_modified(|blocked| {
            let news = blocked.as_ref() != Some(&why);
            *blocked = Some(why.clone());
            news
        });
        if news {
            tracing::error!("nothing is published: {why}");
        }
    }

    /// What is stored can be built upon.
    pub(super) fn unblock(&self) {
        if self.blocked.send_if_modified(|blocked| blocked.take().is_some()) {
            tracing::info!("what is published can be read again");
        }
    }

    /// Whether nothing may be published; if so, others get to know why.
    pub(super) fn is_blocked(&self) -> bool {
        let Some(why) = self.blocked.borrow().clone() else {
            return false;
        };
        self.metrics.publisher.failed("another_version");
        self.state.send_if_modified(|state| state.fail(&why));
        true
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use kube::runtime::watcher::Event;
    use prometheus_client::registry::Registry;
    use serde_json::{Value, json};
    use tokio::{sync::watch, time::Instant};
    use weir_model::document::text::Digest;

    use super::{
        super::{Compiled, Leadership, Metrics, Outputs, Reporter, Settings},
        *,
    };
    use crate::{
        cluster::testing::{api::FakeApi, log::Logged},
        publish::ObjectKind,
        status::testing::{made, service, weighted},
    };

    const CONFIG: &str = "/api/v1/namespaces/edge/configmaps/weir-config";

    /// A leader whose watches have listed what is stored.
    struct Bench {
        api: FakeApi,
        publisher: Publisher,
        outputs: Outputs,
        compiled: watch::Sender<Option<Arc<Compiled>>>,
        _claim: watch::Sender<Option<Instant>>,
    }

    async fn bench(stored: Option<Value>) -> Bench {
        let api = FakeApi::start().await;
        let (claim, leadership) = Leadership::until(Some(Instant::now() + Duration::from_hours(1)));
        let (compiled, compiled_in) = watch::channel(None);
        let metrics = Metrics::register(&mut Registry::default());
        let settings = Settings::new("edge", "weir");
        let (publisher, outputs) = Publisher::new(
            api.client.clone(),
            settings,
            leadership,
            compiled_in,
            metrics,
            Reporter::new(&[]).0,
        );
        let mut bench = Bench {
            api,
            publisher,
            outputs,
            compiled,
            _claim: claim,
        };
        for kind in [ObjectKind::ConfigMap, ObjectKind::Secret] {
            bench.publisher.observe(kind, Event::Init);
            if let (Some(config), ObjectKind::ConfigMap) = (&stored, kind) {
                let object = bench.api.state().put(CONFIG, config.clone());
                bench.publisher.observe(kind, Event::InitApply(object));
            }
            bench.publisher.observe(kind, Event::InitDone);
        }
        bench
    }

    impl Bench {
        fn compile(&self, generation: i64) {
            let previous = self.outputs.previous.borrow().clone().unwrap();
            let objects = [service("s1"), weighted("a", generation, &["s1"])];
            let made = made(&objects, &previous);
            self.compiled.send_replace(Some(Arc::new(Compiled {
                compilation: made.compilation,
                snapshot: Arc::new(made.snapshot),
                previous,
                changes: 1,
                changed_at: Instant::now(),
                duration: Duration::ZERO,
            })));
        }

        fn failure(&self) -> String {
            let state = self.outputs.state.borrow();
            state.published.failure.clone().unwrap_or_default()
        }
    }

    fn config(text: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": "weir-config", "namespace": "edge" },
            "data": { "config.json": text },
        })
    }

    fn of_another_version() -> Value {
        let body = r#"{"schema":99,"more":{}}"#;
        let digest = Digest::of(body.as_bytes());
        config(&format!("{{\"digest\":\"{digest}\",\"document\":\n{body}\n}}\n"))
    }

    #[tokio::test]
    async fn what_another_version_wrote_stays_until_it_is_deleted() {
        let logged = Logged::start("info");
        let mut bench = bench(Some(of_another_version())).await;
        assert!(bench.publisher.round().await.is_some(), "it looks again");
        assert_eq!(*bench.outputs.previous.borrow(), None);
        assert_eq!(bench.api.writes(), [""; 0]);
        let why = bench.outputs.blocked.borrow().clone().unwrap();
        for part in [
            "schema 99",
            "run that version",
            "delete ConfigMap edge/weir-config",
        ] {
            assert!(why.contains(part), "{why}");
        }
        assert_eq!(bench.failure(), why);
        assert_eq!(logged.lines("nothing is published").len(), 1);

        let deleted = bench.api.state().delete(CONFIG).unwrap();
        bench
            .publisher
            .observe(ObjectKind::ConfigMap, Event::Delete(deleted));
        assert_eq!(*bench.outputs.blocked.borrow(), None);
        bench.compile(1);
        assert_eq!(bench.publisher.round().await, None);
        assert_eq!(bench.failure(), "");
        assert!(bench.api.state().get(CONFIG).is_some());
    }

    #[tokio::test]
    async fn what_a_newer_leader_writes_while_this_one_runs_stays_too() {
        let mut bench = bench(None).await;
        bench.compile(1);
        assert_eq!(bench.publisher.round().await, None);
        bench.api.writes();
        let mut newer = bench.api.state().get(CONFIG).cloned().unwrap();
        newer["data"] = of_another_version()["data"].clone();
        let newer = bench.api.state().put(CONFIG, newer);
        bench
            .publisher
            .observe(ObjectKind::ConfigMap, Event::Apply(newer));
        bench.compile(2);
        assert!(bench.publisher.round().await.is_some());
        assert_eq!(bench.api.writes(), [""; 0]);
        assert!(bench.failure().contains("schema 99"), "{}", bench.failure());
    }

    #[tokio::test]
    async fn what_somebody_broke_is_written_anew() {
        let logged = Logged::start("info");
        let mut bench = bench(Some(config("{}"))).await;
        assert_eq!(*bench.outputs.blocked.borrow(), None);
        assert_eq!(logged.lines("written anew").len(), 1);
        bench.compile(1);
        assert_eq!(bench.publisher.round().await, None);
        let stored = bench.api.state().get(CONFIG).cloned().unwrap();
        assert_ne!(stored["data"]["config.json"], "{}");
    }
}
