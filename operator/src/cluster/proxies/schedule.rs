//! When to ask a proxy what it serves, and when to touch its pod: plain data, with the time passed in.
//!
//! kubelet refreshes a volume when the pod changes, out of its own view of the ConfigMaps, which may lag
//! behind the pod. So touching a pod once is not enough: it is touched again, ever more rarely, until the
//! proxy says that it serves what is published, or that it refuses it, for then it has seen it.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

/// The documents' digests by file.
pub(super) type Digests = BTreeMap<String, String>;

/// Between questions to a proxy that agrees.
const CALM: Duration = Duration::from_secs(10);
/// Until what is published can be expected to have reached a pod.
const GRACE: Duration = Duration::from_secs(3);
/// After the first touch of a pod, the second comes so much later, the next after twice that and so on.
const FIRST_REPEAT: Duration = Duration::from_millis(500);
const LONGEST_REPEAT: Duration = Duration::from_secs(30);

/// What a proxy says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// The revision of the config that it serves.
    pub revision: Option<u64>,
    /// The digests of what it serves.
    pub digests: Digests,
    /// What it refuses: why, and the digests of what it has found.
    pub rejection: Option<(String, Digests)>,
}

impl Answer {
    /// Whether it serves this, and finds nothing else in its files.
    fn is_content_with(&self, wanted: &Digests) -> bool {
        self.digests == *wanted && self.rejection.is_none()
    }

    /// Whether this is what it refuses.
    fn refuses(&self, wanted: &Digests) -> bool {
        self.rejection.as_ref().is_some_and(|(_, found)| found == wanted)
    }
}

/// Something to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Task {
    /// With this pod.
    pub pod: String,
    /// What tells it from its predecessors of the same name.
    pub incarnation: String,
    /// What it is.
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Ask its proxy.
    Ask,
    /// Touch it, for the first time since something was published or not.
    Touch { again: bool },
}

/// A pod whose proxy can be asked.
#[derive(Debug)]
struct Pod {
    incarnation: String,
    answer: Option<Answer>,
    asking: bool,
    /// Whether that was done before.
    asked: bool,
    ask_at: Instant,
    /// Since when it may disagree.
    since: Instant,
    touches: u32,
    touch_at: Option<Instant>,
    /// Whether it was seen to agree since something was published.
    acknowledged: bool,
}

/// The schedule.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    wanted: Digests,
    pods: BTreeMap<String, Pod>,
}

impl Schedule {
    /// These digests are published from now on; empty: nothing is.
    pub fn publish(&mut self, wanted: &Digests, now: Instant) {
        if *wanted == self.wanted {
            return;
        }
        self.wanted.clone_from(wanted);
        for pod in self.pods.values_mut() {
            pod.begin(now);
            // none of them can have it yet: no need to ask first
            let content = pod
                .answer
                .as_ref()
                .is_some_and(|answer| answer.is_content_with(wanted));
            pod.touch_at = (!content && !wanted.is_empty()).then_some(now);
        }
    }

    /// These pods run, each with its incarnation.
    pub fn running(&mut self, running: &BTreeMap<String, String>, now: Instant) {
        self.pods.retain(|name, _| running.contains_key(name));
        for (name, incarnation) in running {
            if self
                .pods
                .get(name)
                .is_some_and(|pod| pod.incarnation == *incarnation)
            {
                continue;
            }
            let mut pod = Pod {
                incarnation: incarnation.clone(),
                answer: None,
                asking: false,
                asked: false,
                ask_at: now,
                since: now,
                touches: 0,
                touch_at: None,
                acknowledged: false,
            };
            pod.begin(now);
            self.pods.insert(name.clone(), pod);
        }
    }

    /// Something about a pod has changed: it is asked at once.
    pub fn hurry(&mut self, name: &str, now: Instant) {
        if let Some(pod) = self.pods.get_mut(name) {
            pod.ask_at = now;
        }
    }

    /// A proxy's answer; none: it did not answer. Whether it agrees, for the first time since something
    /// was published.
    pub fn answered(&mut self, name: &str, incarnation: &str, answer: Option<Answer>, now: Instant) -> bool {
        let Self { wanted, pods } = self;
        let Some(pod) = pods.get_mut(name).filter(|pod| pod.incarnation == incarnation) else {
            return false;
        };
        pod.asking = false;
        pod.asked = true;
        let agrees = answer.as_ref().is_some_and(|answer| answer.digests == *wanted);
        // one that serves it and refuses something else has files that somebody or something has spoilt
        let is_content = |answer: &Option<Answer>| answer.as_ref().is_some_and(|a| a.is_content_with(wanted));
        let (was_content, content) = (is_content(&pod.answer), is_content(&answer));
        let refuses = answer.as_ref().is_some_and(|answer| answer.refuses(wanted));
        let calm = content || wanted.is_empty();
        if was_content && !calm {
            // unlike after a publication, nobody has touched it for this
            (pod.since, pod.touches) = (now, 0);
        }
        if calm || refuses || answer.is_none() {
            pod.touch_at = None;
        } else if pod.touch_at.is_none() {
            pod.touch_at = Some(now + pod.repeat());
        }
        pod.ask_at = now + if calm { CALM } else { pause(now - pod.since) };
        pod.answer = answer;
        agrees && !wanted.is_empty() && !std::mem::replace(&mut pod.acknowledged, true)
    }

    /// Whether each pod's proxy was asked at least once, and has answered or not.
    pub fn all_asked(&self) -> bool {
        self.pods.values().all(|pod| pod.asked)
    }

    /// What a pod's proxy said last; nothing if it did not answer.
    pub fn answer(&self, name: &str) -> Option<&Answer> {
        self.pods.get(name)?.answer.as_ref()
    }

    /// Why a pod's proxy refuses what is published. That it refused something older says nothing, unless
    /// it stays with that.
    pub fn refusal(&self, name: &str, now: Instant) -> Option<&str> {
        let pod = self.pods.get(name)?;
        let (why, found) = pod.answer.as_ref()?.rejection.as_ref()?;
        (*found == self.wanted || now - pod.since >= GRACE).then_some(why)
    }

    /// When there is something to do; nothing while all is under way or there are no pods.
    pub fn next(&self) -> Option<Instant> {
        let asks = self.pods.values().filter(|pod| !pod.asking).map(|pod| pod.ask_at);
        let touches = self.pods.values().filter_map(|pod| pod.touch_at);
        asks.chain(touches).min()
    }

    /// What is to be done now, with at most `room` questions.
    pub fn take(&mut self, room: usize, now: Instant) -> Vec<Task> {
        let mut tasks = Vec::new();
        let mut asks = 0;
        for (name, pod) in &mut self.pods {
            let task = |what| Task {
                pod: name.clone(),
                incarnation: pod.incarnation.clone(),
                what,
            };
            if pod.touch_at.is_some_and(|at| at <= now) {
                tasks.push(task(What::Touch {
                    again: pod.touches > 0,
                }));
                pod.touches += 1;
                pod.touch_at = Some(now + pod.repeat());
            }
            if !pod.asking && pod.ask_at <= now && asks < room {
                tasks.push(task(What::Ask));
                pod.asking = true;
                asks += 1;
            }
        }
        tasks
    }
}

/// Until a proxy that has not agreed for so long is asked again.
fn pause(waited: Duration) -> Duration {
    match waited.as_secs() {
        0..3 => Duration::from_millis(100),
        3..15 => Duration::from_millis(500),
        _ => Duration::from_secs(3),
    }
}

impl Pod {
    /// It may not agree with what is published, as of now.
    fn begin(&mut self, now: Instant) {
        self.since = now;
        self.touches = 0;
        self.touch_at = None;
        self.acknowledged = false;
        self.ask_at = now;
    }

    /// From the last touch to the next.
    fn repeat(&self) -> Duration {
        let doubled = 2_u32.saturating_pow(self.touches.saturating_sub(1));
        FIRST_REPEAT.saturating_mul(doubled).min(LONGEST_REPEAT)
    }
}

#[cfg(test)]
mod tests;
