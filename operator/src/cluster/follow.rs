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
    let state = (watcher(api, config).boxed(), Course::default(), None, None);
    let events = stream::unfold(
        state,
        move |(mut events, mut course, mut failed, mut pause)| async move {
            loop {
                // after a failure, which whoever asks has heard of by now
                if let Some(pause) = pause.take() {
                    sleep(pause).await;
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
                        // 410: it was cut off for too long to go on where it was, and lists anew
                        pause = Some(course.failed());
                        if code != Some(410) && failed.as_ref() != Some(&reason) {
                            tracing::warn!("cannot watch {what}: {reason}");
                            failed = Some(reason.clone());
                            return Some((Err(reason), (events, course, failed, pause)));
                        }
                    }
                }
            }
        },
    );
    events.boxed()
}
