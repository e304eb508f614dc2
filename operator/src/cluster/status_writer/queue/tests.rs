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

/// Half of it is served, and that takes its time: what is wrong with the other half does not wait for it.
#[test]
fn a_mistake_is_reported_within_a_second_while_the_rest_is_loaded() {
    let mut world = World::new();
    world.edit(1);
    let made = compiled(1, &["s1", "missing"]);
    world.desire(&made, &progress(1, &[0]));
    world.run(Duration::from_millis(499));
    assert_eq!(world.writes, 0);
    world.run(Duration::from_millis(1));
    assert_eq!(
        (world.writes, world.shown("ResolvedRefs").as_str()),
        (1, "False BackendNotFound")
    );
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
fn what_is_refused_is_tried_again_more_rarely_than_what_fails() {
    let mut world = World::new();
    world.edit(1);
    world.desire(&compiled(1, &["ts:a"]), &progress(0, &[0]));
    let start = world.now;
    let mut tries = Vec::new();
    while tries.len() < 9 {
        world.now = world.queue.due().unwrap();
        let job = world.look().unwrap();
        tries.push((world.now - start).as_millis());
        world.queue.done(&job, Outcome::Refused, world.now);
    }
    assert_eq!(tries[..4], [0, 1200, 3600, 8400]);
    assert_eq!(tries[8] - tries[7], 30_000);
}

#[test]
fn a_status_that_somebody_else_changes_is_put_right_ever_more_rarely() {
    let mut world = World::new();
    world.edit(1);
    let made = compiled(1, &["s1"]);
    world.desire(&made, &progress(1, &[1]));
    world.run(Duration::from_secs(5));
    assert_eq!(world.writes, 1);
    let start = world.now;
    let mut written = Vec::new();
    let mut disputes = Vec::new();
    while world.now < start + Duration::from_mins(10) {
        // as another release does, at once
        let record = Arc::make_mut(world.stored.get_mut(&traefik_service("a")).unwrap());
        record.status.as_mut().unwrap()["leaves"] = json!(99);
        world.queue.touch(&traefik_service("a"), world.now);
        world.look();
        world.now = world.queue.due().unwrap();
        let job = world.look().unwrap();
        written.push((world.now - start).as_secs());
        disputes.push(job.disputes);
        let record = Arc::make_mut(world.stored.get_mut(&traefik_service("a")).unwrap());
        record.status.clone_from(&job.status);
        world.queue.done(&job, Outcome::Written, world.now);
        world.queue.touch(&traefik_service("a"), world.now);
        assert!(world.look().is_none());
    }
    assert_eq!(written[..8], [1, 3, 7, 15, 31, 63, 123, 183]);
    assert_eq!(disputes[..3], [1, 2, 3]);
    // what is new is written at once nevertheless
    world.edit(2);
    world.desire(&compiled(2, &["ts:a"]), &progress(1, &[1]));
    let now = world.now;
    let job = world.look().unwrap();
    assert_eq!((world.now, job.disputes), (now, 0));
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
fn what_an_earlier_process_told_is_taken_back_too() {
    let mut world = World::new();
    world.edit(1);
    let ours = compiled(1, &["ts:a"]);
    world.desire(&ours, &progress(0, &[0]));
    world.run(Duration::ZERO);
    // the next one finds nothing to write
    world.queue = Queue::default();
    world.desire(&ours, &progress(0, &[0]));
    world.run(Duration::ZERO);
    assert_eq!(world.writes, 1);
    world.desire(&made(&[], &Config::default()), &progress(0, &[0]));
    world.run(Duration::from_mins(1));
    assert_eq!(world.stored[&traefik_service("a")].status, Some(json!({})));
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
        let progress = Progress {
            published,
            proxies,
            unknown: None,
        };
        world.desire(&made, &progress);
        world.run(Duration::from_mins(1));
    }
    assert_eq!(world.writes, 1);
}
