//! Probes what the snapshot that is served names.

use std::{
    convert::Infallible,
    future::pending,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    Health, Outcome, Verdict,
    pace::Pace,
    schedule::{Due, Schedule},
};
use crate::{
    limits::Limits,
    metrics::Counter,
    state::{Checked, Current},
};

#[cfg(test)]
mod tests;

/// What the prober counts.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Probes by what came of them.
    pub(crate) outcomes: [Counter; Outcome::COUNT],
    /// Changes from up to down or back.
    pub(crate) changes: Counter,
    /// Probes that started late, as more were due than may start.
    pub(crate) delayed: Counter,
    /// How late the last one started, in microseconds.
    pub(crate) lag: Counter,
    /// Probes under way.
    pub(crate) running: Counter,
}

/// Probes what the snapshot that is served names.
#[derive(Debug)]
pub(crate) struct Prober {
    pub(crate) counts: Arc<Counts>,
    pub(crate) current: Arc<Current>,
    /// Is told when the health of an endpoint has changed.
    pub(crate) changed: Arc<Notify>,
    pub(crate) limits: Limits,
    /// Where chance starts from.
    pub(crate) seed: u64,
}

/// A probe that starts so much after its time is late, unless that is little beside its interval.
const LATE: Duration = Duration::from_millis(20);

impl Prober {
    /// Probes for ever. All probes are dropped with this.
    pub(crate) async fn run<F>(self, probe: impl Fn(Arc<Health>) -> F) -> Infallible
    where
        F: Future<Output = Verdict> + Send + 'static,
    {
        let mut generation = self.current.generation();
        generation.mark_changed();
        let mut schedule = Schedule::new(self.seed);
        let mut pace = Pace::new(self.limits.health_max_probes_per_second);
        let mut probes = JoinSet::new();
        loop {
            let now = Instant::now();
            let room = probes.len() < self.limits.health_max_probes;
            let next = schedule.next().filter(|_| room);
            let next = next.map(|due| pace.next().map_or(due, |turn| due.max(turn)));
            if next.is_some_and(|next| next <= now)
                && let Some(due) = schedule.take(now)
            {
                pace.start(now);
                self.count_start(&due);
                let id = due.health.id;
                let probe = probe(Arc::clone(&due.health));
                let handle = probes.spawn(async move { (due.health, probe.await) });
                schedule.running(id, handle);
                continue;
            }
            self.counts.running.set(probes.len() as u64);
            let wait = async {
                match next {
                    Some(next) => sleep_until(next).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                // the sender is in what we hold
                _ = generation.changed() => {
                    let snapshot = self.current.load();
                    let checked = snapshot.checked().iter();
                    let wanted = checked.map(|Checked { health, service, .. }| (Arc::clone(health), Arc::clone(service)));
                    schedule.set(wanted, Instant::now());
                }
                Some(ended) = probes.join_next() => match ended {
                    Ok((health, verdict)) => self.ended(&mut schedule, &health, verdict),
                    // broken off, as nobody wants it any more; or a bug, which must cost no more than this probe
                    Err(error) => {
                        if let Some(id) = schedule.of_task(error.id()) {
                            tracing::error!(%error, "a probe has broken down");
                            schedule.ended(id, Instant::now());
                        }
                    }
                },
                () = wait => {}
            }
        }
    }

    fn count_start(&self, due: &Due) {
        let Due { health, late } = due;
        self.counts.lag.set(late.as_micros() as u64);
        let interval = health.check.interval(health.is_up());
        if *late > LATE.max(interval / 10) {
            self.counts.delayed.inc();
        }
    }

    fn ended(&self, schedule: &mut Schedule, health: &Health, verdict: Verdict) {
        let outcome = verdict.as_ref().err().map_or(Outcome::Ok, Outcome::from);
        self.counts.outcomes[outcome as usize].inc();
        let said = match &verdict {
            Ok(passed) => passed.to_string(),
            Err(fault) => fault.to_string(),
        };
        let changed = health.record(verdict, SystemTime::now());
        let service = schedule.ended(health.id, Instant::now());
        if !changed {
            return;
        }
        self.counts.changes.inc();
        self.changed.notify_one();
        let (endpoint, service) = (&health.address, service.as_deref().unwrap_or_default());
        if outcome == Outcome::Ok {
            tracing::info!(%endpoint, service, said, "healthy again");
        } else {
            tracing::warn!(%endpoint, service, said, "unhealthy");
        }
    }
}
