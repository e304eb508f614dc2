//! `/metrics`: the workers' counts, summed up, in the text form of `OpenMetrics`.

use std::{collections::BTreeMap, fmt, sync::Arc, time::SystemTime};

use prometheus_client::{
    collector::Collector,
    encoding::{
        DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet,
        text::{encode_eof, encode_registry},
    },
    metrics::MetricType,
    registry::Registry,
};

use super::{
    About,
    health::{Probes, ServersUp},
    traffic::Traffic,
};
use crate::{
    access_log,
    config::Status,
    drain::Stage,
    error::Failure,
    metrics::{CloseReason, Counter, Label, MirrorDrop, MirrorLabels, Mirrored, PauseReason, Retry, Shard},
    process::Process,
    readiness,
};

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// All metrics.
pub(super) fn text(about: &About) -> Result<String, fmt::Error> {
    let snapshot = about.current.load();
    let mut registry = Registry::with_prefix("weir");
    registry.register_collector(Box::new(Scrape {
        access_log: about.access_log.clone(),
        process: about.process.clone(),
        shards: about.shards.clone(),
        stage: about.drain.stage(),
        status: about.status.borrow().clone(),
    }));
    registry.register_collector(Box::new(Probes {
        counts: about.counts.clone(),
        limits: about.process.limits.clone(),
        snapshot: snapshot.clone(),
    }));
    // names that dashboards for Traefik ask for
    let mut as_traefik = Registry::with_prefix("traefik");
    as_traefik.register_collector(Box::new(Traffic {
        process: about.process.clone(),
        shards: about.shards.clone(),
        snapshot: snapshot.clone(),
        status: about.status.borrow().clone(),
    }));
    as_traefik.register_collector(Box::new(ServersUp(snapshot)));
    let mut text = String::new();
    encode_registry(&mut text, &registry)?;
    encode_registry(&mut text, &as_traefik)?;
    encode_eof(&mut text)?;
    Ok(text)
}

/// One scrape.
#[derive(Debug)]
struct Scrape {
    access_log: Arc<access_log::Control>,
    process: Arc<Process>,
    shards: Vec<Arc<Shard>>,
    stage: Stage,
    status: Status,
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Out(encoder);
        self.requests(&mut out)?;
        self.connections(&mut out)?;
        self.upstreams(&mut out)?;
        self.mirrors(&mut out)?;
        self.configuration(&mut out)
    }
}

impl Scrape {
    fn sum(&self, counter: impl Fn(&Shard) -> &Counter) -> u64 {
        self.shards
            .iter()
            .map(|shard| counter(shard).get())
            .fold(0, u64::wrapping_add)
    }

    fn by_reason<L: Label>(
        &self,
        out: &mut Out<'_>,
        name: &str,
        help: &str,
        counters: impl Fn(&Shard) -> &[Counter],
    ) -> fmt::Result {
        let mut family = out.counters(name, help)?;
        for (place, reason) in L::ALL.iter().enumerate() {
            let sum = self.sum(|shard| &counters(shard)[place]);
            family.counter(&[("reason", reason.label())], &sum)?;
        }
        Ok(())
    }

    fn requests(&self, out: &mut Out<'_>) -> fmt::Result {
        // hyper answers what it cannot parse before anyone else sees a request
        let mut responses = out.counters(
            "responses",
            "Responses by entry point and class of status, but for those to malformed heads (400, 431)",
        )?;
        for (index, entry_point) in self.process.entry_points.iter().enumerate() {
            let shards = self.shards.iter().map(|shard| shard.responses(index));
            let sums = shards.fold([0; 5], |sums: [u64; 5], counts| {
                std::array::from_fn(|class| sums[class] + counts[class])
            });
            for (class, sum) in CLASSES.into_iter().zip(sums) {
                responses.counter(
                    &[("entrypoint", entry_point.name.as_str()), ("code", class)],
                    &sum,
                )?;
            }
        }
        let mut failures = out.counters(
            "failures",
            "Requests that no upstream answered, or not to the end, by reason; without malformed heads",
        )?;
        for failure in Failure::ALL {
            let sum = self.sum(|shard| &shard.failures[failure as usize]);
            failures.counter(&[("reason", failure.reason())], &sum)?;
        }
        let dropped = self.sum(|shard| &shard.access_log_dropped) + self.access_log.lost.get();
        out.counter("access_log_dropped", "Lines that the access log lacks", &dropped)?;
        self.by_reason::<Retry>(out, "retries", "Requests that were sent again, by reason", |s| {
            &s.retries
        })
    }

    fn connections(&self, out: &mut Out<'_>) -> fmt::Result {
        let open = self.sum(|shard| &shard.open);
        out.gauge("connections", "Client connections", &open)?;
        let parked = self.sum(|shard| &shard.parked);
        out.gauge(
            "connections_parked",
            "Client connections without buffers, waiting for a request",
            &parked,
        )?;
        let upgraded = self.sum(|shard| &shard.upgraded);
        let help = "Client connections that have left HTTP, such as for WebSocket";
        out.gauge("connections_upgraded", help, &upgraded)?;
        let upgrades = self.sum(|shard| &shard.upgrades);
        out.counter("upgrades", "Client connections that left HTTP so far", &upgrades)?;
        let limit = self.process.limits.max_connections as u64;
        out.gauge(
            "connections_limit",
            "Client connections that there may be",
            &limit,
        )?;
        let accepted = self.sum(|shard| &shard.accepted);
        out.counter("connections_accepted", "Client connections so far", &accepted)?;
        let failed = self.sum(|shard| &shard.handshakes_failed);
        let help = "Client connections without a request, as their handshakes of TLS failed";
        out.counter("tls_handshakes_failed", help, &failed)?;
        let help = "Client connections (of HTTP/2 their streams as well) that the proxy cut off, by reason";
        self.by_reason::<CloseReason>(out, "connections_closed", help, |s| &s.closed)?;
        let help = "How often accepting connections had to pause, by reason";
        self.by_reason::<PauseReason>(out, "accept_pauses", help, |s| &s.accept_pauses)
    }

    fn upstreams(&self, out: &mut Out<'_>) -> fmt::Result {
        let open = self.sum(|shard| &shard.upstream_open);
        out.gauge("upstream_connections", "Connections to upstreams", &open)?;
        let idle = self.sum(|shard| &shard.upstream_idle);
        out.gauge(
            "upstream_connections_idle",
            "Connections to upstreams that wait for a request",
            &idle,
        )?;
        let dialled = self.sum(|shard| &shard.dialled);
        out.counter(
            "upstream_connections_made",
            "Connections to upstreams so far",
            &dialled,
        )
    }

    fn mirrors(&self, out: &mut Out<'_>) -> fmt::Result {
        let process = &self.process;
        out.gauge(
            "mirror_copies_open",
            "Mirrored copies under way",
            &(process.mirror_copies.used() as u64),
        )?;
        out.gauge(
            "mirror_bytes",
            "Bytes held for mirrored copies",
            &(process.mirror_bytes.used() as u64),
        )?;
        let limit = process.mirror_bytes.limit() as u64;
        out.gauge(
            "mirror_bytes_limit",
            "Bytes that may be held for mirrored copies",
            &limit,
        )?;
        let help = "Selected copies that were not sent, by reason";
        self.by_reason::<MirrorDrop>(out, "mirror_dropped", help, |s| &s.mirror_dropped)?;
        let mut sums: BTreeMap<MirrorLabels, Mirrored> = BTreeMap::new();
        for (labels, mirrored) in self.shards.iter().flat_map(|shard| shard.mirrored()) {
            sums.entry(labels).or_default().add(&mirrored);
        }
        let mut copies = out.counters("mirror_copies", "Copies that were sent, by what came of them")?;
        for (MirrorLabels { mirror, target }, mirrored) in &sums {
            let outcomes = CLASSES
                .into_iter()
                .zip(mirrored.responses)
                .chain([("none", mirrored.failed)]);
            for (code, count) in outcomes {
                copies.counter(&[("mirror", mirror), ("target", target), ("code", code)], &count)?;
            }
        }
        let mut mismatches = out.counters(
            "mirror_status_mismatches",
            "Answers to copies whose class of status is not that of main's answer",
        )?;
        for (MirrorLabels { mirror, target }, mirrored) in &sums {
            mismatches.counter(&[("mirror", mirror), ("target", target)], &mirrored.mismatched)?;
        }
        let mut seconds = out.counters(
            "mirror_response_seconds",
            "Time until the heads of answers, of copies and of main's to the same requests",
        )?;
        for (MirrorLabels { mirror, target }, mirrored) in &sums {
            for (side, time) in [("copy", mirrored.copy), ("main", mirrored.main)] {
                let labels = [("mirror", &**mirror), ("target", &**target), ("side", side)];
                seconds.counter(&labels, &time.as_secs_f64())?;
            }
        }
        Ok(())
    }

    fn configuration(&self, out: &mut Out<'_>) -> fmt::Result {
        let status = &self.status;
        let ready = readiness::check(status, self.stage).is_ok();
        out.gauge("ready", "Whether traffic should come here", &u64::from(ready))?;
        out.gauge(
            "config_in_sync",
            "Whether the directory's content is served",
            &u64::from(status.in_sync),
        )?;
        out.counter("config_loads", "Changes that were loaded", &status.loads)?;
        out.counter(
            "config_rejections",
            "Changes that were refused",
            &status.rejections,
        )?;
        let Some(loaded) = &status.loaded else {
            return Ok(());
        };
        out.gauge(
            "config_revision",
            "Revision of the config that is served",
            &loaded.revision,
        )?;
        out.gauge("config_routes", "Routes that are served", &(loaded.routes as u64))?;
        let age = SystemTime::now().duration_since(loaded.at).unwrap_or_default();
        out.gauge(
            "config_age_seconds",
            "Time since the last load",
            &age.as_secs_f64(),
        )
    }
}

/// Where metrics are written to.
pub(super) struct Out<'a>(pub(super) DescriptorEncoder<'a>);

impl Out<'_> {
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: &impl EncodeGaugeValue) -> fmt::Result {
        self.0
            .encode_descriptor(name, help, None, MetricType::Gauge)?
            .encode_gauge(value)
    }

    pub(super) fn counter(&mut self, name: &str, help: &str, value: &impl EncodeCounterValue) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, f64>(value, None)
    }

    pub(super) fn counters<'s>(&'s mut self, name: &'s str, help: &str) -> Result<Family<'s>, fmt::Error> {
        self.family(name, help, MetricType::Counter)
    }

    pub(super) fn gauges<'s>(&'s mut self, name: &'s str, help: &str) -> Result<Family<'s>, fmt::Error> {
        self.family(name, help, MetricType::Gauge)
    }

    pub(super) fn histograms<'s>(&'s mut self, name: &'s str, help: &str) -> Result<Family<'s>, fmt::Error> {
        self.family(name, help, MetricType::Histogram)
    }

    fn family<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        kind: MetricType,
    ) -> Result<Family<'s>, fmt::Error> {
        Ok(Family(self.0.encode_descriptor(name, help, None, kind)?))
    }
}

/// Metrics of one name with labels.
pub(super) struct Family<'a>(MetricEncoder<'a>);

impl Family<'_> {
    pub(super) fn gauge<const N: usize>(
        &mut self,
        labels: &[(&str, &str); N],
        value: &impl EncodeGaugeValue,
    ) -> fmt::Result {
        self.0.encode_family(labels)?.encode_gauge(value)
    }

    /// `buckets`: upper bounds, and what each of them has more than the one before.
    pub(super) fn histogram<const N: usize>(
        &mut self,
        labels: &[(&str, &str); N],
        sum: f64,
        count: u64,
        buckets: &[(f64, u64)],
    ) -> fmt::Result {
        self.0
            .encode_family(labels)?
            .encode_histogram::<NoLabelSet>(sum, count, buckets, None)
    }

    pub(super) fn counter<const N: usize>(
        &mut self,
        labels: &[(&str, &str); N],
        value: &impl EncodeCounterValue,
    ) -> fmt::Result {
        self.0
            .encode_family(labels)?
            .encode_counter::<NoLabelSet, _, f64>(value, None)
    }
}
