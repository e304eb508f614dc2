//! What the admin port tells about health checks: metrics and a page.

use std::{collections::BTreeMap, fmt, sync::Arc, time::SystemTime};

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder};
use serde_json::{Value, json};
use weir_model::document::HealthMode;

use super::collect::Out;
use crate::{
    health::{Counts, Outcome, Report, Verdict},
    limits::Limits,
    metrics::Label as _,
    state::{Checked, Snapshot},
    timestamp::rfc3339,
};

/// weir's own metrics of health checks.
#[derive(Debug)]
pub(super) struct Probes {
    pub(super) counts: Arc<Counts>,
    pub(super) limits: Limits,
    pub(super) snapshot: Arc<Snapshot>,
}

impl Collector for Probes {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self {
            counts,
            limits,
            snapshot,
        } = self;
        let mut out = Out(encoder);
        let mut up = out.gauges(
            "endpoint_up",
            "Whether an endpoint whose health is checked takes part",
        )?;
        for ((service, endpoint), is_up) in states(snapshot, |checked| checked.endpoint.address.to_string()) {
            up.gauge(
                &[("service", service), ("endpoint", &endpoint)],
                &u64::from(is_up),
            )?;
        }
        let mut probes = out.counters("health_probes", "Probes of health checks, by what came of them")?;
        for outcome in Outcome::ALL {
            let count = counts.outcomes[*outcome as usize].get();
            probes.counter(&[("outcome", outcome.label())], &count)?;
        }
        let help = "How often an endpoint became unhealthy or healthy again";
        out.counter("health_changes", help, &counts.changes.get())?;
        out.gauge("health_probes_open", "Probes under way", &counts.running.get())?;
        let help = "Probes that may be under way";
        out.gauge("health_probes_limit", help, &(limits.health_max_probes as u64))?;
        let help = "Probes that started late, as more were due than may start";
        out.counter("health_probes_delayed", help, &counts.delayed.get())?;
        let lag = counts.lag.get() as f64 / 1e6;
        out.gauge(
            "health_probe_lag_seconds",
            "How late the last probe started",
            &lag,
        )
    }
}

/// The metric of Traefik's name.
#[derive(Debug)]
pub(super) struct ServersUp(pub(super) Arc<Snapshot>);

impl Collector for ServersUp {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Out(encoder);
        let mut up = out.gauges(
            "service_server_up",
            "Whether a server is up, 1, or down, 0; of services with a health check",
        )?;
        for ((service, url), is_up) in states(&self.0, url) {
            up.gauge(&[("service", service), ("url", &url)], &u64::from(is_up))?;
        }
        Ok(())
    }
}

fn url(checked: &Checked) -> String {
    let endpoint = &checked.endpoint;
    format!("{}://{}", endpoint.scheme.as_str(), endpoint.address)
}

/// Whether endpoints are up, by service and name. Two references of one label that check in different ways have one line: up
/// when both are.
fn states(snapshot: &Snapshot, name: fn(&Checked) -> String) -> BTreeMap<(&str, String), bool> {
    let mut states = BTreeMap::new();
    for checked in snapshot.checked() {
        let up = states.entry((&*checked.service, name(checked))).or_insert(true);
        *up &= checked.health.is_up();
    }
    states
}

/// All endpoints whose health is checked, as JSON.
pub(super) fn page(snapshot: &Snapshot) -> Value {
    let mut checked: Vec<_> = snapshot.checked().iter().collect();
    checked.sort_by_key(|checked| (checked.service.clone(), checked.endpoint.address.clone()));
    let now = SystemTime::now();
    json!({ "endpoints": checked.into_iter().map(|checked| endpoint(checked, now)).collect::<Value>() })
}

fn endpoint(checked: &Checked, now: SystemTime) -> Value {
    let Checked {
        endpoint,
        health,
        service,
    } = checked;
    let Report { last, since } = health.report();
    let state = match (&last, health.is_up()) {
        (None, _) => "unknown",
        (_, true) => "up",
        (_, false) => "down",
    };
    let settings = &health.check.settings;
    let mode = match settings.mode {
        HealthMode::Grpc => "grpc",
        HealthMode::Http => "http",
    };
    json!({
        "endpoint": endpoint.address.to_string(),
        "forSeconds": now.duration_since(since).unwrap_or_default().as_secs(),
        "lastProbe": last.map(|(at, verdict)| json!({ "at": rfc3339(at), "result": text(&verdict) })),
        "probe": {
            "address": health.address.to_string(),
            "interval": settings.interval.to_string(),
            "mode": mode,
            "path": settings.path,
            "scheme": health.check.scheme.as_str(),
            "unhealthyInterval": settings.unhealthy_interval.to_string(),
        },
        "service": &**service,
        "since": rfc3339(since),
        "state": state,
    })
}

fn text(verdict: &Verdict) -> String {
    match verdict {
        Ok(passed) => passed.to_string(),
        Err(fault) => fault.to_string(),
    }
}
