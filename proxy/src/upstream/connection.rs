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

use super::socket::Socket;
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
    max_idle: u32,
    /// How long it may wait for one; none: as long as the upstream keeps it.
    pub(super) idle_timeout: Option<Ticks>,
    socket: Socket,
    /// No request after this one.
    used_up: bool,
}

impl Connection {
    pub(super) fn new(
        worker: &Worker,
        endpoint: &Arc<Endpoint>,
        transport: &Transport,
        sender: SendRequest<RequestBody>,
        socket: Socket,
    ) -> Self {
        Self {
            sender,
            endpoint: endpoint.id,
            known: Arc::downgrade(endpoint),
            max_idle: u32::try_from(worker.upstreams.max_idle(transport.max_idle)).unwrap_or(u32::MAX),
            idle_timeout: transport.idle_timeout.map(|timeout| worker.clock.ticks(timeout)),
            socket,
            used_up: false,
        }
    }

    /// Whether it can take a request now.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Whether the upstream has neither closed it nor sent what nobody asked for, whatever hyper has heard of it.
    pub(super) fn is_silent(&self) -> bool {
        self.socket.is_silent()
    }

    /// How many of its kind may wait for a request.
    pub(super) fn max_idle(&self) -> usize {
        self.max_idle as usize
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
}

impl Lease {
    pub(super) fn new(worker: &Rc<Worker>, connection: Connection) -> Self {
        Self {
            worker: worker.clone(),
            connection,
        }
    }

    /// An unused connection. `once` is whether the request could not be sent again if the upstream turns out to have
    /// closed it, so that it is worth a look.
    pub(super) fn from_pool(worker: &Rc<Worker>, endpoint: &Endpoint, once: bool) -> Option<Self> {
        let connection = worker.upstreams.take(endpoint.id, once, &worker.metrics)?;
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
        self.connection.used_up = true;
    }

    /// The response has come to its end: the connection may serve another request, if it is through with this one.
    pub(crate) fn release(self) {
        let Self { worker, connection } = self;
        if !connection.used_up {
            worker.upstreams.give(connection, &worker.clock, &worker.metrics);
        }
    }
}
