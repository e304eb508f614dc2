//! A worker's unused connections to upstreams.

use std::cell::RefCell;

use hashbrown::HashMap;
use hyper::client::conn::http1;

use super::connection::Connection;
use crate::{
    http::{Clock, Tick},
    limits::{Limits, share},
    metrics::Shard,
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
    connection: Connection,
    since: Tick,
}

impl Upstreams {
    /// Of the worker `index` of `workers`.
    pub(crate) fn new(limits: &Limits, workers: usize, index: usize) -> Self {
        let mut client = http1::Builder::new();
        client
            .max_buf_size(limits.max_header_bytes.max(64 << 10))
            .max_header_size(limits.max_header_bytes);
        if let Some(most) = limits.own_max_headers() {
            client.max_headers(most);
        }
        Self {
            idle: RefCell::default(),
            client,
            max_idle: limits.max_idle_upstream,
            workers,
            index,
        }
    }

    /// This worker's part of the unused connections that are kept for an endpoint.
    pub(super) fn max_idle(&self, of_transport: Option<u32>) -> usize {
        let total = of_transport.map_or(self.max_idle, |max| max as usize);
        share(total, self.workers, self.index)
    }

    /// Takes an unused connection, if there is one that is not closed; when `sure`, not even a moment ago.
    pub(super) fn take(&self, endpoint: u64, sure: bool, metrics: &Shard) -> Option<Connection> {
        let mut all = self.idle.borrow_mut();
        let idle = all.get_mut(&endpoint)?;
        while let Some(Idle { connection, .. }) = idle.pop() {
            metrics.upstream_idle.dec();
            if connection.is_ready() && (!sure || connection.is_silent()) {
                return Some(connection);
            }
        }
        None
    }

    /// Takes a connection back, unless it is in the middle of something or there are enough.
    pub(super) fn give(&self, connection: Connection, clock: &Clock, metrics: &Shard) {
        let mut all = self.idle.borrow_mut();
        let idle = all.entry(connection.endpoint).or_default();
        if connection.is_ready() && idle.len() < connection.max_idle() {
            idle.push(Idle {
                connection,
                since: clock.now(),
            });
            metrics.upstream_idle.inc();
        }
    }

    /// Forgets the connections to an endpoint that are closed.
    pub(super) fn forget_closed(&self, endpoint: u64, metrics: &Shard) {
        if let Some(idle) = self.idle.borrow_mut().get_mut(&endpoint) {
            retain(idle, metrics, |idle| !idle.connection.is_closed());
        }
    }

    /// Closes connections that were not used for too long, and those to endpoints that are gone.
    pub(crate) fn sweep(&self, clock: &Clock, metrics: &Shard) {
        let stays = |idle: &Idle| {
            let fresh = |timeout| !clock.passed(idle.since, timeout);
            idle.connection.is_wanted() && idle.connection.idle_timeout.is_none_or(fresh)
        };
        self.idle.borrow_mut().retain(|_, idle| {
            retain(idle, metrics, stays);
            !idle.is_empty()
        });
    }
}

fn retain(idle: &mut Vec<Idle>, metrics: &Shard, stays: impl Fn(&Idle) -> bool) {
    let before = idle.len();
    idle.retain(stays);
    metrics.upstream_idle.sub((before - idle.len()) as u64);
}
