//! The watches: the API server's objects as [`Change`]s.
//!
//! Objects are watched untyped, so that one that no type fits stops nobody. Of Secrets and ConfigMaps only
//! metadata is watched; those that are referred to are read one by one.

mod backoff;
mod course;
mod fetch;
mod health;
mod kinds;
mod resource;
mod source;

use kube::Client;
use tokio::sync::{mpsc, watch};

use self::source::Task;
pub(super) use self::{
    backoff::Backoff,
    course::{Course, Step},
    health::{Reason, failure, is_outage},
    source::whole,
};
pub use self::{
    health::{Health, Reporter, WatchHealth, Watched},
    kinds::{Kinds, Served},
    resource::api_resource,
};
use super::{
    change::Change,
    scope::{Scope, Source},
    store::Wanted,
    tasks::Tasks,
};

/// What is known of all watches.
#[derive(Clone, Debug)]
pub struct Watches {
    /// Which custom resources the cluster has.
    pub kinds: Kinds,
    /// How each watch does.
    pub health: watch::Receiver<Health>,
    /// Where further watches tell how they do.
    pub reporter: Reporter,
}

impl Watches {
    /// Starts to watch what is in scope, and what is wanted in addition. Without one of the watches, what is
    /// compiled would no longer be what the cluster holds, and nobody would see it: so they are tasks of the
    /// program.
    pub(super) fn start(
        tasks: &mut Tasks,
        client: &Client,
        scope: &Scope,
        changes: &mpsc::Sender<Change>,
        wanted: &watch::Receiver<Wanted>,
    ) -> Self {
        let (kinds, discovery) = Kinds::new(client.clone());
        tasks.spawn("the search for kinds of resources", discovery);
        let (reporter, health) = Reporter::new(&scope.sources());
        for source in scope.sources().into_iter().chain([Source::NODES]) {
            let name = format!("the watch of {source}");
            let task = Task {
                client: client.clone(),
                changes: changes.clone(),
                kinds: kinds.clone(),
                wanted: wanted.clone(),
                reporter: reporter.clone(),
                source,
            };
            tasks.spawn(name, task.run());
        }
        tasks.spawn(
            "the reader of Secrets and ConfigMaps",
            fetch::run(client.clone(), wanted.clone(), changes.clone()),
        );
        Self {
            kinds,
            health,
            reporter,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::api::FakeApi;

    #[tokio::test]
    async fn a_watch_that_ends_is_an_end_of_the_program() {
        let api = FakeApi::start().await;
        let mut tasks = Tasks::default();
        let (changes, changes_in) = mpsc::channel(1);
        let (_wanted, wanted) = watch::channel(Wanted::default());
        let _watches = Watches::start(&mut tasks, &api.client, &Scope::default(), &changes, &wanted);
        // nobody takes what they bring: then they have nothing to do
        drop(changes_in);
        let error = tasks.broken().await.to_string();
        assert!(
            error.starts_with("the watch of ") && error.ends_with(" ended"),
            "{error}"
        );
        tasks.shutdown().await;
    }
}
