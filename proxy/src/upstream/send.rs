//! Sending a request to a leaf: which endpoint, which connection, and what may be tried again.
//!
//! A request is sent again only where that cannot make an upstream act twice: when no connection could
//! be made, when none of it was sent, or when it has no body, its method is idempotent, and a connection
//! from the pool ended without an answer (the upstream had closed it while it was not used).

use std::{rc::Rc, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version, header::HOST};
use hyper::{body::Incoming, client::conn::TrySendError};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Lease, connect::connect};
use crate::{
    balance::Pick,
    error::Failure,
    http::{Client, RequestBody},
    metrics::Retry,
    state::{Endpoint, Held as Snapshot, Leaf, Named},
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
    /// What the client is to be given, so that it comes back to the same endpoint.
    pub(crate) cookie: Option<Box<HeaderValue>>,
    pub(crate) response: Response<Incoming>,
    pub(crate) lease: Lease,
}

impl Sent {
    fn new(response: Response<Incoming>, lease: Lease) -> Self {
        Self {
            cookie: None,
            response,
            lease,
        }
    }
}

/// Whose request it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin<'a> {
    /// A client's, which may still be sending its body.
    Client(&'a Client),
    /// A mirrored copy.
    Copy,
}

/// Sends a request where it was picked to go.
///
/// What is tried again is tried as things are by then: an endpoint that fails may have left, and others come.
pub(crate) async fn send(
    worker: &Rc<Worker>,
    snapshot: &Rc<Snapshot>,
    pick: Pick,
    request: &mut Option<Request<RequestBody>>,
    origin: Origin<'_>,
) -> Result<Sent, Failure> {
    let mut leaf = snapshot.leaf(pick.leaf);
    if leaf.unsupported.is_some() {
        return Err(Failure::Protocol);
    }
    let mut sending = Sending {
        worker,
        request,
        origin,
    };
    // no room is made for it before something fails
    let mut tried = Vec::new();
    let mut give_up = None;
    let mut last = Failure::NoServer;
    let mut newer;
    let named = sending.named(leaf).map(Box::new);
    let turn = match &leaf.affinity {
        Some(affinity) if named.is_none() => affinity.turn(),
        _ => pick.turn,
    };
    while let Some(endpoint) = named
        .as_ref()
        .filter(|_| tried.is_empty())
        .map(|named| &named.endpoint)
        .or_else(|| leaf.endpoint(turn, worker.clock.millis(), &tried))
    {
        last = match sending.to(leaf, endpoint, &tried).await {
            Ok(mut sent) => {
                if let (Some(affinity), Origin::Client(_)) = (&leaf.affinity, origin)
                    && !named.as_ref().is_some_and(|named| named.suits(endpoint))
                {
                    sent.cookie = affinity.cookie(endpoint).map(Box::new);
                }
                return Ok(sent);
            }
            Err(failure) => failure,
        };
        let give_up = *give_up.get_or_insert_with(|| Instant::now() + RETRY_WITHIN);
        tried.push(endpoint.id);
        if let Some(found) = leaf_of_now(worker, leaf) {
            newer = found;
            leaf = &newer;
        }
        let more = tried.len() < MAX_ATTEMPTS && has_untried(leaf, &tried);
        if !more || sending.request.is_none() || Instant::now() >= give_up {
            break;
        }
        worker.metrics.retries[Retry::Connect as usize].inc();
    }
    Err(last)
}

/// What a leaf has become, if it still has endpoints.
fn leaf_of_now(worker: &Worker, leaf: &Leaf) -> Option<Arc<Leaf>> {
    worker.snapshot().leaf_of(&leaf.id).cloned()
}

fn has_untried(leaf: &Leaf, tried: &[u64]) -> bool {
    leaf.endpoints()
        .iter()
        .any(|endpoint| !tried.contains(&endpoint.id))
}

/// A request on its way. It is moved as little as possible: what an `async fn` is given by value, it
/// keeps twice.
struct Sending<'a> {
    worker: &'a Rc<Worker>,
    /// None once a part of it was sent.
    request: &'a mut Option<Request<RequestBody>>,
    origin: Origin<'a>,
}

impl Sending<'_> {
    /// The endpoint that the request's cookie names.
    fn named(&self, leaf: &Leaf) -> Option<Named> {
        let headers = self.request.as_ref()?.headers();
        leaf.affinity.as_ref()?.find(headers, self.worker.clock.millis())
    }

    /// Sends it to an endpoint, over an unused connection or a new one.
    async fn to(&mut self, leaf: &Leaf, endpoint: &Arc<Endpoint>, tried: &[u64]) -> Result<Sent, Failure> {
        if let Some(request) = self.request
            && !(leaf.pass_host_header && names_host(request.headers()))
        {
            request.headers_mut().insert(HOST, endpoint.authority.clone());
        }
        if let Some(mut lease) = Lease::from_pool(self.worker, endpoint) {
            let replay = self.request.as_ref().and_then(Replay::of);
            match self.over(leaf, &mut lease).await {
                Ok(response) => return Ok(Sent::new(response, lease)),
                Err(failure) => self.once_more(replay, failure)?,
            }
        }
        // rare enough to have its room only while it is needed
        let mut lease = Box::pin(self.connect(leaf, endpoint, tried)).await?;
        let response = self.over(leaf, &mut lease).await?;
        Ok(Sent::new(response, lease))
    }

    /// Connects to an endpoint, with less patience while another one is left.
    async fn connect(&self, leaf: &Leaf, endpoint: &Arc<Endpoint>, tried: &[u64]) -> Result<Lease, Failure> {
        let others = |leaf: &Leaf| {
            let mut all = leaf.endpoints().iter();
            all.any(|other| other.id != endpoint.id && !tried.contains(&other.id))
        };
        let limit = leaf.transport.dial_timeout;
        if others(leaf) {
            let limit = limit.map_or(CONNECT_WHILE_OTHERS, |limit| limit.min(CONNECT_WHILE_OTHERS));
            return connect(self.worker, endpoint, &leaf.transport, Some(limit)).await;
        }
        let others_come = async {
            loop {
                sleep(CONNECT_WHILE_OTHERS).await;
                if leaf_of_now(self.worker, leaf).is_some_and(|leaf| others(&leaf)) {
                    break;
                }
            }
        };
        tokio::select! {
            lease = connect(self.worker, endpoint, &leaf.transport, limit) => lease,
            () = others_come => {
                endpoint.record_failure(self.worker.clock.exact_millis());
                Err(Failure::ConnectTimeout)
            }
        }
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

    /// Sends it over a connection and waits for the answer's head. Takes it back if none of it was sent.
    async fn over(&mut self, leaf: &Leaf, lease: &mut Lease) -> Result<Response<Incoming>, Failure> {
        let Some(request) = self.request.take() else {
            return Err(Failure::Closed);
        };
        let sending = lease.send(request);
        let answer = match leaf.transport.response_header_timeout {
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
