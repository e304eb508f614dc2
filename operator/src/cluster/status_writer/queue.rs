//! Which statuses are to be written, and when: plain data, with the time passed in.
//!
//! An object is looked at when what should be reported on it has changed, or what is stored of it. Looking
//! is cheap and finds nothing to do most of the time: our own write comes back as a change, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;

use crate::{
    cluster::{records::Record, watch::Backoff},
    compile::finding::ObjectId,
    status::{Announced, DesiredEvent, DesiredStatus, events, merge, withdraw},
};

/// What is being published and loaded gets so long to be so before anything is written, so that a change
/// costs one write.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same for an object with a mistake, which is to be explained within a second.
const PATIENCE_WITH_MISTAKES: Duration = Duration::from_millis(500);

/// A status that somebody else has changed is put right after so long, the next time after twice that, and so
/// on: whoever it is may do the same to ours, as another release that reports on the same object.
const DISPUTE: Duration = Duration::from_secs(1);
const LONGEST_DISPUTE: Duration = Duration::from_mins(1);

/// What is refused for good reasons is tried again so much later than what failed.
const REFUSED: u32 = 6;

/// Something to write.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// The object that it is about.
    pub object: ObjectId,
    /// The object as it is stored.
    pub record: Arc<Record>,
    /// To be created first.
    pub events: Vec<DesiredEvent>,
    /// The new status; nothing where statuses cannot be stored.
    pub status: Option<Value>,
    /// How often somebody else has changed what was written before.
    pub disputes: u32,
}

/// What came of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is written.
    Written,
    /// The object has changed, and was read again.
    Changed,
    /// The object does not exist any longer.
    Gone,
    /// It must not be written, or not like this.
    Refused,
    /// It failed.
    Failed,
}

#[derive(Debug)]
struct Entry {
    /// Nothing: what was reported is to be taken back.
    desired: Option<DesiredStatus>,
    state: State,
    /// The generation that was found under way, and how long that is waited for.
    patience: Option<(i64, Instant)>,
    backoff: Backoff,
    /// Whether its status says, or did, what this process has to tell.
    reported: bool,
    /// Whether what is desired was seen there.
    settled: bool,
    disputes: Disputes,
}

/// What others did to what was settled.
#[derive(Debug, Default)]
struct Disputes {
    count: u32,
    /// Until when the last one is waited out.
    until: Option<Instant>,
}

impl Disputes {
    /// Until when to wait before what is settled is written again, if at all.
    fn wait(&mut self, now: Instant) -> Option<Instant> {
        let until = *self.until.get_or_insert_with(|| {
            let doubled = DISPUTE * 2_u32.saturating_pow(self.count.min(8));
            self.count += 1;
            now + doubled.min(LONGEST_DISPUTE)
        });
        (now < until).then_some(until)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There is nothing to do.
    Idle,
    /// To be looked at then.
    Waiting(Instant),
    /// Being written; to be looked at again afterwards or not.
    Writing { again: bool },
}

/// All objects that are reported on.
#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: BTreeMap<ObjectId, Entry>,
    waiting: BTreeSet<(Instant, ObjectId)>,
    announced: Announced,
}

impl Queue {
    /// What should be reported, on all objects.
    pub fn desire(&mut self, mut desired: BTreeMap<ObjectId, DesiredStatus>, now: Instant) {
        let mut woken = Vec::new();
        for (id, entry) in &mut self.entries {
            let new = desired.remove(id);
            if entry.desired != new {
                entry.desired = new;
                entry.settled = false;
                entry.disputes = Disputes::default();
                woken.push(id.clone());
            }
        }
        for (id, desired) in desired {
            let entry = Entry {
                desired: Some(desired),
                state: State::Idle,
                patience: None,
                backoff: Backoff::default(),
                reported: false,
                settled: false,
                disputes: Disputes::default(),
            };
            self.entries.insert(id.clone(), entry);
            woken.push(id);
        }
        for id in woken {
            self.touch(&id, now);
        }
    }

    /// An object is to be looked at: what is stored of it may have changed.
    pub fn touch(&mut self, id: &ObjectId, now: Instant) {
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        match entry.state {
            State::Idle => self.put(id, State::Waiting(now)),
            // after a failure, the pause stays
            State::Waiting(due) if entry.backoff.failures() == 0 && due > now => {
                self.put(id, State::Waiting(now));
            }
            State::Waiting(_) => {}
            State::Writing { .. } => self.put(id, State::Writing { again: true }),
        }
    }

    /// All objects are to be looked at.
    pub fn touch_all(&mut self, now: Instant) {
        let ids: Vec<ObjectId> = self.entries.keys().cloned().collect();
        for id in ids {
            self.touch(&id, now);
        }
    }

    /// When an object is to be looked at.
    pub fn due(&self) -> Option<Instant> {
        self.waiting.first().map(|(due, _)| *due)
    }

    /// An object that is to be looked at now.
    pub fn next(&self, now: Instant) -> Option<ObjectId> {
        let (due, id) = self.waiting.first()?;
        (*due <= now).then(|| id.clone())
    }

    /// Looks at an object: what is to be written, if anything. `stores_status` is whether there is a place
    /// for its status; `wall` is RFC 3339.
    pub fn look(
        &mut self,
        id: &ObjectId,
        record: Option<Arc<Record>>,
        stores_status: bool,
        now: Instant,
        wall: &str,
    ) -> Option<Job> {
        let Self {
            entries, announced, ..
        } = self;
        let entry = entries.get_mut(id)?;
        let mut next = Some(State::Idle);
        let mut job = None;
        match (&entry.desired, record) {
            (Some(desired), Some(record)) => {
                let stored = record.status.as_ref().filter(|_| stores_status);
                if record.uid != desired.uid || record.generation != desired.generation {
                    // the object was edited or made anew, and what is desired for that is on its way
                } else if let Some(until) = wait(&mut entry.patience, desired, stored, now) {
                    next = Some(State::Waiting(until));
                } else {
                    let status = merge(stored, desired, wall).filter(|_| stores_status);
                    // what says all of this already was told by a process before this one
                    entry.reported |= stored.is_some() && status.is_none();
                    let disputed = status.is_some() && entry.settled;
                    entry.settled |= status.is_none() && stores_status;
                    if let Some(until) = disputed.then(|| entry.disputes.wait(now)).flatten() {
                        next = Some(State::Waiting(until));
                    } else {
                        let mut news = Vec::new();
                        if status.is_some() || !stores_status {
                            news = events(id, stored, desired);
                            news.retain(|event| announced.note(event));
                        }
                        entry.disputes.until = None;
                        job = self::job(id, record, news, status, entry.disputes.count);
                    }
                }
            }
            (Some(_), None) => {}
            (None, Some(record)) if entry.reported && stores_status => {
                let status = record.status.as_ref().and_then(withdraw);
                job = self::job(id, record, Vec::new(), status, 0);
                next = None;
            }
            // it is gone, or somebody else's
            (None, _) => next = None,
        }
        match next {
            _ if job.is_some() => self.put(id, State::Writing { again: false }),
            Some(state) => self.put(id, state),
            None => {
                self.put(id, State::Idle);
                self.entries.remove(id);
            }
        }
        job
    }

    /// A job is done. What failed is looked at again later, what has changed at once.
    pub fn done(&mut self, job: &Job, outcome: Outcome, now: Instant) {
        let Some(entry) = self.entries.get_mut(&job.object) else {
            return;
        };
        let again = matches!(entry.state, State::Writing { again: true });
        let state = match outcome {
            Outcome::Failed => State::Waiting(now + entry.backoff.failed()),
            Outcome::Refused => State::Waiting(now + entry.backoff.failed() * REFUSED),
            Outcome::Written | Outcome::Changed | Outcome::Gone => {
                entry.backoff.reset();
                entry.reported |= outcome == Outcome::Written && job.status.is_some();
                if again || outcome == Outcome::Changed || entry.desired.is_none() {
                    State::Waiting(now)
                } else {
                    State::Idle
                }
            }
        };
        self.put(&job.object, state);
    }

    /// An Event could not be created.
    pub fn forget_event(&mut self, event: &DesiredEvent) {
        self.announced.forget(event);
    }

    fn put(&mut self, id: &ObjectId, state: State) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        if let State::Waiting(due) = entry.state {
            self.waiting.remove(&(due, id.clone()));
        }
        if let State::Waiting(due) = state {
            self.waiting.insert((due, id.clone()));
        }
        entry.state = state;
    }
}

/// Until when to wait for what is under way, if at all.
fn wait(
    patience: &mut Option<(i64, Instant)>,
    desired: &DesiredStatus,
    stored: Option<&Value>,
    now: Instant,
) -> Option<Instant> {
    if !desired.is_under_way(stored) {
        *patience = None;
        return None;
    }
    let longest = if desired.has_mistakes() {
        PATIENCE_WITH_MISTAKES
    } else {
        PATIENCE
    };
    let (_, until) = patience
        .filter(|(generation, _)| *generation == desired.generation)
        .unwrap_or((desired.generation, now + longest));
    *patience = Some((desired.generation, until));
    (now < until).then_some(until)
}

fn job(
    id: &ObjectId,
    record: Arc<Record>,
    events: Vec<DesiredEvent>,
    status: Option<Value>,
    disputes: u32,
) -> Option<Job> {
    let nothing = events.is_empty() && status.is_none();
    (!nothing).then(|| Job {
        object: id.clone(),
        record,
        events,
        status,
        disputes,
    })
}

#[cfg(test)]
mod tests;
