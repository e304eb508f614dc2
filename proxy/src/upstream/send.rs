//! Sending a request to a leaf: which endpoint, which connection, and what may be tried again.
//!
//! A request is sent again only where that cannot make an upstream act twice: when no connection could
//! be made, when none of it was sent, or when it has no body, its method is idempotent, and a connection
//! from the pool ended without an answer (the upstream had closed it while it was not used).

use std::{rc::Rc, sync::Arc, time::Duration};

use http::{HeaderMap, Method, Request, Response, Uri, Version, header::HOST};
use hyper::body::Incoming;
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
const MAX_ATTEMPTS: usize = 4;
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
    mut request: Request<RequestBody>,
    origin: Origin<'_>,
) -> Result<Sent, Failure> {
    if leaf.unsupported.is_some() {
        return Err(Failure::Protocol);
    }
    let most = leaf.endpoints().len().min(MAX_ATTEMPTS);
    let mut tried = [0; MAX_ATTEMPTS];
    let mut last = Failure::NoServer;
    for attempt in 0..most {
        let Some(endpoint) = leaf.endpoint(turn, worker.clock.millis(), &tried[..attempt]) else {
            break;
        };
        tried[attempt] = endpoint.id;
        if !leaf.pass_host_header {
            request.headers_mut().insert(HOST, endpoint.authority.clone());
        }
        match send_to(worker, leaf, endpoint, request, attempt + 1 < most, origin).await {
            Ok(sent) => return Ok(sent),
            Err(Unsuccessful::Sent(failure)) => return Err(failure),
            Err(Unsuccessful::Unsent(back, failure)) => {
                (request, last) = (*back, failure);
                if attempt + 1 < most {
                    worker.metrics.retries[Retry::Connect as usize].inc();
                }
            }
        }
    }
    Err(last)
}

/// Why an endpoint did not answer, and whether another one may be asked.
enum Unsuccessful {
    Unsent(Box<Request<RequestBody>>, Failure),
    Sent(Failure),
}

async fn send_to(
    worker: &Rc<Worker>,
    leaf: &Leaf,
    endpoint: &Arc<Endpoint>,
    mut request: Request<RequestBody>,
    others: bool,
    origin: Origin<'_>,
) -> Result<Sent, Unsuccessful> {
    if let Some(mut lease) = Lease::from_pool(worker, endpoint) {
        let replay = Replay::of(&request);
        match exchange(&mut lease, leaf, request, origin).await {
            Ok(response) => return Ok(Sent { response, lease }),
            Err((Some(back), _)) => request = *back,
            Err((None, failure)) => match replay {
                Some(replay) if matches!(failure, Failure::Closed | Failure::Broken) => {
                    request = replay.again();
                }
                _ => return Err(Unsuccessful::Sent(failure)),
            },
        }
        worker.metrics.retries[Retry::Stale as usize].inc();
    }
    let dial_timeout = leaf.transport.dial_timeout;
    let limit = if others {
        Some(dial_timeout.map_or(CONNECT_WHILE_OTHERS, |limit| limit.min(CONNECT_WHILE_OTHERS)))
    } else {
        dial_timeout
    };
    let mut lease = match connect(worker, endpoint, &leaf.transport, limit).await {
        Ok(lease) => lease,
        Err(failure) => return Err(Unsuccessful::Unsent(Box::new(request), failure)),
    };
    match exchange(&mut lease, leaf, request, origin).await {
        Ok(response) => Ok(Sent { response, lease }),
        Err((Some(back), failure)) => Err(Unsuccessful::Unsent(back, failure)),
        Err((None, failure)) => Err(Unsuccessful::Sent(failure)),
    }
}

type Exchanged = Result<Response<Incoming>, (Option<Box<Request<RequestBody>>>, Failure)>;

/// Sends a request over a connection and waits for the answer's head.
async fn exchange(
    lease: &mut Lease,
    leaf: &Leaf,
    request: Request<RequestBody>,
    origin: Origin<'_>,
) -> Exchanged {
    let sending = lease.send(request);
    let answer = match leaf.transport.response_header_timeout {
        None => sending.await,
        Some(limit) => tokio::select! {
            answer = sending => answer,
            () = overdue(limit, origin) => return Err((None, Failure::ResponseTimeout)),
        },
    };
    answer.map_err(|mut error| {
        let back = error.take_message().map(Box::new);
        (back, classify(error.error()))
    })
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
        let repeatable = matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
        );
        (repeatable && matches!(request.body(), RequestBody::Empty)).then(|| Self {
            method: request.method().clone(),
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
