use super::*;

fn digests(config: &str) -> Digests {
    [("config".to_owned(), config.to_owned())].into()
}

fn serving(config: &str) -> Answer {
    Answer {
        digests: digests(config),
        ..Answer::default()
    }
}

fn refusing(config: &str, found: &str) -> Answer {
    Answer {
        rejection: Some(("broken".into(), digests(found))),
        ..serving(config)
    }
}

/// One pod, and the time.
struct World {
    schedule: Schedule,
    start: Instant,
    now: Instant,
    /// Of each touch, whether it was one more.
    again: Vec<bool>,
}

impl World {
    /// With a pod that serves `a`, which is published.
    fn new() -> Self {
        let now = Instant::now();
        let mut world = Self {
            schedule: Schedule::default(),
            start: now,
            now,
            again: Vec::new(),
        };
        world
            .schedule
            .running(&[("p".to_owned(), "1".to_owned())].into(), now);
        world.schedule.publish(&digests("a"), now);
        world.run(1, |_| Some(serving("a")));
        world.start = world.now;
        world.again.clear();
        world
    }

    /// Does what is due for some seconds; when the pod was touched, in milliseconds, and how often its
    /// proxy was asked.
    fn run(&mut self, seconds: u64, answer: impl Fn(Duration) -> Option<Answer>) -> (Vec<u128>, usize) {
        let (mut touched, mut asked) = (Vec::new(), 0);
        let end = self.now + Duration::from_secs(seconds);
        while let Some(next) = self.schedule.next().filter(|next| *next < end) {
            self.now = next.max(self.now);
            for Task {
                pod,
                incarnation,
                what,
            } in self.schedule.take(1, self.now)
            {
                match what {
                    What::Touch { again } => {
                        self.again.push(again);
                        touched.push((self.now - self.start).as_millis());
                    }
                    What::Ask => {
                        asked += 1;
                        let answer = answer(self.now - self.start);
                        self.schedule.answered(&pod, &incarnation, answer, self.now);
                    }
                }
            }
        }
        self.now = end;
        (touched, asked)
    }
}

#[test]
fn a_proxy_that_agrees_is_left_alone() {
    let mut world = World::new();
    let (touched, asked) = world.run(60, |_| Some(serving("a")));
    assert!(touched.is_empty());
    assert!((5..=7).contains(&asked), "{asked}");
}

#[test]
fn a_pod_is_touched_at_once_and_again_until_its_proxy_agrees() {
    let mut world = World::new();
    world.schedule.publish(&digests("b"), world.now);
    let late = Duration::from_millis(4200);
    let (touched, _) = world.run(60, |waited| Some(serving(if waited < late { "a" } else { "b" })));
    assert_eq!(touched, [0, 500, 1500, 3500]);
    assert_eq!(world.again, [false, true, true, true]);
}

#[test]
fn touches_get_rare_and_never_stop() {
    let mut world = World::new();
    world.schedule.publish(&digests("b"), world.now);
    let (touched, asked) = world.run(200, |_| Some(serving("a")));
    let gaps: Vec<u128> = touched.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps[..8], [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    assert!(asked < 130, "{asked}");
}

#[test]
fn a_proxy_that_refuses_what_is_published_has_seen_it() {
    let mut world = World::new();
    world.schedule.publish(&digests("b"), world.now);
    let (touched, _) = world.run(60, |_| Some(refusing("a", "b")));
    assert_eq!(touched.len(), 1);
    assert_eq!(world.schedule.refusal("p", world.now), Some("broken"));
}

#[test]
fn refusing_something_older_does_not_count_at_first() {
    let mut world = World::new();
    world.run(20, |_| Some(refusing("a", "b")));
    world.schedule.publish(&digests("c"), world.now);
    assert_eq!(world.schedule.refusal("p", world.now), None);
    world.run(5, |_| Some(refusing("a", "b")));
    assert_eq!(world.schedule.refusal("p", world.now), Some("broken"));
}

#[test]
fn a_proxy_whose_files_are_spoilt_is_touched_though_it_serves_what_is_published() {
    let mut world = World::new();
    let (spoilt, mended) = (Duration::from_secs(5), Duration::from_secs(12));
    let (touched, _) = world.run(60, |waited| {
        Some(if (spoilt..mended).contains(&waited) {
            refusing("a", "spoilt")
        } else {
            serving("a")
        })
    });
    // noticed after nine seconds, by the next question; then as soon and as often as after a publication
    assert_eq!(touched, [9500, 10_000, 11_000]);
    assert_eq!(world.again, [false, true, true]);
}

#[test]
fn files_that_were_spoilt_before_a_publication_are_not_taken_for_good_after_it() {
    let mut world = World::new();
    world.schedule.publish(&digests("b"), world.now);
    world.run(5, |_| Some(refusing("a", "b")));
    // back to what it still serves
    world.schedule.publish(&digests("a"), world.now);
    let start = world.now;
    world.start = start;
    let late = Duration::from_millis(700);
    let (touched, _) = world.run(60, |waited| {
        Some(if waited < late {
            refusing("a", "b")
        } else {
            serving("a")
        })
    });
    assert_eq!(touched, [0, 500]);
}

#[test]
fn a_proxy_that_does_not_answer_is_asked_again_and_not_touched_for_it() {
    let mut world = World::new();
    world.schedule.publish(&digests("b"), world.now);
    let (touched, asked) = world.run(60, |_| None);
    assert_eq!(touched.len(), 1);
    assert!(asked > 50, "{asked}");
    assert_eq!(world.schedule.answer("p"), None);
}

#[test]
fn a_new_pod_is_asked_before_it_is_touched() {
    let mut world = World::new();
    world
        .schedule
        .running(&[("p".to_owned(), "2".to_owned())].into(), world.now);
    assert_eq!(world.schedule.answer("p"), None);
    let (touched, _) = world.run(20, |_| Some(serving("a")));
    assert!(touched.is_empty());
    let stale = world.schedule.answered("p", "1", Some(serving("x")), world.now);
    assert!(!stale && world.schedule.answer("p") == Some(&serving("a")));
}

#[test]
fn agreeing_counts_once_for_what_is_published() {
    let mut world = World::new();
    world.schedule.publish(&digests("b"), world.now);
    let mut agrees = || world.schedule.answered("p", "1", Some(serving("b")), world.now);
    assert_eq!([agrees(), agrees()], [true, false]);
}

#[test]
fn without_anything_published_no_pod_is_touched() {
    let mut world = World::new();
    world.schedule.publish(&Digests::new(), world.now);
    let (touched, _) = world.run(60, |_| Some(serving("z")));
    assert!(touched.is_empty());
}
