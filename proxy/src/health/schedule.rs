//! Which probe is next.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::{task::AbortHandle, time::Instant};

use super::Health;

/// When each probe is due, and which are under way. Has no clock: it is told the time.
#[derive(Debug)]
pub(super) struct Schedule {
    due: BTreeSet<(Instant, u64)>,
    known: BTreeMap<u64, Known>,
    random: u64,
}

#[derive(Debug)]
struct Known {
    health: Arc<Health>,
    /// The label of one of the leaves that want it.
    service: Arc<str>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Due(Instant),
    /// Since when, and what ends it.
    Running(Instant, Option<AbortHandle>),
}

/// A probe that is due.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) health: Arc<Health>,
    /// How long it has waited.
    pub(super) late: Duration,
}

impl Schedule {
    /// The number is where chance starts from.
    pub(super) fn new(random: u64) -> Self {
        Self {
            due: BTreeSet::new(),
            known: BTreeMap::new(),
            random,
        }
    }

    /// From now on these are probed, the new ones at once; probes of others are broken off.
    pub(super) fn set(&mut self, wanted: impl IntoIterator<Item = (Arc<Health>, Arc<str>)>, now: Instant) {
        let mut before = std::mem::take(&mut self.known);
        for (health, service) in wanted {
            let id = health.id;
            self.known.entry(id).or_insert_with(|| {
                let stage = before.remove(&id).map_or_else(
                    || {
                        self.due.insert((now, id));
                        Stage::Due(now)
                    },
                    |known| known.stage,
                );
                Known {
                    health,
                    service,
                    stage,
                }
            });
        }
        for (id, gone) in before {
            match gone.stage {
                Stage::Due(due) => {
                    self.due.remove(&(due, id));
                }
                Stage::Running(_, task) => {
                    task.iter().for_each(AbortHandle::abort);
                }
            }
        }
    }

    /// When the next one is due; none: none is but those under way.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Takes the one that has been due for longest. It is under way until [`Schedule::ended`].
    pub(super) fn take(&mut self, now: Instant) -> Option<Due> {
        let first = *self.due.first().filter(|(due, _)| *due <= now)?;
        self.due.remove(&first);
        let (due, id) = first;
        let known = self.known.get_mut(&id)?;
        known.stage = Stage::Running(now, None);
        Some(Due {
            health: Arc::clone(&known.health),
            late: now.saturating_duration_since(due),
        })
    }

    /// What ends a probe that is under way, for when nobody wants it any more.
    pub(super) fn running(&mut self, id: u64, handle: AbortHandle) {
        if let Some(Known {
            stage: Stage::Running(_, task),
            ..
        }) = self.known.get_mut(&id)
        {
            *task = Some(handle);
        }
    }

    /// Whose probe a task is. For the rare case that it does not say so itself.
    pub(super) fn of_task(&self, task: tokio::task::Id) -> Option<u64> {
        let runs = |known: &Known| match &known.stage {
            Stage::Running(_, Some(handle)) => handle.id() == task,
            _ => false,
        };
        self.known
            .iter()
            .find_map(|(id, known)| runs(known).then_some(*id))
    }

    /// One has ended; when the next one of its kind is due follows from whether it is up now. The label that it has;
    /// none: nobody wants it any more.
    pub(super) fn ended(&mut self, id: u64, now: Instant) -> Option<Arc<str>> {
        let known = self.known.get_mut(&id)?;
        let Stage::Running(start, _) = known.stage else {
            return None;
        };
        let interval = known.health.check.interval(known.health.is_up());
        let interval = jittered(interval, &mut self.random);
        let due = start
            .checked_add(interval)
            .unwrap_or_else(|| start + Duration::from_hours(24))
            .max(now);
        known.stage = Stage::Due(due);
        self.due.insert((due, id));
        Some(Arc::clone(&known.service))
    }
}

/// Up to a tenth more or less, so that what starts together does not stay together.
fn jittered(interval: Duration, random: &mut u64) -> Duration {
    // SplitMix64, which is as random as this needs
    *random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *random;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let fraction = ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
    interval.mul_f64(0.9 + 0.2 * fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::fixture::{failed, health, passed};

    const SECOND: Duration = Duration::from_secs(1);

    fn wanted(all: &[&Arc<Health>]) -> Vec<(Arc<Health>, Arc<str>)> {
        all.iter()
            .map(|health| (Arc::clone(health), "service".into()))
            .collect()
    }

    fn taken(schedule: &mut Schedule, now: Instant) -> Vec<u64> {
        std::iter::from_fn(|| Some(schedule.take(now)?.health.id)).collect()
    }

    #[test]
    fn new_ones_are_probed_at_once_and_again_after_their_interval() {
        let (a, b) = (health(1, 10 * SECOND, SECOND), health(2, 100 * SECOND, SECOND));
        let mut schedule = Schedule::new(7);
        let start = Instant::now();
        schedule.set(wanted(&[&a]), start);
        assert_eq!(taken(&mut schedule, start), [1]);
        // one at a time
        assert_eq!(schedule.next(), None);
        assert!(taken(&mut schedule, start + 50 * SECOND).is_empty());
        passed(&a);
        assert!(schedule.ended(1, start + SECOND).is_some());
        // from the start of the one before, up to a tenth more or less
        let next = schedule.next().unwrap() - start;
        assert!(next >= 9 * SECOND && next <= 11 * SECOND, "{next:?}");
        schedule.set(wanted(&[&a, &b, &b]), start + SECOND);
        assert_eq!(taken(&mut schedule, start + 2 * SECOND), [2]);
        assert_eq!(taken(&mut schedule, start + 11 * SECOND), [1]);
    }

    #[test]
    fn unhealthy_ones_have_their_own_interval() {
        let a = health(1, 100 * SECOND, SECOND);
        let mut schedule = Schedule::new(7);
        let mut now = Instant::now();
        schedule.set(wanted(&[&a]), now);
        for (up, at_least, at_most) in [(false, 0.9, 1.1), (true, 90.0, 110.0), (false, 0.9, 1.1)] {
            let start = now;
            assert_eq!(taken(&mut schedule, now), [1]);
            if up {
                passed(&a)
            } else {
                failed(&a)
            };
            schedule.ended(1, now);
            now = schedule.next().unwrap();
            let after = (now - start).as_secs_f64();
            assert!((at_least..=at_most).contains(&after), "{up} {after}");
        }
    }

    #[test]
    fn what_takes_longer_than_its_interval_is_next_when_it_ends() {
        let a = health(1, SECOND, SECOND);
        let mut schedule = Schedule::new(7);
        let start = Instant::now();
        schedule.set(wanted(&[&a]), start);
        assert_eq!(taken(&mut schedule, start), [1]);
        schedule.ended(1, start + 5 * SECOND);
        assert_eq!(schedule.next(), Some(start + 5 * SECOND));
    }

    #[test]
    fn those_that_wait_for_longest_come_first_and_say_how_long() {
        let all: Vec<_> = (1..=3).map(|id| health(id, SECOND, SECOND)).collect();
        let mut schedule = Schedule::new(7);
        let start = Instant::now();
        schedule.set(wanted(&[&all[2]]), start);
        schedule.set(wanted(&[&all[0], &all[2]]), start + SECOND);
        schedule.set(wanted(&[&all[0], &all[1], &all[2]]), start + 2 * SECOND);
        let late: Vec<_> = std::iter::from_fn(|| schedule.take(start + 3 * SECOND))
            .map(|due| (due.health.id, due.late))
            .collect();
        assert_eq!(late, [(3, 3 * SECOND), (1, 2 * SECOND), (2, SECOND)]);
    }

    #[test]
    fn those_that_nobody_wants_any_more_are_forgotten() {
        let (a, b) = (health(1, SECOND, SECOND), health(2, SECOND, SECOND));
        let mut schedule = Schedule::new(7);
        let start = Instant::now();
        schedule.set(wanted(&[&a, &b]), start);
        assert_eq!(schedule.take(start).unwrap().health.id, 1);
        schedule.set(wanted(&[]), start);
        assert_eq!((schedule.next(), schedule.ended(1, start)), (None, None));
        // wanted again before the old probe has said so
        schedule.set(wanted(&[&a]), start);
        assert_eq!(taken(&mut schedule, start), [1]);
    }

    #[test]
    fn what_starts_together_does_not_stay_together() {
        let mut random = 1;
        let intervals: BTreeSet<_> = (0..1_000)
            .map(|_| jittered(SECOND, &mut random).as_millis() / 10)
            .collect();
        assert_eq!(intervals, (90..110).collect());
    }
}
