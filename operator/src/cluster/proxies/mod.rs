//! The proxies: what each of them serves, and the loop that makes kubelet hurry.
//!
//! Every replica knows the pods; only the leader asks their admin ports and touches them.

mod pod;
mod query;
mod schedule;

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use k8s_openapi::{api::core::v1::Pod, jiff::Timestamp};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
    runtime::watcher::Event,
};
use serde_json::json;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use self::{
    pod::ProxyPod,
    schedule::{Answer, Schedule, Task, What},
};
use super::{
    follow::follow,
    lease::Leadership,
    publisher::State,
    watch::{Reporter, Watched},
    write::{FIELD_MANAGER, WriteError, fenced},
};
use crate::{metrics::Metrics, status::Proxy};

/// The annotation whose change makes kubelet refresh a pod's volumes.
pub const ANNOTATION: &str = "weir.dev/config";

/// Questions and touches at the same time.
const PARALLEL: usize = 16;

/// From one warning about failures to the next: all pods fail for one reason, and are tried again for long.
const WARN: Duration = Duration::from_secs(30);

/// For the first list of the pods, before it is told that nothing is known of them.
const PATIENCE: Duration = Duration::from_secs(5);

/// The proxies, sorted by pod; or why their pods are not known.
pub type Known = Result<Vec<Proxy>, String>;

/// Where proxies are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The namespace of their pods.
    pub namespace: String,
    /// The label selector of their pods.
    pub selector: String,
    /// Their admin port, where a pod has no container port called `admin`.
    pub admin_port: u16,
}

/// Follows the proxies.
pub struct Proxies {
    client: Client,
    settings: Settings,
    leadership: Leadership,
    metrics: Metrics,
    reporter: Reporter,
    published: watch::Receiver<State>,
    seen: watch::Sender<Option<Known>>,
    pods: BTreeMap<String, ProxyPod>,
    /// Pods that were seen since a list began.
    listing: Option<BTreeMap<String, ProxyPod>>,
    /// Whether all pods are known.
    listed: bool,
    /// Why the pods cannot be watched, as far as is known.
    failure: Option<String>,
    /// Until when they should be listed; nothing: that is past.
    patience: Option<Instant>,
    schedule: Schedule,
    /// What last failed, by pod.
    troubles: BTreeMap<String, Trouble>,
    /// Questions that have no answer yet.
    asking: usize,
    under_way: FuturesUnordered<BoxFuture<'static, Done>>,
    /// When a failure was told.
    warned: Option<Instant>,
}

/// What last failed with a pod, until it works.
#[derive(Debug, Default)]
struct Trouble {
    ask: Option<String>,
    touch: Option<String>,
}

/// What was done.
enum Done {
    Asked {
        pod: String,
        incarnation: String,
        answer: Result<Answer, String>,
    },
    Touched {
        pod: String,
        again: bool,
        result: Result<(), WriteError>,
    },
}

impl Trouble {
    fn text(&self) -> Option<String> {
        let texts: Vec<&str> = [&self.ask, &self.touch]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }
}

impl Proxies {
    /// And what they serve: nothing before all were asked, and on replicas that do not lead.
    pub fn new(
        client: Client,
        settings: Settings,
        leadership: Leadership,
        published: watch::Receiver<State>,
        metrics: Metrics,
        reporter: Reporter,
    ) -> (Self, watch::Receiver<Option<Known>>) {
        let (sender, receiver) = watch::channel(None);
        let proxies = Self {
            client,
            settings,
            leadership,
            metrics,
            reporter,
            published,
            seen: sender,
            pods: BTreeMap::new(),
            listing: None,
            listed: false,
            failure: None,
            patience: Some(Instant::now() + PATIENCE),
            schedule: Schedule::default(),
            troubles: BTreeMap::new(),
            asking: 0,
            under_way: FuturesUnordered::new(),
            warned: None,
        };
        (proxies, receiver)
    }

    /// Runs until the publisher is gone.
    pub async fn run(mut self) {
        let watched = Watched::Own {
            kind: "Pod",
            what: "the proxies' pods",
        };
        let mut events = follow(
            self.api(),
            &self.settings.selector,
            watched,
            self.reporter.clone(),
        );
        let mut leadership = self.leadership.clone();
        let mut leading = false;
        loop {
            let next = self.schedule.next().filter(|_| leading && self.asking < PARALLEL);
            tokio::select! {
                Some(event) = events.next() => match event {
                    Ok(event) => self.observe(event, leading),
                    Err(failure) => self.failure = Some(failure),
                },
                () = sleep_until(self.patience.unwrap_or_else(Instant::now)), if self.patience.is_some() => {
                    self.patience = None;
                }
                changed = self.published.changed() => match changed {
                    Ok(()) => {
                        let digests = self.published.borrow_and_update().published.digests.clone();
                        self.schedule.publish(&digests, Instant::now());
                    }
                    Err(_) => return,
                },
                now = leadership.changed_from(leading) => {
                    leading = now;
                    self.start_over(leading);
                }
                Some(done) = self.under_way.next() => self.done(done),
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => self.work(),
            }
            self.tell(leading);
        }
    }

    fn api(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.settings.namespace)
    }

    fn start_over(&mut self, leading: bool) {
        self.schedule.running(&BTreeMap::new(), Instant::now());
        self.troubles.clear();
        if leading {
            self.follow();
        }
    }

    fn observe(&mut self, event: Event<Pod>, leading: bool) {
        let read = |pod: &Pod| ProxyPod::read(pod, self.settings.admin_port);
        match event {
            Event::Init => self.listing = Some(BTreeMap::new()),
            Event::InitApply(pod) => {
                if let (Some(pod), Some(listing)) = (read(&pod), self.listing.as_mut()) {
                    listing.insert(pod.name.clone(), pod);
                }
            }
            Event::InitDone => {
                self.pods = self.listing.take().unwrap_or_default();
                self.listed = true;
            }
            Event::Apply(pod) => match read(&pod) {
                Some(pod) => {
                    let before = self.pods.insert(pod.name.clone(), pod.clone());
                    if before.is_none_or(|before| before.ready != pod.ready) {
                        self.schedule.hurry(&pod.name, Instant::now());
                    }
                }
                None => self.forget(&pod),
            },
            Event::Delete(pod) => self.forget(&pod),
        }
        if leading {
            self.follow();
        }
    }

    fn forget(&mut self, pod: &Pod) {
        if let Some(name) = &pod.metadata.name {
            self.pods.remove(name);
        }
    }

    /// Schedules the pods that run.
    fn follow(&mut self) {
        let running = self.pods.values().filter(|pod| pod.admin.is_some());
        let running = running.map(|pod| (pod.name.clone(), pod.incarnation.clone()));
        self.schedule.running(&running.collect(), Instant::now());
        self.troubles.retain(|name, _| self.pods.contains_key(name));
    }

    fn work(&mut self) {
        let room = PARALLEL - self.asking;
        for Task {
            pod,
            incarnation,
            what,
        } in self.schedule.take(room, Instant::now())
        {
            match what {
                What::Ask => {
                    self.asking += 1;
                    let admin = self.pods.get(&pod).and_then(|pod| pod.admin);
                    self.under_way.push(Box::pin(ask(pod, incarnation, admin)));
                }
                What::Touch { again } => {
                    let touch = touch(self.api(), self.leadership.clone(), pod, again);
                    self.under_way.push(Box::pin(touch));
                }
            }
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Asked {
                pod,
                incarnation,
                answer,
            } => {
                self.asking -= 1;
                if let Err(error) = &answer {
                    tracing::debug!(pod, "cannot ask the proxy what it serves: {error}");
                }
                self.note_ask(&pod, &incarnation, answer.as_ref().err());
                if self
                    .schedule
                    .answered(&pod, &incarnation, answer.ok(), Instant::now())
                {
                    self.metrics.delivery.acknowledged();
                }
            }
            Done::Touched { pod, again, result } => match result {
                Ok(()) => {
                    self.metrics.delivery.notified(again);
                    if let Some(trouble) = self.troubles.get_mut(&pod) {
                        trouble.touch = None;
                    }
                }
                // it is gone, or somebody else's task
                Err(WriteError::NotLeading) => {}
                Err(error) if error.code() == Some(404) => {}
                Err(error) => self.cannot_touch(&pod, &error),
            },
        }
    }

    /// Keeps what asking a pod's proxy failed with.
    fn note_ask(&mut self, pod: &str, incarnation: &str, error: Option<&String>) {
        let Some(known) = self.pods.get(pod).filter(|pod| pod.incarnation == incarnation) else {
            return;
        };
        let ask = error
            .zip(known.admin)
            .map(|(error, admin)| format!("its admin port {admin}: {error}"));
        self.troubles.entry(pod.to_owned()).or_default().ask = ask;
    }

    fn cannot_touch(&mut self, pod: &str, error: &WriteError) {
        if self.pods.contains_key(pod) {
            let touch = format!("it cannot be annotated: {error}");
            self.troubles.entry(pod.to_owned()).or_default().touch = Some(touch);
        }
        let now = Instant::now();
        if self.warned.is_some_and(|warned| now - warned < WARN) {
            tracing::debug!(pod, "cannot annotate the pod: {error}");
        } else {
            self.warned = Some(now);
            tracing::warn!(
                pod,
                "cannot annotate the pod (and maybe others), so that it learns of changes late: {error}"
            );
        }
    }

    fn tell(&self, leading: bool) {
        let now = Instant::now();
        let known = leading.then(|| self.known(now)).flatten();
        self.seen.send_if_modified(|before| {
            let news = *before != known;
            if news {
                let proxies = known.as_ref().and_then(|known| known.as_ref().ok());
                self.metrics
                    .delivery
                    .proxies(proxies.map(Vec::as_slice).unwrap_or_default());
                *before = known;
            }
            news
        });
    }

    /// Nothing as long as it will soon be known.
    fn known(&self, now: Instant) -> Option<Known> {
        let before = self.seen.borrow();
        if self.listed {
            if matches!(*before, Some(Ok(_))) || self.schedule.all_asked() {
                return Some(Ok(self.pods.values().map(|pod| self.proxy(pod, now)).collect()));
            }
            return before.clone();
        }
        let failure = || {
            self.failure
                .clone()
                .unwrap_or_else(|| "the API server does not list them".to_owned())
        };
        self.patience.is_none().then(|| Err(failure()))
    }

    fn proxy(&self, pod: &ProxyPod, now: Instant) -> Proxy {
        let answer = self.schedule.answer(&pod.name);
        Proxy {
            pod: pod.name.clone(),
            ready: pod.ready,
            running: pod.admin.is_some(),
            revision: answer.and_then(|answer| answer.revision),
            digests: answer.map(|answer| answer.digests.clone()).unwrap_or_default(),
            rejection: self.schedule.refusal(&pod.name, now).map(str::to_owned),
            trouble: self.troubles.get(&pod.name).and_then(Trouble::text),
        }
    }
}

async fn ask(pod: String, incarnation: String, admin: Option<SocketAddr>) -> Done {
    let answer = match admin {
        Some(admin) => query::ask(admin).await,
        None => Err("it does not run".to_owned()),
    };
    Done::Asked {
        pod,
        incarnation,
        answer,
    }
}

async fn touch(api: Api<Pod>, leadership: Leadership, pod: String, again: bool) -> Done {
    // whatever the value is, it is another one than before
    let value = Timestamp::now().to_string();
    let patch = json!({ "metadata": { "annotations": { ANNOTATION: value } } });
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let result = fenced(
        &leadership,
        api.patch_metadata(&pod, &params, &Patch::Merge(patch)),
    )
    .await;
    Done::Touched {
        pod,
        again,
        result: result.map(drop),
    }
}

#[cfg(test)]
mod tests;
