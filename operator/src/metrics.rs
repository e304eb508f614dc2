//! The operator's metrics, for Prometheus.
//!
//! | name | what |
//! | --- | --- |
//! | `weir_compile_seconds` | time to compile |
//! | `weir_compile_failures_total` | compilations that broke down or made a config that does not hold: a defect, and the last config stays |
//! | `weir_publish_seconds` | time from a change until everything is stored |
//! | `weir_published_objects_total{kind}` | objects written |
//! | `weir_published_bytes_total{kind}` | bytes of their data |
//! | `weir_publish_failures_total{reason}` | rounds of publishing that ended early |
//! | `weir_proxies{state}` | proxies that are `ready`, `starting` or `rejecting` |
//! | `weir_proxy_acknowledgements_total` | how often a proxy was found to serve what is published |
//! | `weir_proxy_notifications_total{attempt}` | `first` or `repeated` changes of a pod's annotation |
//! | `weir_status_writes_total{result}` | writes of statuses |
//! | `weir_events_total{result}` | creations of Events |
//! | `weir_leader` | 1 on the replica that writes |
//! | `weir_resource_condition{kind,namespace,name,type,status}` | 1 for what each object's condition is; on the leader only |

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{
        MetricType,
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
    },
    registry::Registry,
};

use crate::{
    compile::finding::ObjectId,
    publish::ObjectKind,
    status::{Condition, Proxy},
};

type Labels = [(&'static str, &'static str); 1];

/// Why rounds of publishing end early.
const PUBLISH_FAILURES: [&str; 10] = [
    "another_version",
    "conflict",
    "forbidden",
    "internal",
    "not_found",
    "owner_gone",
    "refused",
    "timeout",
    "too_large",
    "unreachable",
];

/// Counters that are there from the start: what appears with its first 1 never rises, as far as Prometheus can tell.
fn from_zero(label: &'static str, values: &[&'static str]) -> Family<Labels, Counter> {
    let family = Family::<Labels, Counter>::default();
    for value in values {
        drop(family.get_or_create(&[(label, *value)]));
    }
    family
}

/// All metrics. Clones share what they count.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Of compiling.
    pub compiler: CompilerMetrics,
    /// Of publishing.
    pub publisher: PublisherMetrics,
    /// Of what proxies do with it.
    pub delivery: DeliveryMetrics,
    /// Of what is reported on objects.
    pub reports: ReportMetrics,
    /// Whether this replica writes.
    pub leader: Gauge,
}

impl Metrics {
    /// Adds all of them to a registry, whose prefix is `weir`.
    pub fn register(registry: &mut Registry) -> Self {
        let leader = Gauge::default();
        registry.register("leader", "Whether this replica writes", leader.clone());
        Self {
            compiler: CompilerMetrics::register(registry),
            publisher: PublisherMetrics::register(registry),
            delivery: DeliveryMetrics::register(registry),
            reports: ReportMetrics::register(registry),
            leader,
        }
    }
}

/// Of compiling.
#[derive(Clone, Debug)]
pub struct CompilerMetrics {
    duration: Histogram,
    failures: Counter,
}

impl CompilerMetrics {
    fn register(registry: &mut Registry) -> Self {
        let duration = Histogram::new([0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]);
        registry.register("compile_seconds", "Time to compile", duration.clone());
        let failures = Counter::default();
        let help = "Compilations that broke down or made a config that does not hold";
        registry.register("compile_failures", help, failures.clone());
        Self { duration, failures }
    }

    /// Something was compiled, in so long.
    pub fn compiled(&self, duration: Duration) {
        self.duration.observe(duration.as_secs_f64());
    }

    /// A compilation broke down, or what it made does not hold.
    pub fn failed(&self) {
        self.failures.inc();
    }

    /// How often that happened.
    #[cfg(test)]
    pub fn failures(&self) -> u64 {
        self.failures.get()
    }
}

/// Of publishing.
#[derive(Clone, Debug)]
pub struct PublisherMetrics {
    latency: Histogram,
    objects: Family<Labels, Counter>,
    bytes: Family<Labels, Counter>,
    failures: Family<Labels, Counter>,
}

impl PublisherMetrics {
    fn register(registry: &mut Registry) -> Self {
        let kinds = [ObjectKind::ConfigMap, ObjectKind::Secret].map(ObjectKind::as_str);
        let metrics = Self {
            latency: Histogram::new([0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]),
            objects: from_zero("kind", &kinds),
            bytes: from_zero("kind", &kinds),
            failures: from_zero("reason", &PUBLISH_FAILURES),
        };
        let Self {
            latency,
            objects,
            bytes,
            failures,
        } = metrics.clone();
        let help = "Time from a change until everything is stored";
        registry.register("publish_seconds", help, latency);
        registry.register("published_objects", "Objects written", objects);
        registry.register("published_bytes", "Bytes of the data of objects written", bytes);
        let help = "Rounds of publishing that ended early, by reason";
        registry.register("publish_failures", help, failures);
        metrics
    }

    /// Everything is stored, so long after the first change.
    pub fn published(&self, latency: Duration) {
        self.latency.observe(latency.as_secs_f64());
    }

    /// An object was written, with so many bytes of data.
    pub fn wrote(&self, kind: ObjectKind, bytes: usize) {
        let labels = [("kind", kind.as_str())];
        self.objects.get_or_create(&labels).inc();
        self.bytes.get_or_create(&labels).inc_by(bytes as u64);
    }

    /// A round ended early.
    pub fn failed(&self, reason: &'static str) {
        self.failures.get_or_create(&[("reason", reason)]).inc();
    }
}

/// Of what proxies do with what is published.
#[derive(Clone, Debug)]
pub struct DeliveryMetrics {
    proxies: Family<Labels, Gauge>,
    acknowledgements: Counter,
    notifications: Family<Labels, Counter>,
}

impl DeliveryMetrics {
    fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            proxies: Family::default(),
            acknowledgements: Counter::default(),
            notifications: from_zero("attempt", &["first", "repeated"]),
        };
        let Self {
            proxies,
            acknowledgements,
            notifications,
        } = metrics.clone();
        registry.register("proxies", "Proxies, by state", proxies);
        let help = "How often a proxy was found to serve what is published";
        registry.register("proxy_acknowledgements", help, acknowledgements);
        let help = "Changes of the annotation that makes kubelet look";
        registry.register("proxy_notifications", help, notifications);
        metrics
    }

    /// A proxy serves what is published, for the first time since that was.
    pub fn acknowledged(&self) {
        self.acknowledgements.inc();
    }

    /// A pod's annotation was changed.
    pub fn notified(&self, repeated: bool) {
        let attempt = if repeated { "repeated" } else { "first" };
        self.notifications.get_or_create(&[("attempt", attempt)]).inc();
    }

    /// These are all proxies.
    pub fn proxies(&self, proxies: &[Proxy]) {
        let count = |counts: fn(&Proxy) -> bool| proxies.iter().filter(|p| counts(p)).count();
        for (state, count) in [
            ("ready", count(|p| p.ready)),
            ("starting", count(|p| !p.ready)),
            ("rejecting", count(|p| p.rejection.is_some())),
        ] {
            self.proxies
                .get_or_create(&[("state", state)])
                .set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

/// Of what is reported on objects.
#[derive(Clone, Debug)]
pub struct ReportMetrics {
    writes: Family<Labels, Counter>,
    events: Family<Labels, Counter>,
    conditions: Arc<Conditions>,
}

impl ReportMetrics {
    fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            writes: from_zero("result", &["written", "conflict"]),
            events: from_zero("result", &["created", "known"]),
            conditions: Arc::default(),
        };
        let Self {
            writes,
            events,
            conditions,
        } = metrics.clone();
        registry.register("status_writes", "Writes of statuses, by result", writes);
        registry.register("events", "Creations of Events, by result", events);
        registry.register_collector(Box::new(conditions));
        metrics
    }

    /// The result of a write of a status.
    pub fn status_write(&self, result: &'static str) {
        self.writes.get_or_create(&[("result", result)]).inc();
    }

    /// The result of a creation of an Event.
    pub fn event(&self, result: &'static str) {
        self.events.get_or_create(&[("result", result)]).inc();
    }

    /// An object's conditions are these now.
    pub fn conditions(&self, object: &ObjectId, conditions: &[Condition]) {
        let conditions = conditions.iter().map(|c| (c.kind, c.status())).collect();
        self.conditions.table().insert(object.clone(), conditions);
    }

    /// Keeps the conditions of these objects only.
    pub fn retain(&self, keep: impl Fn(&ObjectId) -> bool) {
        self.conditions.table().retain(|object, _| keep(object));
    }
}

type ConditionTable = BTreeMap<ObjectId, Vec<(&'static str, &'static str)>>;

/// The conditions of all objects, type and status.
#[derive(Debug, Default)]
struct Conditions(Mutex<ConditionTable>);

impl Conditions {
    fn table(&self) -> std::sync::MutexGuard<'_, ConditionTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for Conditions {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "1 for what each object's condition is";
        let mut family = encoder.encode_descriptor("resource_condition", help, None, MetricType::Gauge)?;
        for (object, conditions) in self.table().iter() {
            for (kind, status) in conditions {
                let labels = [
                    ("kind", object.kind.as_str()),
                    ("namespace", &object.name.namespace),
                    ("name", &object.name.name),
                    ("type", kind),
                    ("status", status),
                ];
                ConstGauge::new(1_i64).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use weir_model::name::NamespacedName;

    use super::*;
    use crate::compile::finding::Kind;

    fn text(registry: &Registry) -> String {
        let mut text = String::new();
        encode(&mut text, registry).unwrap();
        text
    }

    #[test]
    fn an_objects_condition_has_one_series_whatever_it_was_before() {
        let mut registry = Registry::with_prefix("weir");
        let metrics = Metrics::register(&mut registry);
        let object = ObjectId {
            kind: Kind::TraefikService,
            name: NamespacedName::new("apps", "a"),
        };
        let condition = |holds| Condition {
            kind: "Ready",
            holds,
            reason: "X",
            message: String::new(),
        };
        metrics.reports.conditions(&object, &[condition(true)]);
        metrics.reports.conditions(&object, &[condition(false)]);
        let series = r#"weir_resource_condition{kind="TraefikService",namespace="apps",name="a",type="Ready",status="False"} 1"#;
        let shown = text(&registry);
        assert!(shown.contains(series), "{shown}");
        assert_eq!(shown.matches("weir_resource_condition{").count(), 1);
        metrics.reports.retain(|_| false);
        assert!(!text(&registry).contains("weir_resource_condition{"));
    }

    #[test]
    fn names_are_as_documented() {
        let mut registry = Registry::with_prefix("weir");
        let metrics = Metrics::register(&mut registry);
        metrics.compiler.compiled(Duration::from_millis(2));
        metrics.publisher.published(Duration::from_millis(2));
        metrics.publisher.wrote(ObjectKind::Secret, 12);
        metrics.publisher.failed("conflict");
        metrics.delivery.acknowledged();
        metrics.delivery.notified(false);
        metrics.delivery.proxies(&[]);
        metrics.reports.status_write("written");
        metrics.reports.event("created");
        let shown = text(&registry);
        for series in [
            "weir_compile_seconds_count 1",
            "weir_compile_failures_total 0",
            "weir_publish_seconds_count 1",
            r#"weir_published_objects_total{kind="Secret"} 1"#,
            r#"weir_published_bytes_total{kind="Secret"} 12"#,
            r#"weir_publish_failures_total{reason="conflict"} 1"#,
            r#"weir_proxies{state="ready"} 0"#,
            "weir_proxy_acknowledgements_total 1",
            r#"weir_proxy_notifications_total{attempt="first"} 1"#,
            r#"weir_status_writes_total{result="written"} 1"#,
            r#"weir_events_total{result="created"} 1"#,
            "weir_leader 0",
        ] {
            assert!(shown.contains(series), "{series} is not in {shown}");
        }
    }
}
