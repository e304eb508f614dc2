//! A leaf: the endpoints of a reference to a Service, and how they are reached.

use std::{sync::Arc, time::Duration};

use weir_model::{
    document::{NodeId, Scheme},
    duration::GoDuration,
};

use super::{Affinity, Endpoint, Transport};
use crate::traffic::ServiceId;

/// A reference to a port of a Service that has endpoints.
#[derive(Debug)]
pub struct Leaf {
    /// Which endpoint a client's cookie names.
    pub affinity: Option<Box<Affinity>>,
    /// The node's id in the config.
    pub id: NodeId,
    /// When response bytes are sent on.
    pub flush: Flush,
    /// Traefik's name (`apps-svc1-80@kubernetescrd`), for metrics.
    pub label: Arc<str>,
    /// Whether the upstream sees the client's `Host`, else [`Endpoint::authority`].
    pub pass_host_header: bool,
    /// The protocol.
    pub scheme: Scheme,
    /// What its requests are counted for; see [`super::Snapshot::service`].
    pub service: ServiceId,
    /// How connections are made.
    pub transport: Arc<Transport>,
    /// Never empty: the ready ones, or the terminating ones where none is ready.
    pub(super) endpoints: Box<[Arc<Endpoint>]>,
}

impl Leaf {
    /// The endpoint for a [`crate::balance::Pick::turn`] at `now` (the clock of [`Endpoint::record_failure`]),
    /// without those whose ids are in `tried`; none when all are.
    ///
    /// Endpoints take their turns one after the other. One that is held out is passed over, its
    /// turns spread over the others; when all are, nothing is known to be better than the one in turn.
    #[inline]
    pub fn endpoint(&self, turn: u64, now: u64, tried: &[u64]) -> Option<&Arc<Endpoint>> {
        let in_turn = self
            .endpoints
            .get((turn % self.endpoints.len() as u64) as usize)?;
        if !in_turn.is_held_out(now) && !tried.contains(&in_turn.id) {
            return Some(in_turn);
        }
        self.another(turn, now, tried)
    }

    #[cold]
    fn another(&self, turn: u64, now: u64, tried: &[u64]) -> Option<&Arc<Endpoint>> {
        let count = self.endpoints.len() as u64;
        let (round, at) = (turn / count, turn % count);
        let from = |start: u64| (0..count).map(move |i| &self.endpoints[((start + i) % count) as usize]);
        let untried = |endpoint: &&Arc<Endpoint>| !tried.contains(&endpoint.id);
        // not always the next one, which would then take twice its share
        let spread = at + 1 + round % count.saturating_sub(1).max(1);
        from(spread)
            .find(|endpoint| untried(endpoint) && !endpoint.is_held_out(now))
            .or_else(|| from(at).find(untried))
    }

    /// All of them, in turn.
    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }
}

/// When response bytes are sent on at the latest. They are sent on as they come, which is always in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// After each write.
    AtOnce,
    /// When buffers are full or the response ends.
    WhenFull,
    /// After this long at the latest.
    Within(Duration),
}

impl From<GoDuration> for Flush {
    /// 0: as long as it takes, negative: not at all.
    fn from(interval: GoDuration) -> Self {
        match interval.to_std() {
            None => Self::AtOnce,
            Some(Duration::ZERO) => Self::WhenFull,
            Some(interval) => Self::Within(interval),
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_model::document::Secrets;

    use super::*;
    use crate::state::{Registry, Routing, Snapshot, fixture::Fixture};

    fn leaf(addresses: &[&str]) -> Arc<Leaf> {
        let fixture = Fixture::default().leaf("leaf", addresses).route("a", "leaf");
        let routing = Routing::build(&fixture.config, &[]).unwrap();
        let snapshot = Snapshot::build(
            &fixture.config,
            Arc::new(routing),
            &fixture.endpoints,
            &Secrets::default(),
            &mut Registry::new(0),
        );
        Arc::clone(&snapshot.leaves()[0])
    }

    fn three() -> Arc<Leaf> {
        leaf(&["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"])
    }

    /// How often each endpoint is taken in some turns.
    fn shares(leaf: &Leaf, turns: u64, now: u64, tried: &[u64]) -> Vec<usize> {
        let taken: Vec<_> = (0..turns)
            .map(|turn| leaf.endpoint(turn, now, tried).unwrap().id)
            .collect();
        let count = |endpoint: &Arc<Endpoint>| taken.iter().filter(|id| **id == endpoint.id).count();
        leaf.endpoints().iter().map(count).collect()
    }

    #[test]
    fn endpoints_take_turns() {
        let leaf = three();
        for turn in [0, 1, 2, 3, u64::MAX] {
            let endpoint = leaf.endpoint(turn, 0, &[]).unwrap();
            assert!(Arc::ptr_eq(endpoint, &leaf.endpoints()[(turn % 3) as usize]));
        }
    }

    #[test]
    fn the_turns_of_one_that_is_held_out_are_spread_over_the_others() {
        let leaf = three();
        leaf.endpoints()[1].record_failure(1_000);
        assert_eq!(shares(&leaf, 60, 1_099, &[]), [30, 0, 30]);
        assert_eq!(shares(&leaf, 60, 1_100, &[]), [20, 20, 20]);
        leaf.endpoints()[1].record_failure(1_100);
        leaf.endpoints()[1].record_success();
        assert_eq!(shares(&leaf, 60, 1_101, &[]), [20, 20, 20]);
    }

    #[test]
    fn when_all_are_held_out_each_takes_its_turn() {
        let leaf = three();
        leaf.endpoints()
            .iter()
            .for_each(|endpoint| endpoint.record_failure(0));
        assert_eq!(shares(&leaf, 60, 50, &[]), [20, 20, 20]);
    }

    #[test]
    fn a_request_never_gets_the_same_endpoint_twice() {
        let leaf = three();
        leaf.endpoints()[2].record_failure(0);
        for turn in 0..12 {
            let mut tried = Vec::new();
            while let Some(endpoint) = leaf.endpoint(turn, 0, &tried) {
                assert!(!tried.contains(&endpoint.id));
                tried.push(endpoint.id);
            }
            assert_eq!(tried.len(), 3);
            assert_eq!(
                tried[2],
                leaf.endpoints()[2].id,
                "the one that is held out comes last"
            );
        }
    }

    #[test]
    fn a_single_endpoint_is_taken_even_when_it_is_held_out() {
        let leaf = leaf(&["backend.example.com:80"]);
        leaf.endpoints()[0].record_failure(0);
        let endpoint = leaf.endpoint(5, 0, &[]).unwrap();
        assert_eq!(endpoint.authority, "backend.example.com:80");
        assert!(leaf.endpoint(5, 0, &[endpoint.id]).is_none());
    }

    #[test]
    fn flush_intervals_mean_what_the_documents_say() {
        let flush = |ms| Flush::from(GoDuration::from_millis(ms));
        assert_eq!(flush(-1), Flush::AtOnce);
        assert_eq!(flush(0), Flush::WhenFull);
        assert_eq!(flush(100), Flush::Within(Duration::from_millis(100)));
    }
}
