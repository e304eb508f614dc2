//! What kubelet does for a projected volume: ConfigMaps and Secrets become files.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time};

use super::{
    namespace::Namespace,
    resource::{CONFIG_MAP, POD, Resource, SECRET},
    volume::{self, Files},
    wait::eventually,
    watch::Cache,
};

/// For the first look at the sources, and for those that must be there.
const LIMIT: Duration = Duration::from_secs(30);
/// How long kubelet waits at most before it looks at a pod's volumes again. (It varies between this and one and a half
/// times this; the shorter one makes tests that must not depend on it fail sooner.)
const RESYNC: Duration = Duration::from_mins(1);
/// Between attempts while the API server does not answer.
const RETRY: Duration = Duration::from_millis(100);

/// An entry of the volume's `sources`; all keys become files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What it is.
    pub kind: SourceKind,
    /// The object's name.
    pub name: String,
    /// Whether it may be missing. As long as another one is missing, nothing changes.
    pub optional: bool,
}

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// `data` and `binaryData` of a ConfigMap.
    ConfigMap,
    /// `data` of a Secret.
    Secret,
}

/// When the files are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// Whenever a source changes. No kubelet does that.
    AtOnce,
    /// Whenever this pod changes (but for its status), and else once a minute: as kubelet, which sees the pod and the
    /// sources in no particular order.
    WithPod(String),
}

/// A directory that follows its sources. It stops with this value.
#[derive(Debug)]
pub struct Projection {
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    /// How often the files have changed.
    changes: u64,
    /// Why they are not as the sources are.
    problem: Option<String>,
}

impl Projection {
    /// Starts to project into a directory, which is created, and waits until all sources are there that must be.
    pub async fn start(
        namespace: &Namespace<'_>,
        directory: &Path,
        sources: Vec<Source>,
        refresh: Refresh,
    ) -> Result<Self> {
        fs::create_dir_all(directory)?;
        let state = Arc::new(Mutex::new(State::default()));
        let cache =
            |resource: Resource| Cache::new(*namespace.cluster.api(), resource.collection(&namespace.name));
        let volume = Volume {
            directory: directory.to_owned(),
            sources,
            refresh,
            config_maps: cache(CONFIG_MAP),
            secrets: cache(SECRET),
            pods: cache(POD),
            pod: Value::Null,
            state: Arc::clone(&state),
        };
        let projection = Self {
            state,
            task: tokio::spawn(volume.follow()),
        };
        let what = format!("{} is mounted", directory.display());
        eventually(&what, LIMIT, async || {
            let state = projection.state();
            let problem = state.problem.as_deref().unwrap_or("it has not been looked at");
            ensure!(state.changes > 0, "{problem}");
            Ok(())
        })
        .await?;
        Ok(projection)
    }

    /// How often the files have changed so far; the first time counts.
    pub fn changes(&self) -> u64 {
        self.state().changes
    }

    /// Why the files are not as the sources are, if something is wrong with these.
    pub fn problem(&self) -> Option<String> {
        self.state().problem.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Projection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The task behind it.
struct Volume {
    directory: PathBuf,
    sources: Vec<Source>,
    refresh: Refresh,
    config_maps: Cache,
    secrets: Cache,
    pods: Cache,
    /// What was seen of the pod last.
    pod: Value,
    state: Arc<Mutex<State>>,
}

impl Volume {
    async fn follow(mut self) {
        for cache in [&mut self.config_maps, &mut self.secrets, &mut self.pods] {
            // a source that was not asked for yet is not one that is missing
            while cache.change().await.is_err() {
                time::sleep(RETRY).await;
            }
        }
        self.pod_has_changed();
        let mut resync = time::interval(RESYNC);
        let mut mounted = false;
        loop {
            let at_once = !mounted || self.refresh == Refresh::AtOnce;
            let changed = tokio::select! {
                changed = self.config_maps.change() => changed.map(|_| at_once),
                changed = self.secrets.change() => changed.map(|_| at_once),
                changed = self.pods.change() => changed.map(|_| self.pod_has_changed()),
                _ = resync.tick() => Ok(true),
            };
            match changed {
                Ok(true) => mounted = self.sync() || mounted,
                Ok(false) => {}
                // the API server is away: the files stay, and the next attempt may do better
                Err(_) => time::sleep(RETRY).await,
            }
        }
    }

    fn pod_has_changed(&mut self) -> bool {
        let Refresh::WithPod(name) = &self.refresh else {
            return false;
        };
        let pod = self.pods.objects.get(name).map_or(Value::Null, |pod| {
            let metadata =
                ["labels", "annotations", "deletionTimestamp"].map(|field| &pod["metadata"][field]);
            json!([pod["spec"], metadata])
        });
        let changed = self.pod != pod;
        self.pod = pod;
        changed
    }

    /// Makes the files what the sources are now, and returns whether that went well.
    fn sync(&self) -> bool {
        let written = self
            .files()
            .and_then(|files| Ok(volume::write(&self.directory, &files)?));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match written {
            Ok(changed) => {
                state.changes += u64::from(changed);
                state.problem = None;
                true
            }
            Err(problem) => {
                state.problem = Some(format!("{problem:#}"));
                false
            }
        }
    }

    fn files(&self) -> Result<Files> {
        let mut files = Files::new();
        for Source { kind, name, optional } in &self.sources {
            let cache = match kind {
                SourceKind::ConfigMap => &self.config_maps,
                SourceKind::Secret => &self.secrets,
            };
            match cache.objects.get(name) {
                Some(object) => files.extend(kind.files(object)?),
                None => ensure!(optional, "{kind:?} {name} is not there"),
            }
        }
        Ok(files)
    }
}

impl SourceKind {
    /// The files that an object becomes, by name.
    pub(super) fn files(self, object: &Value) -> Result<Files> {
        let fields: &[_] = match self {
            Self::ConfigMap => &[("data", false), ("binaryData", true)],
            Self::Secret => &[("data", true)],
        };
        let mut files = Files::new();
        for (field, encoded) in fields {
            for (key, value) in object[field].as_object().into_iter().flatten() {
                let text = value.as_str().unwrap_or_default();
                let content = if *encoded {
                    BASE64_STANDARD
                        .decode(text)
                        .with_context(|| format!("{field}.{key}"))?
                } else {
                    text.as_bytes().to_vec()
                };
                files.insert(key.clone(), content);
            }
        }
        Ok(files)
    }
}
