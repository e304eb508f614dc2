//! Watches of our own namespace, for those who take part in it.

use std::fmt::Debug;

use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use kube::{
    Api,
    runtime::watcher::{Event, watcher},
};
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use super::{
    connect::watching,
    watch::{Course, Step, failure},
};

/// What happens to the objects with some labels. Failures are told, each once, and waited out.
pub(super) fn follow<K>(api: Api<K>, selector: &str, what: &'static str) -> BoxStream<'static, Event<K>>
where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let config = watching().labels(selector);
    let state = (watcher(api, config).boxed(), Course::default(), None);
    let events = stream::unfold(state, move |(mut events, mut course, mut failed)| async move {
        loop {
            let step = course.next(&mut events).await?;
            if course.is_back() && failed.take().is_some() {
                tracing::info!("watching {what} again");
            }
            match step {
                Step::Event(event) => return Some((event, (events, course, failed))),
                Step::Silence => {}
                Step::Failed(error) => {
                    let (code, reason) = failure(&error);
                    // 410: it was cut off for too long to go on where it was, and lists anew
                    if code != Some(410) && failed.as_ref() != Some(&reason) {
                        tracing::warn!("cannot watch {what}: {reason}");
                        failed = Some(reason);
                    }
                    sleep(course.failed()).await;
                }
            }
        }
    });
    events.boxed()
}
