//! The rules of the election, as plain data: what was seen of the Lease, and what follows.
//!
//! Nobody compares clocks. A candidate counts the Lease's duration from when it first saw the record as it
//! is; a holder counts it from before it sent the renewal. So the holder gives up before anybody takes over,
//! however far apart their clocks are.

use std::time::Duration;

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use tokio::time::Instant;

/// A record may ask others to wait for so long, and no longer, or a typo in it would stop everything.
const LONGEST: Duration = Duration::from_mins(1);

/// How long everything takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timing {
    /// A claim holds for so long, unless renewed.
    pub duration: Duration,
    /// From one renewal to the next.
    pub renew: Duration,
    /// From one look at somebody else's claim to the next.
    pub look: Duration,
    /// After a failed request.
    pub retry: Duration,
}

impl Timing {
    pub const DEFAULT: Self = Self {
        duration: Duration::from_secs(10),
        renew: Duration::from_secs(3),
        look: Duration::from_secs(2),
        retry: Duration::from_millis(500),
    };
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// Read the Lease.
    Read,
    /// Store it like this, unless it has changed meanwhile.
    Write(Box<Lease>),
}

/// What was seen of the Lease.
#[derive(Debug)]
struct Seen {
    lease: Option<Lease>,
    /// Since when it is known to be like this.
    since: Instant,
}

/// A candidate's view of the election.
#[derive(Debug)]
pub(super) struct Election {
    identity: String,
    timing: Timing,
    /// Without content.
    blank: Lease,
    seen: Option<Seen>,
    next: Instant,
    held_until: Option<Instant>,
}

impl Election {
    /// Of a candidate that knows nothing. `blank` has the Lease's metadata.
    pub fn new(identity: String, blank: Lease, timing: Timing, now: Instant) -> Self {
        Self {
            identity,
            timing,
            blank,
            seen: None,
            next: now,
            held_until: None,
        }
    }

    /// Until when the claim holds, if this candidate has one.
    pub fn held_until(&self) -> Option<Instant> {
        self.held_until
    }

    /// When to act next.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// What to do now. `wall` is for people who read the Lease.
    pub fn act(&self, now: Instant, wall: Timestamp) -> Action {
        match &self.seen {
            Some(seen) if self.is_open(seen, now) => Action::Write(Box::new(self.claim(seen, wall))),
            _ => Action::Read,
        }
    }

    /// The Lease is like this, or (nothing) does not exist.
    pub fn read(&mut self, lease: Option<Lease>, now: Instant) {
        let version = |lease: &Option<Lease>| {
            lease
                .as_ref()
                .map(|lease| lease.metadata.resource_version.clone())
        };
        let since = self
            .seen
            .as_ref()
            .filter(|seen| version(&seen.lease) == version(&lease))
            .map_or(now, |seen| seen.since);
        let seen = Seen { lease, since };
        self.next = if self.is_open(&seen, now) {
            now
        } else {
            self.held_until = None;
            (now + self.timing.look).min(seen.since + patience(seen.lease.as_ref(), self.timing))
        };
        self.seen = Some(seen);
    }

    /// A claim was stored; it was sent at that moment.
    pub fn written(&mut self, lease: Lease, sent: Instant) {
        self.held_until = Some(sent + self.timing.duration);
        self.next = sent + self.timing.renew;
        self.seen = Some(Seen {
            lease: Some(lease),
            since: sent,
        });
    }

    /// A claim was refused: the Lease is not as it was seen.
    pub fn refused(&mut self, now: Instant) {
        // whoever changed it, the claim holds until the next look: nobody takes over before it expires
        self.seen = None;
        self.next = now;
    }

    /// A request failed, and nobody knows what came of it.
    pub fn failed(&mut self, now: Instant) {
        self.next = now + self.timing.retry;
    }

    /// The Lease without a holder, if this candidate holds it.
    pub fn release(&mut self, wall: Timestamp) -> Option<Lease> {
        self.held_until.take()?;
        let mut lease = self.seen.take()?.lease?;
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = None;
        spec.renew_time = Some(MicroTime(wall));
        Some(lease)
    }

    /// Whether the Lease can be had: it is ours, nobody's, or was not renewed in time.
    fn is_open(&self, seen: &Seen, now: Instant) -> bool {
        match holder(seen.lease.as_ref()) {
            None => true,
            Some(holder) => {
                holder == self.identity || seen.since + patience(seen.lease.as_ref(), self.timing) <= now
            }
        }
    }

    fn claim(&self, seen: &Seen, wall: Timestamp) -> Lease {
        let mut lease = seen.lease.clone().unwrap_or_else(|| self.blank.clone());
        let spec: &mut LeaseSpec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_ref() != Some(&self.identity) {
            spec.holder_identity = Some(self.identity.clone());
            spec.acquire_time = Some(MicroTime(wall));
            spec.lease_transitions = Some(spec.lease_transitions.unwrap_or_default().saturating_add(1));
        }
        spec.lease_duration_seconds = Some(self.timing.duration.as_secs() as i32);
        spec.renew_time = Some(MicroTime(wall));
        lease
    }
}

/// Who holds it.
pub(super) fn holder(lease: Option<&Lease>) -> Option<&str> {
    let holder = lease?.spec.as_ref()?.holder_identity.as_deref();
    holder.filter(|holder| !holder.is_empty())
}

/// How long its holder may be silent.
fn patience(lease: Option<&Lease>, timing: Timing) -> Duration {
    let seconds = lease.and_then(|lease| lease.spec.as_ref()?.lease_duration_seconds);
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    seconds.map_or(timing.duration, Duration::from_secs).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The API server's side, and the time.
    struct World {
        stored: Option<Lease>,
        version: u64,
        now: Instant,
    }

    impl World {
        fn new() -> Self {
            Self {
                stored: None,
                version: 0,
                now: Instant::now(),
            }
        }

        fn candidate(&self, name: &str) -> Election {
            Election::new(name.into(), Lease::default(), Timing::DEFAULT, self.now)
        }

        fn store(&mut self, lease: Lease) -> Option<Lease> {
            let version =
                |lease: Option<&Lease>| lease.and_then(|lease| lease.metadata.resource_version.clone());
            if version(self.stored.as_ref()) != version(Some(&lease)) {
                return None;
            }
            self.version += 1;
            let mut stored = lease;
            stored.metadata.resource_version = Some(self.version.to_string());
            self.stored = Some(stored.clone());
            Some(stored)
        }

        /// Lets a candidate do what is due.
        fn step(&mut self, candidate: &mut Election) {
            match candidate.act(self.now, Timestamp::UNIX_EPOCH) {
                Action::Read => candidate.read(self.stored.clone(), self.now),
                Action::Write(lease) => match self.store(*lease) {
                    Some(lease) => candidate.written(lease, self.now),
                    None => candidate.refused(self.now),
                },
            }
        }

        /// Lets time pass, and everybody do what is due, until a condition holds; how long that took.
        fn until(
            &mut self,
            candidates: &mut [&mut Election],
            holds: impl Fn(&[&mut Election], Instant) -> bool,
        ) -> Duration {
            let start = self.now;
            while !holds(candidates, self.now) {
                assert!(self.now < start + Duration::from_mins(5), "it never holds");
                for candidate in candidates.iter_mut() {
                    if candidate.next() <= self.now {
                        self.step(candidate);
                    }
                }
                self.now += Duration::from_millis(50);
            }
            self.now - start
        }
    }

    fn leads(candidate: &Election, now: Instant) -> bool {
        candidate.held_until().is_some_and(|until| until > now)
    }

    fn spec(world: &World) -> LeaseSpec {
        world.stored.clone().unwrap().spec.unwrap()
    }

    #[test]
    fn the_first_candidate_leads_and_goes_on_to() {
        let mut world = World::new();
        let (mut a, mut b) = (world.candidate("a"), world.candidate("b"));
        world.until(&mut [&mut a, &mut b], |all, now| leads(all[0], now));
        let end = world.now + Duration::from_mins(1);
        world.until(&mut [&mut a, &mut b], |all, now| {
            assert!(leads(all[0], now) && !leads(all[1], now));
            now > end
        });
        let spec = spec(&world);
        assert_eq!(
            (spec.holder_identity.as_deref(), spec.lease_transitions),
            (Some("a"), Some(1))
        );
        assert!(
            (20..25).contains(&world.version),
            "{} writes in a minute",
            world.version
        );
    }

    #[test]
    fn a_killed_leader_is_replaced_within_15_s_and_not_before_its_claim_ends() {
        let mut world = World::new();
        let (mut a, mut b) = (world.candidate("a"), world.candidate("b"));
        world.until(&mut [&mut a, &mut b], |all, now| leads(all[0], now));
        let took = world.until(&mut [&mut b], |all, now| leads(all[0], now));
        assert!(took < Duration::from_secs(15), "{took:?}");
        assert!(!leads(&a, world.now));
        assert_eq!(spec(&world).lease_transitions, Some(2));
    }

    #[test]
    fn a_leader_that_leaves_is_replaced_within_5_s() {
        let mut world = World::new();
        let (mut a, mut b) = (world.candidate("a"), world.candidate("b"));
        world.until(&mut [&mut a, &mut b], |all, now| leads(all[0], now));
        let released = a.release(Timestamp::UNIX_EPOCH).unwrap();
        assert!(!leads(&a, world.now) && a.release(Timestamp::UNIX_EPOCH).is_none());
        world.store(released).unwrap();
        let took = world.until(&mut [&mut b], |all, now| leads(all[0], now));
        assert!(took < Duration::from_secs(5), "{took:?}");
    }

    #[test]
    fn a_leader_that_was_paused_finds_that_it_no_longer_leads() {
        let mut world = World::new();
        let (mut a, mut b) = (world.candidate("a"), world.candidate("b"));
        world.until(&mut [&mut a], |all, now| leads(all[0], now));
        world.until(&mut [&mut b], |all, now| leads(all[0], now));
        // its renewal carries an old version
        world.step(&mut a);
        world.step(&mut a);
        assert_eq!(a.held_until(), None);
        assert_eq!(spec(&world).holder_identity.as_deref(), Some("b"));
    }

    #[test]
    fn a_leader_without_connection_loses_its_claim() {
        let mut world = World::new();
        let mut a = world.candidate("a");
        world.until(&mut [&mut a], |all, now| leads(all[0], now));
        let start = world.now;
        while leads(&a, world.now) {
            a.failed(world.now);
            world.now = a.next();
        }
        assert!(world.now - start <= Duration::from_secs(10));
        // nobody else came: it may go on
        world.step(&mut a);
        assert!(leads(&a, world.now));
        assert_eq!(spec(&world).lease_transitions, Some(1));
    }

    #[test]
    fn somebody_elses_edit_of_the_lease_does_not_end_the_claim() {
        let mut world = World::new();
        let mut a = world.candidate("a");
        world.until(&mut [&mut a], |all, now| leads(all[0], now));
        let edited = world.stored.clone().unwrap();
        world.store(edited).unwrap();
        let end = world.now + Duration::from_secs(20);
        world.until(&mut [&mut a], |all, now| {
            assert!(leads(all[0], now));
            now > end
        });
        assert_eq!(spec(&world).lease_transitions, Some(1));
    }

    #[test]
    fn an_absurd_duration_is_not_waited_for() {
        let mut world = World::new();
        let theirs = LeaseSpec {
            holder_identity: Some("gone".into()),
            lease_duration_seconds: Some(1_000_000),
            ..LeaseSpec::default()
        };
        world.store(Lease {
            spec: Some(theirs),
            ..Lease::default()
        });
        let mut a = world.candidate("a");
        let took = world.until(&mut [&mut a], |all, now| leads(all[0], now));
        assert!(took < Duration::from_secs(70), "{took:?}");
    }
}
