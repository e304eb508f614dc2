//! A worker's unused connections to upstreams.

use std::cell::RefCell;

use hashbrown::{HashMap, HashSet};
use hyper::client::conn::http1::{self, SendRequest};

use crate::{
    http::{Clock, RequestBody, Tick, Ticks},
    limits::{Limits, share},
    metrics::Shard,
    state::{Snapshot, Transport},
};

/// A worker's unused connections, by endpoint. The one used last is taken first, so that the rest
/// may grow old and be closed.
#[derive(Debug)]
pub(crate) struct Upstreams {
    idle: RefCell<HashMap<u64, Vec<Idle>>>,
    /// How hyper talks to upstreams.
    pub(super) client: http1::Builder,
    max_idle: usize,
    workers: usize,
    index: usize,
}

#[derive(Debug)]
struct Idle {
    sender: SendRequest<RequestBody>,
    since: Tick,
    /// How long it may stay; none: as long as the upstream keeps it.
    timeout: Option<Ticks>,
}

impl Upstreams {
    /// Of the worker `index` of `workers`.
    pub(crate) fn new(limits: &Limits, workers: usize, index: usize) -> Self {
        let mut client = http1::Builder::new();
        client
            .max_buf_size(limits.max_header_bytes.max(64 << 10))
            .max_header_size(limits.max_header_bytes);
        Self {
            idle: RefCell::default(),
            client,
            max_idle: limits.max_idle_upstream,
            workers,
            index,
        }
    }

    /// Takes an unused connection, if there is one that is not closed.
    pub(super) fn take(&self, endpoint: u64, metrics: &Shard) -> Option<SendRequest<RequestBody>> {
        let mut all = self.idle.borrow_mut();
        let idle = all.get_mut(&endpoint)?;
        while let Some(Idle { sender, .. }) = idle.pop() {
            metrics.upstream_idle.dec();
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    /// Takes a connection back, unless it is in the middle of something or there are enough.
    pub(super) fn give(
        &self,
        endpoint: u64,
        sender: SendRequest<RequestBody>,
        transport: &Transport,
        clock: &Clock,
        metrics: &Shard,
    ) {
        let max = transport.max_idle.map_or(self.max_idle, |max| max as usize);
        let mut all = self.idle.borrow_mut();
        let idle = all.entry(endpoint).or_default();
        if sender.is_ready() && idle.len() < share(max, self.workers, self.index) {
            let timeout = transport.idle_timeout.map(|timeout| clock.ticks(timeout));
            idle.push(Idle {
                sender,
                since: clock.now(),
                timeout,
            });
            metrics.upstream_idle.inc();
        }
    }

    /// Forgets the connections to an endpoint that are closed.
    pub(super) fn forget_closed(&self, endpoint: u64, metrics: &Shard) {
        if let Some(idle) = self.idle.borrow_mut().get_mut(&endpoint) {
            retain(idle, metrics, |idle| !idle.sender.is_closed());
        }
    }

    /// Closes connections that were not used for too long.
    pub(crate) fn sweep(&self, clock: &Clock, metrics: &Shard) {
        let fresh = |idle: &Idle| {
            idle.timeout
                .is_none_or(|timeout| !clock.passed(idle.since, timeout))
        };
        self.idle.borrow_mut().retain(|_, idle| {
            retain(idle, metrics, fresh);
            !idle.is_empty()
        });
    }

    /// Closes connections to endpoints that are gone.
    pub(crate) fn keep_only(&self, snapshot: &Snapshot, metrics: &Shard) {
        let endpoints = snapshot.leaves().iter().flat_map(|leaf| leaf.endpoints());
        let known: HashSet<u64> = endpoints.map(|endpoint| endpoint.id).collect();
        self.idle.borrow_mut().retain(|endpoint, idle| {
            let stays = known.contains(endpoint);
            retain(idle, metrics, |_| stays);
            stays
        });
    }
}

fn retain(idle: &mut Vec<Idle>, metrics: &Shard, keep: impl Fn(&Idle) -> bool) {
    idle.retain(|idle| {
        let kept = keep(idle);
        if !kept {
            metrics.upstream_idle.dec();
        }
        kept
    });
}
