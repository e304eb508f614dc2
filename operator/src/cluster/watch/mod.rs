//! The watches: the API server's objects as [`Change`]s.
//!
//! Objects are watched untyped, so that one that no type fits stops nobody. Of Secrets and ConfigMaps only
//! metadata is watched; those that are referred to are read one by one.

mod backoff;
mod fetch;
mod health;
mod kinds;
mod resource;
mod source;

use kube::Client;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

pub(super) use self::{
    backoff::Backoff,
    health::{Reason, failure},
    source::whole,
};
use self::{health::Reporter, source::Task};
pub use self::{
    health::{Health, WatchHealth},
    kinds::{Kinds, Served},
    resource::api_resource,
};
use super::{
    change::Change,
    scope::{Scope, Source},
    store::Wanted,
};

/// All watches; they end when this is dropped.
#[derive(Debug)]
pub struct Watches {
    /// Which custom resources the cluster has.
    pub kinds: Kinds,
    /// How each watch does.
    pub health: watch::Receiver<Health>,
    _tasks: JoinSet<()>,
}

impl Watches {
    /// Starts to watch what is in scope, and what is wanted in addition.
    pub fn start(
        client: &Client,
        scope: &Scope,
        changes: &mpsc::Sender<Change>,
        wanted: &watch::Receiver<Wanted>,
    ) -> Self {
        let mut tasks = JoinSet::new();
        let (kinds, discovery) = Kinds::new(client.clone());
        tasks.spawn(discovery);
        let (reporter, health) = Reporter::new(scope.sources());
        for source in scope.sources().into_iter().chain([Source::NODES]) {
            let task = Task {
                client: client.clone(),
                changes: changes.clone(),
                kinds: kinds.clone(),
                wanted: wanted.clone(),
                reporter: reporter.clone(),
                source,
            };
            tasks.spawn(task.run());
        }
        tasks.spawn(fetch::run(client.clone(), wanted.clone(), changes.clone()));
        Self {
            kinds,
            health,
            _tasks: tasks,
        }
    }
}
