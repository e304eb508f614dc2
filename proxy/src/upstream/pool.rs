//! A worker's unused connections to upstreams.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use hashbrown::HashMap;
use tokio::sync::Mutex;
use weir_model::document::Scheme;

use super::{
    connection::{Connection, Exclusive, Shared},
    http1::HeadLimits,
    watch::{Bell, Watch},
};
use crate::{
    http::{Clock, Tick},
    limits::{Limits, share},
    metrics::Shard,
    state::Endpoint,
};

/// A worker's connections that can take a request, by endpoint. Of those that serve one at a time the one used last is taken
/// first, of those that serve many the first with room, so that the rest may grow old and be closed.
#[derive(Debug)]
pub(crate) struct Upstreams {
    all: RefCell<HashMap<u64, Pool>>,
    watch: Watch,
    /// Of answers.
    pub(super) heads: HeadLimits,
    max_idle: usize,
    workers: usize,
    index: usize,
}

/// Of one endpoint.
#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Idle<Box<Exclusive>>>,
    shared: Vec<Idle<Rc<Shared>>>,
    /// Held by who makes a connection that the others may share.
    making: Option<Rc<Mutex<()>>>,
}

/// A connection, and since when it is not used, as far as known.
#[derive(Debug)]
struct Idle<C> {
    connection: C,
    since: Tick,
}

impl Upstreams {
    /// Of the worker `index` of `workers`.
    pub(crate) fn new(limits: &Limits, workers: usize, index: usize) -> Self {
        Self {
            all: RefCell::default(),
            watch: Watch::default(),
            heads: HeadLimits::new(limits),
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

    /// Takes a connection that has room for a request, if there is one that is not closed; when `sure`, not even a moment
    /// ago.
    pub(super) fn take(&self, endpoint: u64, sure: bool, metrics: &Shard) -> Option<Connection> {
        let mut all = self.all.borrow_mut();
        let pool = all.get_mut(&endpoint)?;
        while let Some(Idle { connection, .. }) = pool.idle.pop() {
            metrics.upstream_idle.dec();
            if connection.is_ready(sure) {
                return Some(Connection::Exclusive(connection));
            }
        }
        let mut shared = pool.shared.iter();
        let found = shared.find(|shared| shared.connection.has_room())?;
        Some(Connection::Shared(found.connection.clone()))
    }

    /// Takes a connection back, unless it is in the middle of something or there are enough.
    pub(super) fn give(&self, connection: Box<Exclusive>, clock: &Clock, metrics: &Shard) {
        let mut all = self.all.borrow_mut();
        let idle = &mut all.entry(connection.about.endpoint).or_default().idle;
        // what is left of its request is still sent
        if !connection.retire() || idle.len() >= connection.about.max_idle {
            return connection.close();
        }
        idle.push(Idle {
            connection,
            since: clock.now(),
        });
        metrics.upstream_idle.inc();
    }

    /// For a connection to this endpoint.
    pub(super) fn bell(&self, endpoint: u64) -> Arc<Bell> {
        self.watch.bell(endpoint)
    }

    /// Looks after unused connections as long as the worker runs.
    pub(crate) async fn look_after(&self, metrics: &Shard) {
        self.watch
            .run(|endpoint| {
                if let Some(pool) = self.all.borrow_mut().get_mut(&endpoint) {
                    retain(&mut pool.idle, metrics, |idle| idle.connection.look_after());
                }
            })
            .await;
    }

    /// Lets other requests have a connection, too.
    pub(super) fn share(&self, connection: Rc<Shared>, clock: &Clock) {
        let mut all = self.all.borrow_mut();
        let pool = all.entry(connection.about.endpoint).or_default();
        // who comes now need not make one of his own
        pool.making.get_or_insert_default();
        pool.shared.push(Idle {
            connection,
            since: clock.now(),
        });
    }

    /// What to hold while a connection to an endpoint is made; none: its connections are not shared, as far as known.
    pub(super) fn making(&self, endpoint: &Endpoint) -> Option<Rc<Mutex<()>>> {
        let mut all = self.all.borrow_mut();
        if endpoint.scheme == Scheme::H2c {
            let pool = all.entry(endpoint.id).or_default();
            return Some(pool.making.get_or_insert_default().clone());
        }
        all.get(&endpoint.id)?.making.clone()
    }

    /// Forgets the shared connections to an endpoint that are closed.
    pub(super) fn forget_closed(&self, endpoint: u64) {
        if let Some(pool) = self.all.borrow_mut().get_mut(&endpoint) {
            pool.shared.retain(|shared| !shared.connection.sender.is_closed());
        }
    }

    /// Closes connections that were not used for too long, and those to endpoints that are gone.
    pub(crate) fn sweep(&self, clock: &Clock, metrics: &Shard) {
        self.all.borrow_mut().retain(|_, pool| {
            let closed = pool.idle.extract_if(.., |idle| {
                let about = &idle.connection.about;
                let fresh = |timeout| !clock.passed(idle.since, timeout);
                !(about.is_wanted() && about.idle_timeout.is_none_or(fresh))
            });
            for Idle { connection, .. } in closed {
                metrics.upstream_idle.dec();
                connection.close();
            }
            pool.shared.retain_mut(|shared| {
                let about = &shared.connection.about;
                if shared.connection.streams.get() > 0 {
                    shared.since = clock.now();
                }
                let fresh = |timeout| !clock.passed(shared.since, timeout);
                about.is_wanted() && about.idle_timeout.is_none_or(fresh)
            });
            let making = pool
                .making
                .as_ref()
                .is_some_and(|making| Rc::strong_count(making) > 1);
            making || !pool.idle.is_empty() || !pool.shared.is_empty()
        });
    }
}

fn retain(
    idle: &mut Vec<Idle<Box<Exclusive>>>,
    metrics: &Shard,
    stays: impl FnMut(&mut Idle<Box<Exclusive>>) -> bool,
) {
    let before = idle.len();
    idle.retain_mut(stays);
    metrics.upstream_idle.sub((before - idle.len()) as u64);
}
