//! What is counted. Each worker counts in a [`Shard`] of its own, so that counting shares no memory
//! with other threads; a scrape sums them up ([`crate::admin`]).

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{error::Failure, traffic::Chain};

/// A number that one thread changes and others read.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn inc(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, amount: u64) {
        self.0.store(self.get().wrapping_add(amount), Ordering::Relaxed);
    }

    pub(crate) fn dec(&self) {
        self.sub(1);
    }

    pub(crate) fn sub(&self, amount: u64) {
        self.add(amount.wrapping_neg());
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A set of labels that is closed.
pub(crate) trait Label: Copy + 'static {
    /// All of them, in the order of their discriminants.
    const ALL: &'static [Self];
    /// As it is printed.
    fn label(self) -> &'static str;
}

macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $label:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$variant_doc])* $variant,)* }

        impl Label for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];
            fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)* }
            }
        }
    };
}

labels! {
    /// Why the proxy closed a client's connection.
    CloseReason {
        /// Unused for too long.
        Idle = "idle",
        /// A head that does not come to its end.
        HeadTimeout = "head_timeout",
        /// A silent client inside a body.
        BodyTimeout = "body_timeout",
        /// A client that takes nothing.
        WriteTimeout = "write_timeout",
        /// A header of the PROXY protocol that breaks its rules.
        ProxyHeader = "proxy_header",
        /// Frames of HTTP/2 that serve nothing, or requests that are given up, without end.
        Flood = "flood",
    }
}

labels! {
    /// Why no connections are accepted for a moment.
    PauseReason {
        /// There are as many as there may be.
        Limit = "limit",
        /// The system gives none.
        Error = "error",
    }
}

labels! {
    /// Why a request was sent again.
    Retry {
        /// The endpoint could not be connected to.
        Connect = "connect",
        /// The connection had been closed by the upstream while it was not used.
        Stale = "stale",
    }
}

labels! {
    /// Why a selected copy was not sent.
    MirrorDrop {
        /// The body is larger than the mirror's `maxBodySize`.
        BodySize = "body_size",
        /// The process holds as many bytes for copies as it may.
        Bytes = "bytes",
        /// As many copies are under way as may be.
        Copies = "copies",
        /// One request selected more copies than one may.
        Fanout = "fanout",
        /// The request's body did not come to its end, or main did not want it.
        IncompleteBody = "incomplete_body",
        /// The client went away before main answered.
        ClientGone = "client_gone",
        /// The request asks for another protocol.
        Upgrade = "upgrade",
    }
}

/// One thread's counts.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    /// Responses by entry point and class of status (1xx to 5xx).
    responses: Box<[[Counter; 5]]>,
    /// Requests by entry point, under Traefik's names.
    entry_points: Box<[Chain]>,
    /// Client connections by entry point.
    pub(crate) open_at: Box<[Counter]>,
    /// Requests that no upstream answered.
    pub(crate) failures: [Counter; Failure::ALL.len()],
    pub(crate) retries: [Counter; 2],
    pub(crate) accepted: Counter,
    pub(crate) accept_pauses: [Counter; 2],
    /// Connections of clients that came to nothing for want of TLS.
    pub(crate) handshakes_failed: Counter,
    pub(crate) closed: [Counter; 6],
    /// Client connections now, and those of them that are parked.
    pub(crate) open: Counter,
    pub(crate) parked: Counter,
    /// Those of them that have left HTTP, and how many did so far.
    pub(crate) upgraded: Counter,
    pub(crate) upgrades: Counter,
    /// Connections to upstreams: made so far, now, and those of them that wait for a request.
    pub(crate) dialled: Counter,
    pub(crate) upstream_open: Counter,
    pub(crate) upstream_idle: Counter,
    /// When the worker last looked at its clock, in milliseconds since the process's start.
    pub(crate) heartbeat: Counter,
    /// Lines of the access log that there was no room for.
    pub(crate) access_log_dropped: Counter,
    pub(crate) mirror_dropped: [Counter; 7],
    mirrored: Mutex<BTreeMap<MirrorLabels, Mirrored>>,
}

/// How many mirrors are counted one by one.
const MAX_MIRRORS: usize = 10_000;

/// Names of a mirroring service and of one of its mirrors.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MirrorLabels {
    pub(crate) mirror: Arc<str>,
    pub(crate) target: Arc<str>,
}

/// What came of the copies to one mirror.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mirrored {
    /// Answered, by class of status (1xx to 5xx).
    pub(crate) responses: [u64; 5],
    /// Not answered.
    pub(crate) failed: u64,
    /// Answered with another class of status than main's answer.
    pub(crate) mismatched: u64,
    /// Until the heads of the answers to copies, and of main's to the same requests.
    pub(crate) copy: Duration,
    pub(crate) main: Duration,
}

impl Mirrored {
    /// Adds another's numbers.
    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, others) in self.responses.iter_mut().zip(other.responses) {
            *mine += others;
        }
        self.failed += other.failed;
        self.mismatched += other.mismatched;
        self.copy += other.copy;
        self.main += other.main;
    }
}

impl Shard {
    pub(crate) fn new(entry_points: usize) -> Self {
        Self {
            responses: (0..entry_points).map(|_| Default::default()).collect(),
            entry_points: (0..entry_points).map(|_| Chain::default()).collect(),
            open_at: (0..entry_points).map(|_| Counter::default()).collect(),
            ..Self::default()
        }
    }

    /// Counts a response's status.
    pub(crate) fn count_response(&self, entry_point: usize, status: u16) {
        self.responses[entry_point][class(status)].inc();
    }

    /// What requests at an entry point are counted in.
    pub(crate) fn entry_point(&self, entry_point: usize) -> &Chain {
        &self.entry_points[entry_point]
    }

    /// Responses so far at an entry point, by class of status.
    pub(crate) fn responses(&self, entry_point: usize) -> [u64; 5] {
        std::array::from_fn(|class| self.responses[entry_point][class].get())
    }

    /// Counts a copy. The lock is this thread's alone but for scrapes.
    pub(crate) fn count_mirrored(&self, labels: MirrorLabels, count: impl FnOnce(&mut Mirrored)) {
        let mut mirrored = self.mirrored.lock().unwrap_or_else(PoisonError::into_inner);
        // names of many configs have come together: who reads counters knows that they may start anew
        if mirrored.len() >= MAX_MIRRORS && !mirrored.contains_key(&labels) {
            mirrored.clear();
        }
        count(mirrored.entry(labels).or_default());
    }

    /// What came of copies so far.
    pub(crate) fn mirrored(&self) -> BTreeMap<MirrorLabels, Mirrored> {
        self.mirrored
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The place of a status's class among 1xx to 5xx.
pub(crate) fn class(status: u16) -> usize {
    usize::from(status / 100).clamp(1, 5) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_goes_up_and_down() {
        let counter = Counter::default();
        counter.add(2);
        counter.dec();
        assert_eq!(counter.get(), 1);
    }

    #[test]
    fn statuses_fall_into_their_classes() {
        assert_eq!([101, 204, 304, 499, 599, 700].map(class), [0, 1, 2, 3, 4, 4]);
    }

    #[test]
    fn every_label_has_a_counter() {
        let shard = Shard::new(1);
        assert_eq!(shard.retries.len(), Retry::ALL.len());
        assert_eq!(shard.accept_pauses.len(), PauseReason::ALL.len());
        assert_eq!(shard.closed.len(), CloseReason::ALL.len());
        assert_eq!(shard.mirror_dropped.len(), MirrorDrop::ALL.len());
    }
}
