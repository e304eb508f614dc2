//! Whether a watch works: it tells when it fails, and says nothing when it goes on.

use std::time::Duration;

use futures::{Stream, StreamExt as _};
use kube::runtime::watcher::{self, Event};
use tokio::time::timeout;

use super::backoff::Backoff;

/// A watch that was tried again and has not failed within so long works, though nothing happens.
const SILENCE: Duration = Duration::from_secs(10);

/// Failures in a row after which a watch lists anew.
const START_OVER: u32 = 5;

/// The course of a watch.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Course {
    backoff: Backoff,
    /// Whether its list is complete.
    listed: bool,
    /// Whether that it works was told since it failed last.
    told: bool,
}

/// What comes next.
#[derive(Debug)]
pub(in crate::cluster) enum Step<K> {
    Event(Event<K>),
    Failed(watcher::Error),
    /// Nothing, which after a failure is good news.
    Silence,
}

impl Course {
    /// Waits for the next step; nothing: the stream has ended.
    pub async fn next<K>(
        &mut self,
        events: &mut (impl Stream<Item = watcher::Result<Event<K>>> + Unpin),
    ) -> Option<Step<K>> {
        let next = if self.listed && self.backoff.failures() > 0 {
            match timeout(SILENCE, events.next()).await {
                Ok(next) => next,
                Err(_) => {
                    self.backoff.reset();
                    return Some(Step::Silence);
                }
            }
        } else {
            events.next().await
        };
        Some(match next? {
            Ok(event) => {
                self.listed = match event {
                    Event::Init | Event::InitApply(_) => false,
                    Event::InitDone => true,
                    Event::Apply(_) | Event::Delete(_) => self.listed,
                };
                // a list begins before it is known to work
                if !matches!(event, Event::Init) {
                    self.backoff.reset();
                }
                Step::Event(event)
            }
            Err(error) => Step::Failed(error),
        })
    }

    /// Whether it works and is up to date, which is told once after each failure.
    pub fn is_back(&mut self) -> bool {
        let works = self.listed && self.backoff.failures() == 0;
        works && !std::mem::replace(&mut self.told, true)
    }

    /// It failed: how long to wait.
    pub fn failed(&mut self) -> Duration {
        self.told = false;
        self.backoff.failed()
    }

    /// Whether to list anew after a failure with this HTTP status instead of going on where it was: 410 says
    /// that it was cut off for too long.
    pub fn starts_over(&self, code: Option<u16>) -> bool {
        code == Some(410) || self.failures().is_multiple_of(START_OVER)
    }

    /// Failures since something worked.
    pub fn failures(&self) -> u32 {
        self.backoff.failures()
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn no() -> watcher::Result<Event<u8>> {
        Err(watcher::Error::NoResourceVersion)
    }

    /// Goes through all steps that there are; after which of them it is back.
    async fn back_after(events: Vec<watcher::Result<Event<u8>>>) -> Vec<usize> {
        let mut events = stream::iter(events).chain(stream::pending());
        let mut course = Course::default();
        let (mut back, mut i) = (Vec::new(), 0);
        while let Ok(Some(step)) = timeout(SILENCE * 2, course.next(&mut events)).await {
            if matches!(step, Step::Failed(_)) {
                course.failed();
            }
            if course.is_back() {
                back.push(i);
            }
            i += 1;
        }
        back
    }

    #[test]
    fn a_watch_starts_over_when_it_has_to_and_now_and_then() {
        let mut course = Course::default();
        let over: Vec<bool> = (0..10)
            .map(|_| {
                course.failed();
                course.starts_over(Some(500))
            })
            .collect();
        let when: Vec<usize> = (0..10).filter(|i| over[*i]).collect();
        assert_eq!(when, [4, 9]);
        course.failed();
        assert!(course.starts_over(Some(410)) && !course.starts_over(None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_works_once_its_list_is_complete() {
        let list = vec![
            Ok(Event::Init),
            Ok(Event::InitApply(1)),
            Ok(Event::InitDone),
            Ok(Event::Apply(2)),
        ];
        assert_eq!(back_after(list).await, [2]);
        assert_eq!(
            back_after(vec![no(), Ok(Event::Init), Ok(Event::InitApply(1))]).await,
            [0; 0]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_goes_on_after_a_failure_works_again_by_its_next_event() {
        let events = vec![
            Ok(Event::Init),
            Ok(Event::InitDone),
            no(),
            no(),
            Ok(Event::Apply(2)),
            no(),
        ];
        assert_eq!(back_after(events).await[..2], [1, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_goes_on_after_a_failure_works_again_though_nothing_happens() {
        let events = vec![Ok(Event::Init), Ok(Event::InitDone), no(), no()];
        assert_eq!(back_after(events).await, [1, 4]);
    }
}
