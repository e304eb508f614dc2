//! When to look at the directory.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use rustix::{process::setpriority_process, thread::gettid};
use tokio::{
    sync::{Notify, watch},
    task::{JoinError, spawn_blocking},
    time::{Instant, sleep, sleep_until},
};
use weir_model::entry_point::EntryPoint;

use super::{
    Loaded, Reason, Rejection, Status,
    apply::{Applier, Outcome},
    source::Source,
    watch::DirWatch,
};
use crate::state::{Current, Registry, Snapshot};

/// How long changes of health are gathered before what is served is built anew.
const COALESCE: Duration = Duration::from_millis(5);

/// How nice who loads is to who serves (`nice(2)`): it gets a tenth of a core that both want.
const BEHIND: i32 = 10;

/// What is loaded from where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory: one that kubelet mounts, or plain files.
    pub dir: PathBuf,
    /// How long a config is held back when something that it names is not there yet.
    pub hold: Duration,
    /// Bytes up to which a file is read, unpacked.
    pub max_bytes: u64,
    /// How often to look at the directory when nothing seems to change there.
    pub poll: Duration,
}

impl Options {
    /// The defaults for a directory: 2 s, 64 MiB, 1 s.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            hold: Duration::from_secs(2),
            max_bytes: 64 << 20,
            poll: Duration::from_secs(1),
        }
    }
}

/// Keeps what is served in step with a directory.
#[derive(Debug)]
pub struct Loader {
    applier: Arc<Mutex<Applier>>,
    current: Arc<Current>,
    health: Arc<Notify>,
    options: Options,
    status: watch::Sender<Status>,
}

impl Loader {
    /// For the process's entry points, in the order in which [`Snapshot::route`] counts them. Loads
    /// nothing before [`Loader::run`].
    pub fn new(options: Options, entry_points: Vec<EntryPoint>, registry: Registry) -> Self {
        let current = Arc::new(Current::new(Snapshot::default()));
        let source = Source {
            dir: options.dir.clone(),
            max_bytes: options.max_bytes,
        };
        let applier = Applier::new(source, entry_points, registry, Arc::clone(&current));
        Self {
            applier: Arc::new(Mutex::new(applier)),
            current,
            health: Arc::default(),
            options,
            status: watch::Sender::default(),
        }
    }

    /// Where the snapshot that is served is found.
    pub fn current(&self) -> &Arc<Current> {
        &self.current
    }

    /// To be notified when the health of an endpoint has changed: what is served is built anew.
    pub fn health(&self) -> Arc<Notify> {
        Arc::clone(&self.health)
    }

    /// What is loaded and what is not, now and later.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Loads, and goes on doing so; to stop, drop it. The work itself is done on a blocking thread,
    /// so whoever awaits this is free for other tasks.
    pub async fn run(self) -> Infallible {
        tokio::select! {
            never = self.follow_files() => never,
            never = self.follow_health() => never,
        }
    }

    async fn follow_files(&self) -> Infallible {
        let mut watch = DirWatch::new(&self.options.dir);
        let mut hold_until = None;
        loop {
            // before the look, so that what happens during it is noticed
            watch.attach();
            let patient = hold_until.is_none_or(|until| Instant::now() < until);
            let outcome = self.look(patient).await;
            hold_until = match outcome {
                Outcome::Waiting(_) => hold_until.or_else(|| Some(Instant::now() + self.options.hold)),
                _ => None,
            };
            self.tell(outcome);
            let poll = Instant::now() + self.options.poll;
            tokio::select! {
                () = watch.changed() => {}
                () = sleep_until(hold_until.map_or(poll, |until| until.min(poll))) => {}
            }
        }
    }

    async fn look(&self, patient: bool) -> Outcome {
        // a panic, were there one, is a bug in weir and must cost no more than this load
        let panicked = |_| Outcome::Rejected {
            digests: BTreeMap::new(),
            reason: Reason::internal(),
        };
        self.apply(move |applier| applier.look(patient))
            .await
            .unwrap_or_else(panicked)
    }

    /// Builds anew what is served whenever the health of endpoints has changed.
    async fn follow_health(&self) -> Infallible {
        let mut pause = COALESCE;
        loop {
            self.health.notified().await;
            // others may follow at once, as when a node goes down
            sleep(pause).await;
            let start = Instant::now();
            if self.apply(Applier::rebuild).await.is_err() {
                tracing::error!("what is served could not be built anew");
            }
            // endpoints that never come to rest take a fifth of a core at most
            pause = COALESCE.max(start.elapsed() * 4);
        }
    }

    /// Works on a blocking thread, of which there are no others, and behind who serves requests where all cores are busy: a large
    /// configuration takes as long as several of their turns.
    async fn apply<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Applier) -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let applier = Arc::clone(&self.applier);
        spawn_blocking(move || {
            // where that is forbidden, it is only later that requests are served
            let _ = setpriority_process(Some(gettid()), BEHIND);
            work(&mut applier.lock().unwrap_or_else(PoisonError::into_inner))
        })
        .await
    }

    fn tell(&self, outcome: Outcome) {
        let at = SystemTime::now();
        self.status.send_if_modified(|status| match outcome {
            Outcome::Unchanged => {
                let changed = !status.in_sync || !status.waiting_for.is_empty();
                (status.in_sync, status.waiting_for) = (true, Arc::default());
                changed
            }
            Outcome::Loaded {
                absent,
                digests,
                revision,
                routes,
                unknown_entry_points,
            } => {
                tracing::info!(revision, routes, ?absent, ?unknown_entry_points, "loaded");
                let loaded = Loaded {
                    absent,
                    at,
                    digests,
                    revision,
                    routes,
                    unknown_entry_points,
                };
                status.loaded = Some(Arc::new(loaded));
                status.loads += 1;
                (status.in_sync, status.waiting_for) = (true, Arc::default());
                true
            }
            Outcome::Waiting(ids) => {
                if *status.waiting_for == *ids {
                    return false;
                }
                tracing::info!(?ids, "waiting for what the config names");
                (status.in_sync, status.waiting_for) = (false, ids.into());
                true
            }
            Outcome::Rejected { digests, reason } => {
                let known = |last: &Arc<Rejection>| last.reason == reason && last.digests == digests;
                let again = !status.in_sync && status.last_rejection.as_ref().is_some_and(known);
                (status.in_sync, status.waiting_for) = (false, Arc::default());
                if again {
                    return false;
                }
                let code = reason.code.as_str();
                if status.loaded.is_some() {
                    tracing::warn!(code, %reason, "not loaded, what is served stays");
                } else {
                    tracing::warn!(code, %reason, "not loaded, nothing is served yet");
                }
                status.last_rejection = Some(Arc::new(Rejection { at, digests, reason }));
                status.rejections += 1;
                true
            }
        });
    }
}
