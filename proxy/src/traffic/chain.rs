//! One worker's counts of one service or entry point, by what came of requests.

use std::{collections::BTreeMap, sync::OnceLock, time::Duration};

use super::{
    Buckets, Kind,
    kind::{Method, Protocol},
};
use crate::metrics::Counter;

/// The counts, by what a client chooses and then by what it got. One thread counts, others read. An entry stays where it
/// is; so counting takes no lock, and memory only when something occurs for the first time.
///
/// Of methods and protocols there is a fixed number, and each of their pairs has its own room for statuses. So nothing that
/// clients do changes what is told of others; how many statuses there are is up to who answers.
#[derive(Debug, Default)]
pub(crate) struct Chain(OnceLock<Box<Group>>);

/// Statuses of a group before they are counted by their class: upstreams may answer with any of 900.
const MOST: usize = 64;

/// Requests that clients made alike.
#[derive(Debug)]
struct Group {
    method: Method,
    protocol: Protocol,
    codes: Codes,
    next: Chain,
}

/// A list with an entry for each status.
#[derive(Debug, Default)]
struct Codes(OnceLock<Box<Node>>);

#[derive(Debug)]
struct Node {
    code: u16,
    /// Requests by how long they took.
    buckets: Box<[Counter]>,
    nanos: Counter,
    received: Counter,
    sent: Counter,
    next: Codes,
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
    fn new(code: u16, buckets: &Buckets) -> Self {
        Self {
            code,
            buckets: (0..buckets.count()).map(|_| Counter::default()).collect(),
            nanos: Counter::default(),
            received: Counter::default(),
            sent: Counter::default(),
            next: Codes::default(),
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
        let Kind { method, protocol, .. } = observed.kind;
        let mut at = self;
        loop {
            let group = at.0.get_or_init(|| {
                Box::new(Group {
                    method,
                    protocol,
                    codes: Codes::default(),
                    next: Self::default(),
                })
            });
            if (group.method, group.protocol) == (method, protocol) {
                return group.codes.count(observed, buckets);
            }
            at = &group.next;
        }
    }

    /// Adds what was counted.
    pub(crate) fn add_to(&self, sums: &mut BTreeMap<Kind, Sums>) {
        let mut at = self.0.get();
        while let Some(group) = at {
            group.add_to(sums);
            at = group.next.0.get();
        }
    }
}

impl Codes {
    fn count(&self, observed: &Observed, buckets: &Buckets) {
        let mut code = observed.kind.code;
        let (mut at, mut passed) = (self, 0);
        loop {
            let node = at.0.get_or_init(|| Box::new(Node::new(code, buckets)));
            if node.code == code {
                return node.count(observed, buckets);
            }
            (at, passed) = (&node.next, passed + 1);
            if passed == MOST {
                (at, code) = (self, observed.kind.rough());
            }
        }
    }
}

impl Group {
    fn add_to(&self, sums: &mut BTreeMap<Kind, Sums>) {
        let mut at = self.codes.0.get();
        while let Some(node) = at {
            let kind = Kind {
                code: node.code,
                method: self.method,
                protocol: self.protocol,
            };
            sums.entry(kind).or_default().add(node);
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
    use super::*;

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

    #[test]
    fn nothing_that_clients_do_changes_what_is_told_of_others() {
        let (chain, buckets) = (Chain::default(), Buckets::default());
        let methods = [
            "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT", "TRACE", "get", "PROPFIND", "X1",
            "X2",
        ];
        let protocols = [Protocol::Grpc, Protocol::Http, Protocol::Sse, Protocol::WebSocket];
        for method in methods {
            for protocol in protocols {
                for code in [200, 400, 404, 405, 413, 431, 499, 500, 502, 503, 504] {
                    let method = Method::from(&method.parse().unwrap());
                    let mut odd = observed(code, method, 1);
                    odd.kind.protocol = protocol;
                    chain.count(&odd, &buckets);
                }
            }
        }
        chain.count(&observed(418, Method::Post, 1), &buckets);
        let sums = sums(&chain);
        assert_eq!(sums[&observed(418, Method::Post, 1).kind].requests(), 1);
        // four methods are one, as they are odd
        assert_eq!(sums.len(), (methods.len() - 3) * protocols.len() * 11 + 1);
    }
}
