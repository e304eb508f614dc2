//! Watches of our own namespace, for those who take part in it.

use std::fmt::Debug;

use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use kube::{
    Api,
    runtime::watcher::{self, Event, watcher},
};
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use super::watch::{Backoff, failure};

/// What happens to the objects with some labels. Failures are told, each once, and waited out.
pub(super) fn follow<K>(api: Api<K>, selector: &str, what: &'static str) -> BoxStream<'static, Event<K>>
where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let config = watcher::Config::default().labels(selector);
    let state = (watcher(api, config).boxed(), Backoff::default(), None);
    let events = stream::unfold(state, move |(mut events, mut backoff, mut failed)| async move {
        loop {
            match events.next().await? {
                Ok(event) => {
                    // a list begins before it is known to work
                    if !matches!(event, Event::Init) {
                        backoff.reset();
                        if failed.take().is_some() {
                            tracing::info!("watching {what} again");
                        }
                    }
                    return Some((event, (events, backoff, failed)));
                }
                Err(error) => {
                    let (code, reason) = failure(&error);
                    // 410: it was cut off for too long to go on where it was, and lists anew
                    if code != Some(410) && failed.as_ref() != Some(&reason) {
                        tracing::warn!("cannot watch {what}: {reason}");
                        failed = Some(reason);
                    }
                    sleep(backoff.failed()).await;
                }
            }
        }
    });
    events.boxed()
}
