//! What is noted of an exchange from a request's head to its answer's last byte.

use std::{cell::Cell, sync::Arc, time::Duration};

use http::{HeaderMap, Request};

use super::client::Client;
use crate::{
    access_log::{Entry, Outcome},
    error::Failure,
    state::{Endpoint, Leaf},
    traffic::{Kind, Observed, ServiceId, grpc_status},
    worker::Worker,
};

/// What is noted of an exchange until it is over.
#[derive(Debug)]
pub(crate) struct Account {
    /// When the head was there, in nanoseconds since the process's start.
    started: u64,
    kind: Kind,
    /// Where it went last.
    service: Cell<Option<ServiceId>>,
    /// Bytes of the answer's body.
    sent: u64,
    /// The status that the client gets.
    status: u16,
    /// For the access log, where there is one.
    entry: Option<Box<Entry>>,
}

impl Account {
    /// A request's head has come.
    pub(super) fn open<B>(client: &Client, request: &Request<B>) -> Self {
        let worker = &*client.worker;
        let entry = worker.access_log.as_ref().map(|log| {
            let (count, drop_query) = log.next();
            Entry::new((client.peer, client.port), count, request, drop_query)
        });
        Self {
            started: worker.process.start.elapsed().as_nanos() as u64,
            kind: Kind::of(request.method(), request.headers()),
            service: Cell::new(None),
            sent: 0,
            status: 0,
            entry,
        }
    }

    /// A route was found.
    pub(super) fn routed(&self, router: &Arc<str>) {
        if let Some(entry) = &self.entry {
            entry.routed(router);
        }
    }

    /// Something went wrong.
    pub(super) fn failed(&self, failure: Failure) {
        if let Some(entry) = &self.entry {
            entry.failed(failure);
        }
    }

    /// The request is sent to one of a leaf's endpoints.
    pub(crate) fn goes_to(&self, worker: &Worker, leaf: &Leaf, endpoint: &Endpoint) {
        self.service.set(Some(leaf.service));
        if let Some(entry) = &self.entry {
            entry.goes_to(leaf, endpoint, self.since(worker));
        }
    }

    /// The answer's head is there.
    pub(super) fn answered(&mut self, status: u16, headers: Option<&HeaderMap>) {
        self.status = status;
        self.kind.answered(status, headers);
    }

    /// Bytes of its body are on their way.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// It ends with these.
    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        if self.kind.is_grpc()
            && let Some(status) = grpc_status(trailers)
        {
            self.kind.code = status;
        }
    }

    /// How long ago the head was there.
    fn since(&self, worker: &Worker) -> Duration {
        let started = Duration::from_nanos(self.started);
        worker.process.start.elapsed().saturating_sub(started)
    }

    /// It is over; `by_upstream`: the answer was an upstream's.
    pub(super) fn close(&self, client: &Client, by_upstream: bool) {
        let worker = &*client.worker;
        let process = &worker.process;
        let observed = Observed {
            kind: self.kind,
            took: self.since(worker),
            received: client.received(),
            sent: self.sent,
        };
        if let (Some(entry), Some(log)) = (&self.entry, &worker.access_log) {
            let entry_point = client.entry_point();
            let outcome = Outcome {
                entry_point: &entry_point.name,
                secure: entry_point.tls,
                status: self.status,
                answered: by_upstream,
                received: observed.received,
                sent: observed.sent,
                took: observed.took,
            };
            log.write(entry, &outcome, &worker.metrics.access_log_dropped);
        }
        worker
            .metrics
            .entry_point(client.entry_point)
            .count(&observed, &process.buckets);
        let Some(service) = self.service.get() else {
            return;
        };
        let mut snapshots = worker.snapshots.borrow_mut();
        // in the snapshot of now, so that a long answer keeps no old one alive
        if let Some(service) = snapshots.load().service(service)
            && let Some(chain) = service.chain(worker.index, process.workers)
        {
            chain.count(&observed, &process.buckets);
        }
    }
}
