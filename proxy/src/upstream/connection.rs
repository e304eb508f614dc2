//! A connection to an upstream.

use std::{
    fmt,
    rc::Rc,
    sync::{Arc, Weak},
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1::SendRequest},
};

use crate::{
    http::{RequestBody, Ticks},
    state::{Endpoint, Transport},
    worker::Worker,
};

/// A connection to an upstream. Dropping it closes it.
pub(super) struct Connection {
    sender: SendRequest<RequestBody>,
    /// The endpoint's id.
    pub(super) endpoint: u64,
    /// Snapshots keep the endpoint; the connection does not.
    known: Weak<Endpoint>,
    /// How many of its kind may wait for a request.
    pub(super) max_idle: usize,
    /// How long it may wait for one; none: as long as the upstream keeps it.
    pub(super) idle_timeout: Option<Ticks>,
}

impl Connection {
    pub(super) fn new(
        worker: &Worker,
        endpoint: &Arc<Endpoint>,
        transport: &Transport,
        sender: SendRequest<RequestBody>,
    ) -> Self {
        Self {
            sender,
            endpoint: endpoint.id,
            known: Arc::downgrade(endpoint),
            max_idle: worker.upstreams.max_idle(transport.max_idle),
            idle_timeout: transport.idle_timeout.map(|timeout| worker.clock.ticks(timeout)),
        }
    }

    /// Whether it can take a request now.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether its endpoint may still be asked for.
    pub(super) fn is_wanted(&self) -> bool {
        self.known.strong_count() > 0
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// A connection that one request has to itself.
#[derive(Debug)]
pub(crate) struct Lease {
    worker: Rc<Worker>,
    connection: Connection,
    /// For one request only.
    last: bool,
}

impl Lease {
    pub(super) fn new(worker: &Rc<Worker>, connection: Connection) -> Self {
        Self {
            worker: worker.clone(),
            connection,
            last: false,
        }
    }

    /// An unused connection.
    pub(super) fn from_pool(worker: &Rc<Worker>, endpoint: &Endpoint) -> Option<Self> {
        let connection = worker.upstreams.take(endpoint.id, &worker.metrics)?;
        Some(Self::new(worker, connection))
    }

    /// Sends the request. An error that comes with it means that none of it was sent.
    pub(super) fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>> + use<> {
        self.connection.sender.try_send_request(request)
    }

    /// Lets no other request have it.
    pub(super) fn use_up(&mut self) {
        self.last = true;
    }

    /// The response has come to its end: the connection may serve another request, if it is through with this one.
    pub(crate) fn release(self) {
        let Self {
            worker,
            connection,
            last,
        } = self;
        if !last {
            worker.upstreams.give(connection, &worker.clock, &worker.metrics);
        }
    }
}
