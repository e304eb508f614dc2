//! One worker's counts of one service or entry point, by what came of requests.

use std::{collections::BTreeMap, sync::OnceLock, time::Duration};

use super::{Buckets, Kind};
use crate::metrics::Counter;

/// A list of counts, one entry for each [`Kind`] that occurred. One thread counts, others read. An entry stays where
/// it is; so counting takes no lock, and memory only when something occurs for the first time.
#[derive(Debug, Default)]
pub(crate) struct Chain(OnceLock<Box<Node>>);

/// Entries before statuses are counted by their class: upstreams may answer with any of 900.
const MOST: usize = 128;

#[derive(Debug)]
struct Node {
    kind: Kind,
    /// Requests by how long they took.
    buckets: Box<[Counter]>,
    nanos: Counter,
    received: Counter,
    sent: Counter,
    next: Chain,
}

/// What is known of a request at its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed {
    pub(crate) kind: Kind,
    pub(crate) took: Duration,
    /// Bytes of the request's body.
    pub(crate) received: u64,
    /// Bytes of the response's.
    pub(crate) sent: u64,
}

impl Node {
    fn new(kind: Kind, buckets: &Buckets) -> Self {
        Self {
            kind,
            buckets: (0..buckets.count()).map(|_| Counter::default()).collect(),
            nanos: Counter::default(),
            received: Counter::default(),
            sent: Counter::default(),
            next: Chain::default(),
        }
    }

    fn count(&self, observed: &Observed, buckets: &Buckets) {
        self.buckets[buckets.place(observed.took)].inc();
        self.nanos.add(observed.took.as_nanos() as u64);
        self.received.add(observed.received);
        self.sent.add(observed.sent);
    }
}

impl Chain {
    /// Counts a request.
    pub(crate) fn count(&self, observed: &Observed, buckets: &Buckets) {
        let mut kind = observed.kind;
        let (mut at, mut passed) = (self, 0);
        loop {
            let node = at.0.get_or_init(|| Box::new(Node::new(kind, buckets)));
            if node.kind == kind {
                return node.count(observed, buckets);
            }
            (at, passed) = (&node.next, passed + 1);
            if passed == MOST {
                (at, kind) = (self, kind.rough());
            }
        }
    }

    /// Adds what was counted.
    pub(crate) fn add_to(&self, sums: &mut BTreeMap<Kind, Sums>) {
        let mut at = self.0.get();
        while let Some(node) = at {
            sums.entry(node.kind).or_default().add(node);
            at = node.next.0.get();
        }
    }
}

/// The counts of several workers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    /// Each bucket by itself.
    pub(crate) buckets: Vec<u64>,
    pub(crate) nanos: u64,
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

impl Sums {
    fn add(&mut self, node: &Node) {
        self.buckets.resize(node.buckets.len(), 0);
        for (sum, bucket) in self.buckets.iter_mut().zip(&node.buckets) {
            *sum += bucket.get();
        }
        self.nanos += node.nanos.get();
        self.received += node.received.get();
        self.sent += node.sent.get();
    }

    /// All requests.
    pub(crate) fn requests(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::kind::{Method, Protocol},
        *,
    };

    fn observed(code: u16, method: Method, millis: u64) -> Observed {
        Observed {
            kind: Kind {
                code,
                method,
                protocol: Protocol::Http,
            },
            took: Duration::from_millis(millis),
            received: 1,
            sent: 10,
        }
    }

    fn sums(chain: &Chain) -> BTreeMap<Kind, Sums> {
        let mut sums = BTreeMap::new();
        chain.add_to(&mut sums);
        sums
    }

    #[test]
    fn each_kind_has_its_counts() {
        let (chain, buckets) = (Chain::default(), Buckets::default());
        for millis in [1, 2, 200, 9_000] {
            chain.count(&observed(200, Method::Get, millis), &buckets);
        }
        chain.count(&observed(200, Method::Post, 1), &buckets);
        let sums = sums(&chain);
        assert_eq!(sums.len(), 2);
        let gets = &sums[&observed(200, Method::Get, 0).kind];
        assert_eq!(gets.buckets, [2, 1, 0, 0, 1]);
        assert_eq!((gets.requests(), gets.received, gets.sent), (4, 4, 40));
        assert_eq!(gets.nanos, 9_203_000_000);
    }

    #[test]
    fn an_upstream_that_makes_statuses_up_does_not_make_series_without_end() {
        let (chain, buckets) = (Chain::default(), Buckets::default());
        for round in 0..2 {
            for code in 100..1000 {
                chain.count(&observed(code, Method::Get, 1), &buckets);
            }
            let sums = sums(&chain);
            assert_eq!(sums.values().map(Sums::requests).sum::<u64>(), 900 * (round + 1));
            assert!((MOST..=MOST + 9).contains(&sums.len()), "{}", sums.len());
        }
    }
}
