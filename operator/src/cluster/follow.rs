//! Watches of our own namespace, for those who take part in it.

use std::{fmt::Debug, time::Duration};

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

use super::{
    connect::watching,
    watch::{Course, Reporter, Step, Watched, failure},
};

/// What happens to the objects with some labels. Failures are waited out; each that is news is told by
/// the reporter, and is an item in words.
pub(super) fn follow<K>(
    api: Api<K>,
    selector: &str,
    watched: Watched,
    reporter: Reporter,
) -> BoxStream<'static, Result<Event<K>, String>>
where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    reporter.starting(watched.clone());
    let state = Followed {
        events: watcher(api, watching().labels(selector)).boxed(),
        course: Course::default(),
        failed: None,
        pause: None,
        watched,
        reporter,
    };
    stream::unfold(state, |mut state: Followed<K>| async move {
        Some((state.next().await?, state))
    })
    .boxed()
}

struct Followed<K> {
    events: BoxStream<'static, watcher::Result<Event<K>>>,
    course: Course,
    /// The last failure that was told, until it is over.
    failed: Option<String>,
    /// After a failure, which whoever asks for more has heard of.
    pause: Option<Duration>,
    watched: Watched,
    reporter: Reporter,
}

impl<K> Followed<K> {
    async fn next(&mut self) -> Option<Result<Event<K>, String>> {
        loop {
            if let Some(pause) = self.pause.take() {
                sleep(pause).await;
            }
            let step = self.course.next(&mut self.events).await?;
            if self.course.is_back() {
                self.failed = None;
                self.reporter.watching(self.watched.clone());
            }
            match step {
                Step::Event(event) => return Some(Ok(event)),
                Step::Silence => {}
                Step::Failed(error) => {
                    let (code, reason) = failure(&error);
                    self.pause = Some(self.course.failed());
                    // 410: it was cut off for too long to go on where it was, and lists anew
                    if code != Some(410) && self.failed.as_ref() != Some(&reason) {
                        self.reporter.failing(self.watched.clone(), &reason);
                        self.failed = Some(reason.clone());
                        return Some(Err(reason));
                    }
                }
            }
        }
    }
}
