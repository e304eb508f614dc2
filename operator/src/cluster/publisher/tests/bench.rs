//! A publisher over an API server that keeps objects.

use std::time::Duration;

use prometheus_client::registry::Registry;

use super::super::*;
use crate::{
    cluster::testing::api::FakeApi,
    status::testing::{made, service, weighted},
};

pub const CONFIG: &str = "/api/v1/namespaces/edge/configmaps/weir-config";
pub const ENDPOINTS: &str = "/api/v1/namespaces/edge/configmaps/weir-endpoints";

/// A leader whose watches have listed what is stored, and tell nothing else by themselves.
pub struct Bench {
    pub api: FakeApi,
    pub publisher: Publisher,
    pub outputs: Outputs,
    pub compiled: watch::Sender<Option<Arc<Compiled>>>,
    _claim: watch::Sender<Option<Instant>>,
}

impl Bench {
    /// One that finds nothing.
    pub async fn start() -> Self {
        Self::start_on(None).await
    }

    /// One that finds this config.
    pub async fn start_on(config: Option<Value>) -> Self {
        let api = FakeApi::start().await;
        let (claim, leadership) = Leadership::until(Some(Instant::now() + Duration::from_hours(1)));
        let (compiled, compiled_in) = watch::channel(None);
        let (publisher, outputs) = Publisher::new(
            api.client.clone(),
            Settings::new("edge", "weir"),
            leadership,
            compiled_in,
            Metrics::register(&mut Registry::default()),
            Reporter::new(&[]).0,
        );
        let mut bench = Self {
            api,
            publisher,
            outputs,
            compiled,
            _claim: claim,
        };
        for kind in [ObjectKind::ConfigMap, ObjectKind::Secret] {
            bench.publisher.observe(kind, Event::Init);
            if let (Some(config), ObjectKind::ConfigMap) = (&config, kind) {
                let object = bench.api.state().put(CONFIG, config.clone());
                bench.publisher.observe(kind, Event::InitApply(object));
            }
            bench.publisher.observe(kind, Event::InitDone);
        }
        bench
    }

    /// A TraefikService of this generation is compiled upon what is published.
    pub fn compile(&self, generation: i64) {
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

    /// A round that leaves nothing to do.
    pub async fn publish(&mut self) {
        assert_eq!(self.publisher.round().await, None);
    }

    pub fn revision(&self) -> u64 {
        self.outputs.state.borrow().published.revision
    }

    /// The watch tells of an object as it is stored now.
    pub fn tell(&mut self, path: &str) -> bool {
        let object = self.api.state().get(path).cloned().unwrap();
        self.publisher
            .observe(ObjectKind::ConfigMap, Event::Apply(object))
    }
}
