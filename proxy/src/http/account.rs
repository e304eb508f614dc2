//! What is noted of an exchange from a request's head to its answer's last byte.

use std::{cell::Cell, time::Duration};

use http::{HeaderMap, Request};

use super::client::Client;
use crate::{
    state::Leaf,
    traffic::{Kind, Observed, ServiceId, grpc_status},
    worker::Worker,
};

/// What is noted of an exchange until it is over.
#[derive(Debug)]
pub(crate) struct Account {
    /// When the head was there, since the process's start.
    started: Duration,
    kind: Kind,
    /// Where it went last.
    service: Cell<Option<ServiceId>>,
    /// Bytes of the answer's body.
    sent: u64,
}

impl Account {
    /// A request's head has come.
    pub(super) fn open<B>(worker: &Worker, request: &Request<B>) -> Self {
        Self {
            started: worker.process.start.elapsed(),
            kind: Kind::of(request.method(), request.headers()),
            service: Cell::new(None),
            sent: 0,
        }
    }

    /// The request is sent to one of a leaf's endpoints.
    pub(crate) fn goes_to(&self, leaf: &Leaf) {
        self.service.set(Some(leaf.service));
    }

    /// The answer's head is there.
    pub(super) fn answered(&mut self, status: u16, headers: Option<&HeaderMap>) {
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

    /// It is over.
    pub(super) fn close(&self, client: &Client) {
        let worker = &*client.worker;
        let process = &worker.process;
        let observed = Observed {
            kind: self.kind,
            took: process.start.elapsed().saturating_sub(self.started),
            received: client.received(),
            sent: self.sent,
        };
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
