//! Sending a request to a leaf: which endpoint, which connection, and what may be tried again.
//!
//! A request is sent again only where that cannot make an upstream act twice: when no connection could
//! be made, when none of it was sent, or when it has no body, its method is idempotent, and a connection
//! from the pool ended without an answer (the upstream had closed it while it was not used).

use std::{rc::Rc, sync::Arc, time::Duration};

use http::{HeaderMap, Method, Request, Response, Uri, Version, header::HOST};
use hyper::{body::Incoming, client::conn::TrySendError};
use tokio::time::{Instant, sleep_until};

use super::{Lease, connect::connect};
use crate::{
    error::Failure,
    http::{Client, RequestBody},
    metrics::Retry,
    state::{Endpoint, Leaf},
    worker::Worker,
};

/// How many endpoints are tried at most.
const MAX_ATTEMPTS: usize = 64;
/// After the first failure, how long others are tried.
const RETRY_WITHIN: Duration = Duration::from_secs(5);
/// For connecting while another endpoint is left.
const CONNECT_WHILE_OTHERS: Duration = Duration::from_secs(1);

/// An upstream's answer, and the connection that its body comes from.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) response: Response<Incoming>,
    pub(crate) lease: Lease,
}

/// Whose request it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin<'a> {
    /// A client's, which may still be sending its body.
    Client(&'a Client),
    /// A mirrored copy.
    Copy,
}

/// Sends a request to a leaf. `turn` is the leaf's part of the pick.
pub(crate) async fn send(
    worker: &Rc<Worker>,
    leaf: &Leaf,
    turn: u64,
    request: &mut Option<Request<RequestBody>>,
    origin: Origin<'_>,
) -> Result<Sent, Failure> {
    if leaf.unsupported.is_some() {
        return Err(Failure::Protocol);
    }
    let mut sending = Sending {
        worker,
        leaf,
        request,
        origin,
    };
    let most = leaf.endpoints().len().min(MAX_ATTEMPTS);
    // no room is made for it before something fails
    let mut tried = Vec::new();
    let mut give_up = None;
    let mut last = Failure::NoServer;
    while tried.len() < most {
        let Some(endpoint) = leaf.endpoint(turn, worker.clock.millis(), &tried) else {
            break;
        };
        let others = tried.len() + 1 < most;
        last = match sending.to(endpoint, others).await {
            Ok(sent) => return Ok(sent),
            Err(failure) => failure,
        };
        let give_up = *give_up.get_or_insert_with(|| Instant::now() + RETRY_WITHIN);
        if !others || sending.request.is_none() || Instant::now() >= give_up {
            break;
        }
        tried.push(endpoint.id);
        worker.metrics.retries[Retry::Connect as usize].inc();
    }
    Err(last)
}

/// A request on its way. It is moved as little as possible: what an `async fn` is given by value, it
/// keeps twice.
struct Sending<'a> {
    worker: &'a Rc<Worker>,
    leaf: &'a Leaf,
    /// None once a part of it was sent.
    request: &'a mut Option<Request<RequestBody>>,
    origin: Origin<'a>,
}

impl Sending<'_> {
    /// Sends it to an endpoint, over an unused connection or a new one.
    async fn to(&mut self, endpoint: &Arc<Endpoint>, others: bool) -> Result<Sent, Failure> {
        if let Some(request) = self.request
            && !(self.leaf.pass_host_header && names_host(request.headers()))
        {
            request.headers_mut().insert(HOST, endpoint.authority.clone());
        }
        if let Some(mut lease) = Lease::from_pool(self.worker, endpoint) {
            let replay = self.request.as_ref().and_then(Replay::of);
            match self.over(&mut lease).await {
                Ok(response) => return Ok(Sent { response, lease }),
                Err(failure) => self.once_more(replay, failure)?,
            }
        }
        let limit = self.connect_limit(others);
        // rare enough to have its room only while it is needed
        let connecting = Box::pin(connect(self.worker, endpoint, &self.leaf.transport, limit));
        let mut lease = connecting.await?;
        let response = self.over(&mut lease).await?;
        Ok(Sent { response, lease })
    }

    /// After a failure on a connection from the pool: whether a new one may do better.
    fn once_more(&mut self, replay: Option<Replay>, failure: Failure) -> Result<(), Failure> {
        if self.request.is_none() && matches!(failure, Failure::Closed | Failure::Broken) {
            *self.request = replay.map(Replay::again);
        }
        if self.request.is_none() {
            return Err(failure);
        }
        self.worker.metrics.retries[Retry::Stale as usize].inc();
        Ok(())
    }

    fn connect_limit(&self, others: bool) -> Option<Duration> {
        let limit = self.leaf.transport.dial_timeout;
        if others {
            Some(limit.unwrap_or(CONNECT_WHILE_OTHERS).min(CONNECT_WHILE_OTHERS))
        } else {
            limit
        }
    }

    /// Sends it over a connection and waits for the answer's head. Takes it back if none of it was sent.
    async fn over(&mut self, lease: &mut Lease) -> Result<Response<Incoming>, Failure> {
        let Some(request) = self.request.take() else {
            return Err(Failure::Closed);
        };
        let sending = lease.send(request);
        let answer = match self.leaf.transport.response_header_timeout {
            None => sending.await,
            Some(limit) => {
                let mut overdue = Box::pin(overdue(limit, self.origin));
                tokio::select! {
                    answer = sending => answer,
                    () = &mut overdue => return Err(Failure::ResponseTimeout),
                }
            }
        };
        let answer = answer.map_err(|error| self.take_back(error))?;
        if answer.version() < Version::HTTP_11 {
            // hyper would leave the body of a next request out where its length is not known
            lease.use_up();
        }
        Ok(answer)
    }

    #[cold]
    fn take_back(&mut self, mut error: TrySendError<Request<RequestBody>>) -> Failure {
        *self.request = error.take_message();
        classify(error.error())
    }
}

/// Whether a request says for which host it is. Those of HTTP/1.0 need not, and one may be empty.
fn names_host(headers: &HeaderMap) -> bool {
    headers.get(HOST).is_some_and(|host| !host.is_empty())
}

/// Ends when the answer has taken longer than `limit` since the request's last byte.
async fn overdue(limit: Duration, origin: Origin<'_>) {
    let mut deadline = Instant::now() + limit;
    loop {
        sleep_until(deadline).await;
        match origin {
            Origin::Client(client) => match client.since_request_done() {
                Some(done) if done >= limit => return,
                Some(done) => deadline = Instant::now() + limit.saturating_sub(done),
                None => deadline = Instant::now() + limit,
            },
            Origin::Copy => return,
        }
    }
}

fn classify(error: &hyper::Error) -> Failure {
    if error.is_user() {
        Failure::RequestBody
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        Failure::Closed
    } else if error.is_parse() {
        Failure::Malformed
    } else {
        Failure::Broken
    }
}

/// A request's head, kept to be sent again.
struct Replay {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Replay {
    /// Of a request without a body whose method may be repeated (RFC 9110, section 9.2.2, without `PUT`
    /// and `DELETE`, which Go's client does not repeat either).
    fn of(request: &Request<RequestBody>) -> Option<Self> {
        let method = request.method();
        let repeatable = matches!(
            *method,
            Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
        );
        (repeatable && matches!(request.body(), RequestBody::Empty)).then(|| Self {
            method: method.clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
        })
    }

    fn again(self) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::Empty);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        *request.version_mut() = Version::HTTP_11;
        request
    }
}
