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
    watch::{Course, Step, failure, is_outage},
};

/// What happens to the objects with some labels. Failures are told, each once, and waited out.
pub(super) fn follow<K>(api: Api<K>, selector: &str, what: &'static str) -> BoxStream<'static, Event<K>>
where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let config = watching().labels(selector);
    let watch = move || watcher(api.clone(), config.clone()).boxed();
    let state = (watch(), Course::default(), None);
    let events = stream::unfold(state, move |(mut events, mut course, mut failed)| {
        let watch = watch.clone();
        async move {
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
                        let delay = course.failed();
                        let known = failed.as_ref().is_some_and(|old: &String| {
                            *old == reason || is_outage(old) && is_outage(&reason)
                        });
                        // one that was cut off for too long starts over, which is nothing to tell of
                        if !known && (code != Some(410) || course.failures() > 1) {
                            tracing::warn!("cannot watch {what}: {reason}");
                            failed = Some(reason);
                        }
                        sleep(delay).await;
                        if course.starts_over(code) {
                            events = watch();
                        }
                    }
                }
            }
        }
    });
    events.boxed()
}
