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
    /// Whether something of this process is in its status.
    reported: bool,
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
                    let mut news = Vec::new();
                    if status.is_some() || !stores_status {
                        news = events(id, stored, desired);
                        news.retain(|event| announced.note(event));
                    }
                    job = self::job(id, record, news, status);
                }
            }
            (Some(_), None) => {}
            (None, Some(record)) if entry.reported && stores_status => {
                let status = record.status.as_ref().and_then(withdraw);
                job = self::job(id, record, Vec::new(), status);
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
    let (_, until) = patience
        .filter(|(generation, _)| *generation == desired.generation)
        .unwrap_or((desired.generation, now + PATIENCE));
    *patience = Some((desired.generation, until));
    (now < until).then_some(until)
}

fn job(id: &ObjectId, record: Arc<Record>, events: Vec<DesiredEvent>, status: Option<Value>) -> Option<Job> {
    let nothing = events.is_empty() && status.is_none();
    (!nothing).then(|| Job {
        object: id.clone(),
        record,
        events,
        status,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use weir_model::document::Config;

    use super::*;
    use crate::status::{
        Progress, Proxy, desired,
        testing::{Made, made, progress, service, shown, traefik_service, weighted},
    };

    const WALL: &str = "2026-01-01T00:00:00Z";

    /// A queue, what is stored, and the time.
    struct World {
        queue: Queue,
        stored: BTreeMap<ObjectId, Arc<Record>>,
        stores_status: bool,
        now: Instant,
        writes: usize,
        events: Vec<&'static str>,
    }

    impl World {
        fn new() -> Self {
            Self {
                queue: Queue::default(),
                stored: BTreeMap::new(),
                stores_status: true,
                now: Instant::now(),
                writes: 0,
                events: Vec::new(),
            }
        }

        /// An object `a` of this generation, which is not reported on yet.
        fn edit(&mut self, generation: i64) {
            let record = self.stored.entry(traefik_service("a")).or_default();
            *record = Arc::new(Record {
                uid: "uid-a".into(),
                generation,
                ..(**record).clone()
            });
        }

        fn desire(&mut self, made: &Made, progress: &Progress) {
            let desired = desired(&made.compilation, &made.snapshot, progress);
            self.queue.desire(desired, self.now);
        }

        fn look(&mut self) -> Option<Job> {
            let id = self.queue.next(self.now)?;
            let record = self.stored.get(&id).cloned();
            self.queue.look(&id, record, self.stores_status, self.now, WALL)
        }

        /// Does what is due, up to a moment from now.
        fn run(&mut self, span: Duration) {
            let end = self.now + span;
            while let Some(due) = self.queue.due().filter(|due| *due <= end) {
                self.now = due.max(self.now);
                if let Some(job) = self.look() {
                    self.writes += 1;
                    self.events.extend(job.events.iter().map(|event| event.reason));
                    if let Some(status) = &job.status {
                        let record = Record {
                            status: Some(status.clone()),
                            ..(*job.record).clone()
                        };
                        self.stored.insert(job.object.clone(), Arc::new(record));
                    }
                    self.queue.done(&job, Outcome::Written, self.now);
                    // our own write comes back
                    self.queue.touch(&job.object, self.now);
                }
            }
            self.now = end;
        }

        fn shown(&self, condition: &str) -> String {
            let status = self.stored[&traefik_service("a")].status.clone();
            shown(&status.unwrap_or_default(), condition)
        }
    }

    fn compiled(generation: i64, children: &[&str]) -> Made {
        made(
            &[weighted("a", generation, children), service("s1"), service("s2")],
            &Config::default(),
        )
    }

    #[test]
    fn a_change_that_is_loaded_soon_costs_one_write() {
        let mut world = World::new();
        world.edit(1);
        let made = compiled(1, &["s1"]);
        world.desire(&made, &progress(0, &[0]));
        world.run(Duration::from_millis(300));
        world.desire(&made, &progress(1, &[0]));
        world.run(Duration::from_millis(300));
        assert_eq!(world.writes, 0);
        world.desire(&made, &progress(1, &[1]));
        world.run(Duration::from_millis(1));
        assert_eq!(
            (world.writes, world.shown("Programmed").as_str()),
            (1, "True Programmed")
        );
        // and nothing follows
        world.desire(&made, &progress(1, &[1]));
        world.run(Duration::from_mins(1));
        assert_eq!(world.writes, 1);
    }

    #[test]
    fn what_takes_longer_is_reported_after_two_seconds_and_when_it_is_there() {
        let mut world = World::new();
        world.edit(1);
        let made = compiled(1, &["s1"]);
        world.desire(&made, &progress(1, &[1, 0]));
        world.run(Duration::from_millis(1999));
        assert_eq!(world.writes, 0);
        world.run(Duration::from_millis(1));
        assert_eq!(
            (world.writes, world.shown("Programmed").as_str()),
            (1, "False WaitingForProxies")
        );
        world.desire(&made, &progress(1, &[1, 1]));
        world.run(Duration::from_millis(1));
        assert_eq!(
            (world.writes, world.shown("Programmed").as_str()),
            (2, "True Programmed")
        );
    }

    #[test]
    fn a_mistake_is_reported_at_once() {
        let mut world = World::new();
        world.edit(1);
        let made = compiled(1, &["ts:a"]);
        world.desire(&made, &progress(0, &[0]));
        world.run(Duration::ZERO);
        assert_eq!(
            (world.writes, world.shown("Accepted").as_str()),
            (1, "False CycleDetected")
        );
        assert_eq!(world.events, ["CycleDetected"]);
    }

    #[test]
    fn what_is_desired_for_an_older_generation_is_not_written() {
        let mut world = World::new();
        world.edit(2);
        world.desire(&compiled(1, &["ts:a"]), &progress(0, &[0]));
        world.run(Duration::from_mins(1));
        assert_eq!(world.writes, 0);
        world.desire(&compiled(2, &["ts:a"]), &progress(0, &[0]));
        world.run(Duration::ZERO);
        assert_eq!(world.writes, 1);
    }

    #[test]
    fn an_object_of_another_uid_is_another_one() {
        let mut world = World::new();
        world.edit(1);
        let record = world.stored.get_mut(&traefik_service("a")).unwrap();
        Arc::make_mut(record).uid = "another".into();
        world.desire(&compiled(1, &["ts:a"]), &progress(0, &[0]));
        world.run(Duration::from_mins(1));
        assert_eq!(world.writes, 0);
    }

    #[test]
    fn failures_are_tried_again_ever_more_rarely_whatever_happens_meanwhile() {
        let mut world = World::new();
        world.edit(1);
        world.desire(&compiled(1, &["ts:a"]), &progress(0, &[0]));
        let start = world.now;
        let mut tries = Vec::new();
        while tries.len() < 4 {
            world.now = world.queue.due().unwrap();
            let job = world.look().unwrap();
            tries.push((world.now - start).as_millis());
            world.queue.done(&job, Outcome::Failed, world.now);
            world.queue.touch(&job.object, world.now);
        }
        assert_eq!(tries, [0, 200, 600, 1400]);
    }

    #[test]
    fn what_changes_while_it_is_written_is_looked_at_afterwards() {
        let mut world = World::new();
        world.edit(1);
        world.desire(&compiled(1, &["ts:a"]), &progress(0, &[0]));
        let job = world.look().unwrap();
        world.edit(2);
        world.desire(&compiled(2, &["s1"]), &progress(1, &[1]));
        assert!(world.look().is_none());
        world.queue.done(&job, Outcome::Changed, world.now);
        world.run(Duration::ZERO);
        assert_eq!(world.shown("Ready"), "True Ready");
    }

    #[test]
    fn what_is_no_longer_ours_is_taken_back_if_it_was_ours() {
        let mut world = World::new();
        world.edit(1);
        world.desire(&compiled(1, &["ts:a"]), &progress(0, &[0]));
        world.run(Duration::ZERO);
        let nothing = made(&[], &Config::default());
        world.desire(&nothing, &progress(0, &[0]));
        world.run(Duration::from_mins(1));
        assert_eq!(world.stored[&traefik_service("a")].status, Some(json!({})));
        assert_eq!((world.writes, world.queue.entries.len()), (2, 0));

        let mut successor = World::new();
        successor.edit(1);
        successor.desire(&compiled(1, &["s1"]), &progress(0, &[0]));
        successor.desire(&nothing, &progress(0, &[0]));
        successor.run(Duration::from_mins(1));
        assert_eq!((successor.writes, successor.queue.entries.len()), (0, 0));
    }

    #[test]
    fn where_no_status_can_be_stored_each_event_comes_once() {
        let mut world = World::new();
        world.stores_status = false;
        world.edit(1);
        let made = compiled(1, &["s1", "missing"]);
        world.desire(&made, &progress(1, &[1]));
        world.run(Duration::from_secs(5));
        assert_eq!(world.events, ["BackendNotFound", "Programmed"]);
        assert_eq!(world.stored[&traefik_service("a")].status, None);
        world.desire(&made, &Progress::default());
        world.queue.touch_all(world.now);
        world.run(Duration::from_mins(1));
        assert_eq!(world.events.len(), 2);
        // as soon as it can, it is
        world.stores_status = true;
        world.queue.touch_all(world.now);
        world.run(Duration::from_mins(1));
        assert_eq!(world.shown("ResolvedRefs"), "False BackendNotFound");
    }

    #[test]
    fn proxies_that_come_and_go_change_nothing_once_it_is_loaded() {
        let mut world = World::new();
        world.edit(1);
        let made = compiled(1, &["s1"]);
        world.desire(&made, &progress(1, &[1]));
        world.run(Duration::from_secs(5));
        for proxies in [
            Vec::new(),
            vec![Proxy {
                ready: true,
                ..Proxy::default()
            }],
        ] {
            let published = progress(1, &[]).published;
            world.desire(&made, &Progress { published, proxies });
            world.run(Duration::from_mins(1));
        }
        assert_eq!(world.writes, 1);
    }
}
