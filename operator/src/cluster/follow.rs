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
    watch::{Course, Reporter, Step, Watched, failure, is_outage},
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
    let config = watching().labels(selector);
    let watch = move || watcher(api.clone(), config.clone()).boxed();
    let state = Followed {
        events: watch(),
        watch: Box::new(watch),
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

type Events<K> = BoxStream<'static, watcher::Result<Event<K>>>;

struct Followed<K> {
    events: Events<K>,
    /// Starts over.
    watch: Box<dyn Fn() -> Events<K> + Send>,
    course: Course,
    /// The last failure that was told, until it is over.
    failed: Option<String>,
    /// After a failure, which whoever asks for more has heard of; and whether to start over then.
    pause: Option<(Duration, bool)>,
    watched: Watched,
    reporter: Reporter,
}

impl<K> Followed<K> {
    async fn next(&mut self) -> Option<Result<Event<K>, String>> {
        loop {
            if let Some((pause, starts_over)) = self.pause.take() {
                sleep(pause).await;
                if starts_over {
                    self.events = (self.watch)();
                }
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
                    let delay = self.course.failed();
                    self.pause = Some((delay, self.course.starts_over(code)));
                    let known = self
                        .failed
                        .as_ref()
                        .is_some_and(|old| *old == reason || is_outage(old) && is_outage(&reason));
                    // one that was cut off for too long starts over, which is nothing to tell of
                    if !known && (code != Some(410) || self.course.failures() > 1) {
                        self.reporter.failing(self.watched.clone(), &reason);
                        self.failed = Some(reason.clone());
                        return Some(Err(reason));
                    }
                }
            }
        }
    }
}
