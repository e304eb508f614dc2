//! Which of the custom resources the cluster has.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use kube::Client;
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};
use weir_model::crd::{API_VERSION, ResourceKind};

use super::{backoff::Backoff, health::Reason};
use crate::compile::finding::Kind;

/// How often to look while something is missing. Nobody looks while all is there.
const INTERVAL: Duration = Duration::from_secs(5);

/// Between two looks, however often somebody asks for one.
const SHORTEST: Duration = Duration::from_millis(500);

/// For one request.
const LIMIT: Duration = Duration::from_secs(10);

/// The custom resources that the cluster has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Each with whether it has the subresource `status`: Traefik's own definitions do not.
    kinds: BTreeMap<Kind, bool>,
}

impl Served {
    /// Whether objects of this kind can exist.
    pub fn has(&self, kind: Kind) -> bool {
        self.kinds.contains_key(&kind)
    }

    /// Whether their statuses can be written.
    pub fn has_status(&self, kind: Kind) -> bool {
        self.kinds.get(&kind).copied().unwrap_or_default()
    }

    /// Whether nothing is missing.
    fn is_complete(&self) -> bool {
        self.kinds.len() == ResourceKind::ALL.len() && self.kinds.values().all(|status| *status)
    }

    /// Out of the names of an API group's resources, such as `traefikservices/status`.
    fn read<'a>(names: &(impl Iterator<Item = &'a str> + Clone)) -> Self {
        let kinds = [Kind::IngressRoute, Kind::ServersTransport, Kind::TraefikService];
        let found = kinds.into_iter().filter_map(|kind| {
            let plural = super::api_resource(kind).plural;
            let status = format!("{plural}/status");
            let has = |name: &str| names.clone().any(|n| n == name);
            has(&plural).then(|| (kind, has(&status)))
        });
        Self {
            kinds: found.collect(),
        }
    }
}

/// Tells which custom resources the cluster has, while that changes. Clones tell the same.
#[derive(Clone, Debug)]
pub struct Kinds {
    served: watch::Receiver<Option<Served>>,
    recheck: Arc<Notify>,
}

impl Kinds {
    /// And the task that looks.
    pub(in crate::cluster) fn new(client: Client) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (sender, served) = watch::channel(None);
        let recheck = Arc::new(Notify::new());
        let task = look(client, sender, recheck.clone());
        (Self { served, recheck }, task)
    }

    /// What is known now, and what follows; nothing before the API server answered once.
    pub fn served(&self) -> watch::Receiver<Option<Served>> {
        self.served.clone()
    }

    /// Asks for a look: a kind, or its status, was not found although it should be there.
    pub fn recheck(&self) {
        self.recheck.notify_one();
    }
}

async fn look(client: Client, served: watch::Sender<Option<Served>>, recheck: Arc<Notify>) {
    let mut backoff = Backoff::default();
    loop {
        let answer = timeout(LIMIT, client.list_api_group_resources(API_VERSION)).await;
        let found = match answer {
            Ok(Ok(list)) => Some(Served::read(&list.resources.iter().map(|r| r.name.as_str()))),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => Some(Served::default()),
            Ok(Err(error)) => {
                tracing::debug!("cannot find out which resources there are: {}", Reason(&error));
                None
            }
            Err(_) => None,
        };
        let Some(found) = found else {
            sleep(backoff.failed()).await;
            continue;
        };
        backoff.reset();
        let complete = found.is_complete();
        served.send_if_modified(|known| {
            let changed = known.as_ref() != Some(&found);
            *known = Some(found);
            changed
        });
        tokio::select! {
            () = recheck.notified() => sleep(SHORTEST).await,
            () = sleep(INTERVAL), if !complete => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_may_lack_its_status() {
        let names = ["ingressroutes", "traefikservices", "traefikservices/status"];
        let served = Served::read(&names.into_iter());
        assert!(served.has(Kind::IngressRoute) && !served.has_status(Kind::IngressRoute));
        assert!(served.has_status(Kind::TraefikService));
        assert!(!served.has(Kind::ServersTransport) && !served.is_complete());
    }
}
