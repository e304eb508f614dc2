//! What passes, under the names that dashboards for Traefik and Flagger ask for.

use std::{collections::BTreeMap, fmt, sync::Arc, time::UNIX_EPOCH};

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder};

use super::collect::Out;
use crate::{
    config::Status,
    metrics::Shard,
    process::Process,
    state::Snapshot,
    traffic::{Kind, Sums},
};

/// Requests by entry point and by service, connections, reloads.
#[derive(Debug)]
pub(super) struct Traffic {
    pub(super) process: Arc<Process>,
    pub(super) shards: Vec<Arc<Shard>>,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) status: Status,
}

/// Whose requests they are, and their counts.
type Of<'a> = Vec<(&'a str, BTreeMap<Kind, Sums>)>;

impl Collector for Traffic {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Out(encoder);
        self.requests(&mut out, &AT_ENTRY_POINTS, &self.at_entry_points())?;
        self.requests(&mut out, &BY_SERVICE, &self.by_service())?;
        self.connections(&mut out)?;
        self.reloads(&mut out)
    }
}

/// How metrics of one label are called.
struct Names {
    label: &'static str,
    requests: &'static str,
    duration: &'static str,
    received: &'static str,
    sent: &'static str,
}

const AT_ENTRY_POINTS: Names = Names {
    label: "entrypoint",
    requests: "entrypoint_requests",
    duration: "entrypoint_request_duration_seconds",
    received: "entrypoint_requests_bytes",
    sent: "entrypoint_responses_bytes",
};

const BY_SERVICE: Names = Names {
    label: "service",
    requests: "service_requests",
    duration: "service_request_duration_seconds",
    received: "service_requests_bytes",
    sent: "service_responses_bytes",
};

impl Traffic {
    fn at_entry_points(&self) -> Of<'_> {
        let sums = |place| {
            let mut sums = BTreeMap::new();
            for shard in &self.shards {
                shard.entry_point(place).add_to(&mut sums);
            }
            sums
        };
        let entry_points = self.process.entry_points.iter().enumerate();
        entry_points
            .map(|(place, entry_point)| (entry_point.name.as_str(), sums(place)))
            .collect()
    }

    fn by_service(&self) -> Of<'_> {
        let mut services: Of<'_> = Vec::new();
        for service in self.snapshot.services() {
            let mut sums = BTreeMap::new();
            for chain in service.chains() {
                chain.add_to(&mut sums);
            }
            services.push((&service.name, sums));
        }
        services.sort_unstable_by_key(|(name, _)| *name);
        services
    }

    fn requests(&self, out: &mut Out<'_>, names: &Names, of: &Of<'_>) -> fmt::Result {
        let each = || {
            of.iter().flat_map(|(name, sums)| {
                let labelled =
                    move |(kind, sums): (&Kind, _)| (Labels::new(*kind), (names.label, *name), sums);
                sums.iter().map(labelled)
            })
        };
        let mut family = out.counters(names.requests, "Requests that are over")?;
        for (labels, of, sums) in each() {
            family.counter(&labels.with(of), &sums.requests())?;
        }
        let help = "Time from a request's head to the end of its response";
        let mut family = out.histograms(names.duration, help)?;
        for (labels, of, sums) in each() {
            let bounds = self.process.buckets.bounds();
            let buckets: Vec<_> = bounds.zip(sums.buckets.iter().copied()).collect();
            let seconds = sums.nanos as f64 / 1e9;
            family.histogram(&labels.with(of), seconds, sums.requests(), &buckets)?;
        }
        let mut family = out.counters(names.received, "Bytes of requests' bodies")?;
        for (labels, of, sums) in each() {
            family.counter(&labels.with(of), &sums.received)?;
        }
        let mut family = out.counters(names.sent, "Bytes of responses' bodies")?;
        for (labels, of, sums) in each() {
            family.counter(&labels.with(of), &sums.sent)?;
        }
        Ok(())
    }

    fn connections(&self, out: &mut Out<'_>) -> fmt::Result {
        let mut open = out.gauges("open_connections", "Client connections by entry point")?;
        for (place, entry_point) in self.process.entry_points.iter().enumerate() {
            let at = self.shards.iter().map(|shard| shard.open_at[place].get());
            let labels = [("entrypoint", entry_point.name.as_str()), ("protocol", "TCP")];
            open.gauge(&labels, &at.fold(0, u64::wrapping_add))?;
        }
        Ok(())
    }

    fn reloads(&self, out: &mut Out<'_>) -> fmt::Result {
        out.counter("config_reloads", "Changes that were loaded", &self.status.loads)?;
        let loaded = self.status.loaded.as_ref();
        let at = loaded.and_then(|loaded| loaded.at.duration_since(UNIX_EPOCH).ok());
        let seconds = at.unwrap_or_default().as_secs_f64().floor();
        let help = "When the last change was loaded, in seconds since 1970";
        out.gauge("config_last_reload_success", help, &seconds)
    }
}

/// A kind as labels.
struct Labels {
    code: String,
    method: &'static str,
    protocol: &'static str,
}

impl Labels {
    fn new(kind: Kind) -> Self {
        Self {
            code: kind.code.to_string(),
            method: kind.method.label(),
            protocol: kind.protocol.label(),
        }
    }

    fn with<'a>(&'a self, of: (&'a str, &'a str)) -> [(&'a str, &'a str); 4] {
        [
            ("code", &self.code),
            ("method", self.method),
            ("protocol", self.protocol),
            of,
        ]
    }
}
