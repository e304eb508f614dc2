//! Metrics that tell a state, made when somebody asks.
//!
//! | name | what |
//! | --- | --- |
//! | `weir_build_info{version}` | 1 |
//! | `weir_objects{kind}` | objects that are known; of Secrets and ConfigMaps those that are referred to |
//! | `weir_findings{code,reason,severity}` | findings of the last compilation |
//! | `weir_compiled_revision` | the config's revision in the last compilation |
//! | `weir_watch{kind,namespace,state}` | 1 for the state that each watch is in: `starting`, `watching`, `absent` (the cluster lacks the kind) or `failing` |

use std::{collections::BTreeMap, fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, EncodeMetric as _},
    metrics::{MetricType, gauge::ConstGauge},
};
use tokio::sync::watch;

use crate::{
    cluster::{
        engine::Compiled,
        watch::{Health, WatchHealth, Watched},
    },
    compile::{
        Snapshot,
        finding::{Finding, Kind},
    },
};

/// Where the states are read.
#[derive(Debug)]
pub(super) struct State {
    pub health: watch::Receiver<Health>,
    pub compiled: watch::Receiver<Option<Arc<Compiled>>>,
}

impl Collector for State {
    fn encode(&self, mut out: DescriptorEncoder<'_>) -> fmt::Result {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        gauges(&mut out, "build_info", "The running version", [(version, 1)])?;
        let health = self.health.borrow().clone();
        gauges(
            &mut out,
            "watch",
            "The state that each watch is in",
            watches(&health),
        )?;
        let Some(compiled) = self.compiled.borrow().clone() else {
            return Ok(());
        };
        let kinds = objects(&compiled.snapshot).map(|(kind, count)| ([("kind", kind.as_str())], count));
        gauges(&mut out, "objects", "Objects that are known", kinds)?;
        let compilation = &compiled.compilation;
        let help = "Findings of the last compilation";
        gauges(&mut out, "findings", help, findings(&compilation.findings))?;
        let help = "The config's revision in the last compilation";
        let none: [(&str, &str); 0] = [];
        gauges(
            &mut out,
            "compiled_revision",
            help,
            [(none, compilation.config.revision)],
        )
    }
}

fn gauges<L: EncodeLabelSet, N: EncodeGaugeValue>(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl IntoIterator<Item = (L, N)>,
) -> fmt::Result
where
    ConstGauge<N>: prometheus_client::encoding::EncodeMetric,
{
    let mut family = out.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in series {
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn watches(health: &Health) -> impl Iterator<Item = ([(&'static str, &str); 3], i64)> {
    health.iter().map(|(source, health)| {
        let state = match health {
            WatchHealth::Starting => "starting",
            WatchHealth::Watching => "watching",
            WatchHealth::Absent => "absent",
            WatchHealth::Failing(_) => "failing",
        };
        let (kind, namespace) = match source {
            Watched::Objects(source) => (source.kind.as_str(), source.namespace.as_deref()),
            Watched::Own { kind, .. } => (*kind, None),
        };
        let labels = [
            ("kind", kind),
            ("namespace", namespace.unwrap_or_default()),
            ("state", state),
        ];
        (labels, 1)
    })
}

fn objects(snapshot: &Snapshot) -> impl Iterator<Item = (Kind, u64)> {
    let slices = snapshot.endpoint_slices.values().map(BTreeMap::len).sum();
    [
        (Kind::ConfigMap, snapshot.config_maps.len()),
        (Kind::EndpointSlice, slices),
        (Kind::IngressRoute, snapshot.ingress_routes.len()),
        (Kind::Node, snapshot.nodes.len()),
        (Kind::Secret, snapshot.secrets.len()),
        (Kind::ServersTransport, snapshot.servers_transports.len()),
        (Kind::Service, snapshot.services.len()),
        (Kind::TraefikService, snapshot.traefik_services.len()),
    ]
    .into_iter()
    .map(|(kind, count)| (kind, count as u64))
}

fn findings(findings: &[Finding]) -> impl Iterator<Item = (Vec<(&'static str, String)>, i64)> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry((finding.code, finding.severity)).or_default() += 1;
    }
    counts.into_iter().map(|((code, severity), count)| {
        let labels = vec![
            ("code", code.id()),
            ("reason", code.reason().to_owned()),
            ("severity", severity.as_str().to_owned()),
        ];
        (labels, count)
    })
}
