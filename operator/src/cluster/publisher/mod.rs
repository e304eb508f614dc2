//! The publisher: stores what was compiled, and keeps it stored.
//!
//! Every replica watches what is published and tells the engine; only the leader writes. A round goes
//! through the plan's objects in their order and stores those that are not stored like this already, each
//! guarded by the version that was seen last. So a round after a restart writes nothing, and the next one
//! after somebody's edit puts things right.
//!
//! A compilation counts its revisions from the config that was published when it was made. Where another
//! one turns out to be published meanwhile, the round ends: the engine hears of it and compiles again.
//!
//! A config that cannot be read is written anew when somebody broke it. What another version of the operator
//! wrote stays: it holds what was accepted before, which is known nowhere else.

mod another_version;
mod owner;
mod planned;
mod stored;
mod write;

use std::{future::ready, sync::Arc};

use futures::{Stream, StreamExt as _, stream};
use kube::{Api, Client, api::DynamicObject, runtime::watcher::Event};
use serde_json::Value;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use weir_model::document::Config;

pub use self::{
    owner::owner,
    planned::{Planned, State},
};
use self::{
    stored::{Stored, text},
    write::RoundError,
};
use super::{
    engine::Compiled,
    follow::follow,
    lease::Leadership,
    watch::{Backoff, Reason, Reporter, Watched, api_resource, whole},
    write::{LIMIT, WriteError},
};
use crate::{
    compile::finding::Kind,
    metrics::Metrics,
    publish::{self, ObjectKind, Settings},
};

/// What the publisher tells others.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// What is published, for the engine; nothing while that was not read yet.
    pub previous: watch::Receiver<Option<Arc<Config>>>,
    /// How far the leader has come.
    pub state: watch::Receiver<State>,
    /// Why nothing can be published, on every replica, as long as that is so.
    pub blocked: watch::Receiver<Option<String>>,
}

/// A state of the stored config.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    /// Not known yet.
    Nothing,
    /// There is no config.
    Absent,
    /// It has this version.
    Version(String),
}

impl Taken {
    fn of(stored: Option<&Value>) -> Self {
        stored.map_or(Self::Absent, |object| {
            Self::Version(text(object, "/metadata/resourceVersion").to_owned())
        })
    }
}

/// The publisher.
pub struct Publisher {
    client: Client,
    settings: Arc<Settings>,
    leadership: Leadership,
    metrics: Metrics,
    reporter: Reporter,
    compiled: watch::Receiver<Option<Arc<Compiled>>>,
    stored: Stored,
    /// What `previous` takes into account.
    taken: Taken,
    previous: watch::Sender<Option<Arc<Config>>>,
    state: watch::Sender<State>,
    blocked: watch::Sender<Option<String>>,
    backoff: Backoff,
}

impl Publisher {
    /// A publisher that knows nothing yet, and what it will tell.
    pub fn new(
        client: Client,
        settings: Settings,
        leadership: Leadership,
        compiled: watch::Receiver<Option<Arc<Compiled>>>,
        metrics: Metrics,
        reporter: Reporter,
    ) -> (Self, Outputs) {
        let (previous, previous_out) = watch::channel(None);
        let (state, state_out) = watch::channel(State::default());
        let (blocked, blocked_out) = watch::channel(None);
        let publisher = Self {
            client,
            settings: Arc::new(settings),
            leadership,
            metrics,
            reporter,
            compiled,
            stored: Stored::default(),
            taken: Taken::Nothing,
            previous,
            state,
            blocked,
            backoff: Backoff::default(),
        };
        let outputs = Outputs {
            previous: previous_out,
            state: state_out,
            blocked: blocked_out,
        };
        (publisher, outputs)
    }

    /// Runs until the engine is gone.
    pub async fn run(mut self) {
        let mut events = self.events();
        let mut leadership = self.leadership.clone();
        let mut leading = false;
        let mut due = Some(Instant::now());
        loop {
            tokio::select! {
                Some((kind, event)) = events.next() => if self.observe(kind, event) {
                    due = Some(Instant::now());
                },
                changed = self.compiled.changed() => match changed {
                    Ok(()) => due = Some(Instant::now()),
                    Err(_) => return,
                },
                now = leadership.changed_from(leading) => {
                    leading = now;
                    due = Some(Instant::now());
                    if !leading {
                        self.state.send_replace(State::default());
                    }
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if leading && due.is_some() => {
                    due = self.round().await;
                }
            }
        }
    }

    /// What happens to what is published.
    fn events(&self) -> impl Stream<Item = (ObjectKind, Event<Value>)> + use<> {
        let of = |kind: ObjectKind, label, what| {
            let watched = Watched::Own { kind: label, what };
            let events = follow(
                self.api(kind),
                &self.settings.selector(),
                watched,
                self.reporter.clone(),
            );
            events.filter_map(move |event| ready(event.ok().map(|event| (kind, plain(event)))))
        };
        stream::select(
            of(
                ObjectKind::ConfigMap,
                "PublishedConfigMap",
                "published ConfigMaps",
            ),
            of(ObjectKind::Secret, "PublishedSecret", "published Secrets"),
        )
    }

    fn api(&self, kind: ObjectKind) -> Api<DynamicObject> {
        let kind = match kind {
            ObjectKind::ConfigMap => Kind::ConfigMap,
            ObjectKind::Secret => Kind::Secret,
        };
        Api::namespaced_with(self.client.clone(), &self.settings.namespace, &api_resource(kind))
    }

    /// Whether there is something to do about it.
    fn observe(&mut self, kind: ObjectKind, event: Event<Value>) -> bool {
        let news = self.stored.observe(kind, event);
        self.take_up();
        news
    }

    /// The name of the config's object.
    fn config(&self) -> String {
        format!("{}-config", self.settings.release)
    }

    /// Tells the engine what is published, if that is something else than before. An object that was
    /// deleted or was broken is written anew out of what is known.
    fn take_up(&mut self) {
        if !self.stored.is_complete() {
            return;
        }
        let name = self.config();
        let taken = Taken::of(self.stored.get(ObjectKind::ConfigMap, &name));
        if self.taken == taken {
            return;
        }
        self.taken = taken;
        let config = match publish::previous(self.stored.of_kind(ObjectKind::ConfigMap)) {
            Ok(config) => config,
            Err(error) if error.is_of_another_version() => {
                self.block(&name, &error);
                return;
            }
            Err(error) => {
                tracing::warn!(
                    object = name,
                    "what is published cannot be read, and is written anew: {error}"
                );
                Config::default()
            }
        };
        let known = self.previous.borrow().clone();
        let news = match known {
            None => true,
            Some(known) => config != Config::default() && config != *known,
        };
        if news {
            self.previous.send_replace(Some(Arc::new(config)));
        }
        self.unblock();
    }

    /// Brings what is stored in line with what was compiled; when to try again.
    async fn round(&mut self) -> Option<Instant> {
        if self.is_blocked() {
            self.plan_in_vain().await;
            return Some(Instant::now() + self.backoff.failed());
        }
        let previous = self.previous.borrow().clone()?;
        let compiled = self.compiled.borrow_and_update().clone()?;
        if !compiled.holds_for(&previous) {
            // the engine knows, and compiles again
            return None;
        }
        self.state
            .send_if_modified(|state| state.begin(previous.revision));
        let result = match self.plan(compiled).await {
            Ok(planned) => self.store(&planned).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => {
                self.backoff.reset();
                None
            }
            Err(error) => {
                self.failed(&error).await;
                Some(Instant::now() + self.backoff.failed())
            }
        }
    }

    async fn failed(&mut self, error: &RoundError) {
        self.metrics.publisher.failed(error.label());
        match error {
            RoundError::Object {
                error: WriteError::NotLeading,
                ..
            } => tracing::debug!("{error}"),
            RoundError::Object { kind, name, error } if error.is_conflict() => {
                tracing::info!(
                    "{} {name} was changed by somebody else: reading it again",
                    kind.as_str()
                );
                self.reread(*kind, name).await;
                // whoever wrote that may have published another config, which is what counts
                let config = self.config();
                if *name != config {
                    self.reread(ObjectKind::ConfigMap, &config).await;
                }
            }
            error => {
                let text = error.to_string();
                let told = self.state.send_if_modified(|state| state.fail(&text));
                if told {
                    tracing::error!("cannot publish: {text}");
                }
            }
        }
    }

    async fn reread(&mut self, kind: ObjectKind, name: &str) {
        let read = timeout(LIMIT, self.api(kind).get_opt(name)).await;
        match read {
            Ok(Ok(Some(object))) => self.stored.replace(kind, whole(object)),
            Ok(Ok(None)) => self.stored.remove(kind, name),
            Ok(Err(error)) => tracing::warn!("cannot read {} {name}: {}", kind.as_str(), Reason(&error)),
            // the watch brings it
            Err(_) => {}
        }
        self.take_up();
    }
}

fn plain(event: Event<DynamicObject>) -> Event<Value> {
    match event {
        Event::Apply(object) => Event::Apply(whole(object)),
        Event::Delete(object) => Event::Delete(whole(object)),
        Event::InitApply(object) => Event::InitApply(whole(object)),
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
    }
}

#[cfg(test)]
mod tests;
