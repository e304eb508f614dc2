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

/// What happens to the objects with some labels. Failures are waited out; each that is news is told in the
/// log, and is an item in words.
pub(super) fn follow<K>(
    api: Api<K>,
    selector: &str,
    what: &'static str,
) -> BoxStream<'static, Result<Event<K>, String>>
where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let config = watching().labels(selector);
    let watch = move || watcher(api.clone(), config.clone()).boxed();
    let state = (watch(), Course::default(), None, None);
    let events = stream::unfold(state, move |(mut events, mut course, mut failed, mut pause)| {
        let watch = watch.clone();
        async move {
            loop {
                // after a failure, which whoever asks has heard of by now
                if let Some((pause, starts_over)) = pause.take() {
                    sleep(pause).await;
                    if starts_over {
                        events = watch();
                    }
                }
                let step = course.next(&mut events).await?;
                if course.is_back() && failed.take().is_some() {
                    tracing::info!("watching {what} again");
                }
                match step {
                    Step::Event(event) => return Some((Ok(event), (events, course, failed, pause))),
                    Step::Silence => {}
                    Step::Failed(error) => {
                        let (code, reason) = failure(&error);
                        let delay = course.failed();
                        pause = Some((delay, course.starts_over(code)));
                        let known = failed.as_ref().is_some_and(|old: &String| {
                            *old == reason || is_outage(old) && is_outage(&reason)
                        });
                        // one that was cut off for too long starts over, which is nothing to tell of
                        if !known && (code != Some(410) || course.failures() > 1) {
                            tracing::warn!("cannot watch {what}: {reason}");
                            failed = Some(reason.clone());
                            return Some((Err(reason), (events, course, failed, pause)));
                        }
                    }
                }
            }
        }
    });
    events.boxed()
}
