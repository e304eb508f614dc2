//! The status writer: tells what became of each object, in its status and by Events.
//!
//! Only the leader writes. What should be reported is computed anew whenever a compilation, what is
//! published or what proxies serve has changed; what is written is the difference to what is stored. Where
//! the custom resources have no place for a status, as those that Traefik installs, Events are all there is,
//! until that is mended.

mod events;
mod queue;
mod write;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use self::{
    queue::Queue,
    write::{Done, Writer},
};
use super::{
    lease::Leadership,
    proxies::Known,
    publisher::State,
    records::Records,
    watch::{Kinds, Served},
};
use crate::{
    compile::finding::{Kind, ObjectId},
    metrics::Metrics,
    status::{Progress, desired},
};

/// Jobs at the same time.
const PARALLEL: usize = 16;

/// What changes within so long is reported together.
const GATHER: Duration = Duration::from_millis(20);

/// From one warning about failures to the next.
const WARN: Duration = Duration::from_secs(30);

/// How often somebody else has changed a status when that is told.
const DISPUTES: u32 = 3;

/// Kinds that are reported on.
const KINDS: [Kind; 3] = [Kind::IngressRoute, Kind::ServersTransport, Kind::TraefikService];

/// What the status writer takes from others.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// How far the publisher has come.
    pub state: watch::Receiver<State>,
    /// What proxies serve; nothing while that is not known.
    pub proxies: watch::Receiver<Option<Known>>,
    /// What is stored of the objects.
    pub records: Records,
    /// Which of them can have a status.
    pub kinds: Kinds,
}

/// The status writer.
pub struct StatusWriter {
    inputs: Inputs,
    served: watch::Receiver<Option<Served>>,
    leadership: Leadership,
    writer: Arc<Writer>,
    queue: Queue,
    jobs: FuturesUnordered<BoxFuture<'static, Done>>,
    /// When to compute anew what should be reported.
    stale: Option<Instant>,
    /// Kinds that were said to have no status.
    told: BTreeSet<Kind>,
    /// When a failure was told: thousands of objects may fail for one reason.
    warned: Option<Instant>,
}

impl StatusWriter {
    /// `instance` is who tells Events: a name of this process.
    pub fn new(
        client: Client,
        leadership: Leadership,
        inputs: Inputs,
        metrics: Metrics,
        instance: String,
    ) -> Self {
        let writer = Writer {
            client,
            leadership: leadership.clone(),
            kinds: inputs.kinds.clone(),
            records: inputs.records.clone(),
            metrics,
            instance,
        };
        Self {
            served: inputs.kinds.served(),
            inputs,
            leadership,
            writer: Arc::new(writer),
            queue: Queue::default(),
            jobs: FuturesUnordered::new(),
            stale: None,
            told: BTreeSet::new(),
            warned: None,
        }
    }

    /// Runs until the publisher is gone.
    pub async fn run(mut self) {
        let mut leadership = self.leadership.clone();
        let records = self.inputs.records.clone();
        let mut leading = false;
        loop {
            let (stale, due) = (self.stale, self.queue.due());
            let able = due.filter(|_| self.jobs.len() < PARALLEL);
            tokio::select! {
                changed = self.inputs.state.changed() => match changed {
                    Ok(()) => self.expire(),
                    Err(_) => return,
                },
                Ok(()) = self.inputs.proxies.changed() => self.expire(),
                Ok(()) = self.served.changed() => {
                    self.tell_kinds(leading);
                    self.queue.touch_all(Instant::now());
                }
                touched = records.touched() => for id in touched {
                    self.queue.touch(&id, Instant::now());
                },
                now = leadership.changed_from(leading) => {
                    leading = now;
                    self.start_over(leading);
                }
                Some(done) = self.jobs.next() => self.done(done),
                () = sleep_until(stale.unwrap_or_else(Instant::now)), if leading && stale.is_some() => self.compute(),
                () = sleep_until(able.unwrap_or_else(Instant::now)), if able.is_some() => self.look(),
            }
        }
    }

    /// What should be reported may be something else now.
    fn expire(&mut self) {
        self.stale.get_or_insert_with(|| Instant::now() + GATHER);
    }

    fn start_over(&mut self, leading: bool) {
        self.queue = Queue::default();
        self.told.clear();
        self.writer.metrics.reports.retain(|_| false);
        if leading {
            self.tell_kinds(true);
            self.expire();
        }
    }

    fn compute(&mut self) {
        self.stale = None;
        let state = self.inputs.state.borrow_and_update().clone();
        let proxies = self.inputs.proxies.borrow_and_update().clone();
        let (Some(planned), Some(proxies)) = (state.planned, proxies) else {
            // as long as that is not known, nothing would be true for long
            return;
        };
        let (proxies, unknown) = match proxies {
            Ok(proxies) => (proxies, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let progress = Progress {
            published: state.published,
            proxies,
            unknown,
        };
        let desired = desired(&planned.compilation, &planned.snapshot, &progress);
        let reports = &self.writer.metrics.reports;
        reports.retain(|id| desired.contains_key(id));
        for (id, desired) in &desired {
            let record = self.inputs.records.get(id);
            let stored = record.as_ref().and_then(|record| record.status.as_ref());
            reports.conditions(id, &desired.conditions(stored));
        }
        self.queue.desire(desired, Instant::now());
    }

    /// Looks at the objects that are due, as many as there is room for.
    fn look(&mut self) {
        let now = Instant::now();
        let wall = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        while self.jobs.len() < PARALLEL
            && let Some(id) = self.queue.next(now)
        {
            let record = self.inputs.records.get(&id);
            let stores_status = self.stores_status(&id);
            if let Some(job) = self.queue.look(&id, record, stores_status, now, &wall) {
                if job.disputes == DISPUTES {
                    tracing::warn!(
                        object = %id,
                        "somebody else changes the status again and again: does another release report on the same objects?"
                    );
                }
                self.jobs.push(Box::pin(self.writer.clone().run(job)));
            }
        }
    }

    fn stores_status(&self, id: &ObjectId) -> bool {
        let served = self.served.borrow();
        served.as_ref().is_none_or(|served| served.has_status(id.kind))
    }

    fn done(&mut self, done: Done) {
        let Done {
            job,
            outcome,
            lost,
            failure,
        } = done;
        for event in &lost {
            self.queue.forget_event(event);
        }
        if let Some(failure) = failure {
            let now = Instant::now();
            let object = &job.object;
            if self.warned.is_none_or(|warned| now - warned > WARN) {
                self.warned = Some(now);
                tracing::warn!(%object, "cannot report on an object (and maybe others): {failure}");
            } else {
                tracing::debug!(%object, "cannot report on an object: {failure}");
            }
        }
        self.queue.done(&job, outcome, Instant::now());
    }

    /// Says which kinds have no place for a status, and when they have got one.
    fn tell_kinds(&mut self, leading: bool) {
        let served = self.served.borrow_and_update().clone();
        let Some(served) = served.filter(|_| leading) else {
            return;
        };
        for kind in KINDS {
            let lacks = served.has(kind) && !served.has_status(kind);
            let name = kind.as_str();
            if lacks && self.told.insert(kind) {
                tracing::warn!(
                    "the custom resource definition of {name} has no status, so that only Events tell of problems; `kubectl apply --server-side --force-conflicts -f crds/` mends that, without a restart"
                );
            } else if !lacks && self.told.remove(&kind) {
                tracing::info!("the custom resource definition of {name} has a status now");
            }
        }
    }
}
