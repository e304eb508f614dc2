//! A connection that is in use.

use std::{fmt, rc::Rc, sync::Arc};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1::SendRequest},
};

use crate::{
    http::RequestBody,
    state::{Endpoint, Transport},
    worker::Worker,
};

/// A connection that one request has to itself. Dropping it closes the connection.
pub(crate) struct Lease {
    worker: Rc<Worker>,
    endpoint: u64,
    transport: Arc<Transport>,
    sender: SendRequest<RequestBody>,
}

impl Lease {
    pub(super) fn new(
        worker: &Rc<Worker>,
        endpoint: &Endpoint,
        transport: &Arc<Transport>,
        sender: SendRequest<RequestBody>,
    ) -> Self {
        Self {
            worker: worker.clone(),
            endpoint: endpoint.id,
            transport: transport.clone(),
            sender,
        }
    }

    /// An unused connection.
    pub(super) fn from_pool(
        worker: &Rc<Worker>,
        endpoint: &Endpoint,
        transport: &Arc<Transport>,
    ) -> Option<Self> {
        let sender = worker.upstreams.take(endpoint.id, &worker.metrics)?;
        Some(Self::new(worker, endpoint, transport, sender))
    }

    /// Sends the request. An error that comes with it means that none of it was sent.
    pub(super) fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>> + use<> {
        self.sender.try_send_request(request)
    }

    /// The response has come to its end: the connection may serve another request, if it is through with this one.
    pub(crate) fn release(self) {
        let Self {
            worker,
            endpoint,
            transport,
            sender,
        } = self;
        worker
            .upstreams
            .give(endpoint, sender, &transport, &worker.clock, &worker.metrics);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
