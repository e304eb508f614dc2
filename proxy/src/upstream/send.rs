//! Sending a request to a leaf: which endpoint, which connection, and what may be tried again.
//!
//! A request is sent again only where that cannot make an upstream act twice: when no connection could
//! be made, when none of it was sent, or when it has no body, its method is idempotent, and a connection
//! from the pool ended without an answer (the upstream had closed it while it was not used).

use std::{
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Request, Response, header::HOST};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Early, Lease, connect::connect, http1::Answer, lease::Unsent, replay::Replay};
use crate::{
    balance::Pick,
    error::Failure,
    http::{Account, Client, RequestBody},
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

/// An upstream's answer, and its body with the connection that it comes from.
#[derive(Debug)]
pub(crate) struct Sent {
    /// Not from the leaf that was picked.
    pub(crate) elsewhere: bool,
    /// What the client is to be given, so that it comes back to the same endpoint.
    pub(crate) cookie: Option<Box<HeaderValue>>,
    pub(crate) response: Response<()>,
    pub(crate) lease: Lease,
}

impl Sent {
    fn new(response: Response<()>, lease: Lease) -> Self {
        Self {
            elsewhere: false,
            cookie: None,
            response,
            lease,
        }
    }
}

/// Whose request it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin<'a> {
    /// A client's.
    Client {
        account: Option<&'a Account>,
        /// Who may still be sending its body.
        client: &'a Client,
        /// The place of its route in the snapshot.
        route: usize,
    },
    /// A mirrored copy.
    Copy,
}

impl Origin<'_> {
    /// Passes on what comes before an answer.
    #[cold]
    fn inform(self, cx: &mut Context<'_>, early: Early) {
        if let Self::Client { client, .. } = self {
            client.inform(cx, early);
        }
    }

    fn goes_to(&self, worker: &Worker, leaf: &Leaf, endpoint: &Endpoint) {
        if let Self::Client {
            account: Some(account),
            ..
        } = self
        {
            account.goes_to(worker, leaf, endpoint);
        }
    }
}

/// What a request is sent with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Errand<'a> {
    pub(crate) worker: &'a Rc<Worker>,
    /// From which it was picked.
    pub(crate) snapshot: &'a Rc<Snapshot>,
    pub(crate) origin: Origin<'a>,
}

impl Errand<'_> {
    /// Whether the request asks to leave HTTP, which takes a connection of its own.
    fn switches(&self) -> bool {
        matches!(self.origin, Origin::Client { client, .. } if client.asks_to_switch())
    }
}

/// Sends a request where it was picked to go.
///
/// What is tried again is tried as things are by then: an endpoint that fails may have left, and others come. When a
/// whole leaf fails, another one that the route leads to takes its place.
pub(crate) async fn send(
    errand: &Errand<'_>,
    pick: Pick,
    request: &mut Option<Request<RequestBody>>,
) -> Result<Sent, Failure> {
    let worker = errand.worker;
    let mut leaf = errand.snapshot.leaf(pick.leaf);
    let mut sending = Sending {
        errand,
        request,
        turn: pick.turn,
    };
    let mut failed: Option<Box<Failed>> = None;
    let mut last = Failure::NoServer;
    let mut newer;
    let named = sending.named(leaf).map(Box::new);
    if let Some(affinity) = &leaf.affinity
        && named.is_none()
    {
        sending.turn = affinity.turn();
    }
    loop {
        let first = named.as_ref().filter(|_| failed.is_none());
        let endpoint = match first {
            Some(named) => &named.endpoint,
            None => match leaf.endpoint(sending.turn, worker.clock.millis(), tried(failed.as_deref())) {
                Some(endpoint) => endpoint,
                None => break,
            },
        };
        errand.origin.goes_to(worker, leaf, endpoint);
        last = match sending.to(leaf, endpoint, failed.as_deref()).await {
            Ok(mut sent) => {
                if let (Some(affinity), Origin::Client { .. }) = (&leaf.affinity, errand.origin)
                    && !named.as_ref().is_some_and(|named| named.suits(endpoint))
                {
                    sent.cookie = affinity.cookie(endpoint).map(Box::new);
                }
                sent.elsewhere = leaf.id != errand.snapshot.leaf(pick.leaf).id;
                return Ok(sent);
            }
            Err(failure) => failure,
        };
        let failed = failed.get_or_insert_with(|| Box::new(Failed::now()));
        failed.tried.push(endpoint.id);
        let failing = failed.since.elapsed();
        if failed.tried.len() == MAX_ATTEMPTS || sending.request.is_none() || failing >= RETRY_WITHIN {
            break;
        }
        let Some(found) = errand.next(leaf, sending.turn, &failed.tried, failing) else {
            break;
        };
        (newer, sending.turn) = found;
        leaf = &newer;
        worker.metrics.retries[Retry::Connect as usize].inc();
    }
    Err(last)
}

/// What was tried in vain. In a box, as there mostly is nothing.
struct Failed {
    /// The endpoints' ids.
    tried: Vec<u64>,
    since: Instant,
}

/// Empty unless something was tried in vain.
fn tried(failed: Option<&Failed>) -> &[u64] {
    failed.map_or(&[], |failed| &failed.tried)
}

impl Failed {
    fn now() -> Self {
        Self {
            tried: Vec::new(),
            since: Instant::now(),
        }
    }
}

/// A request on its way. It is moved as little as possible: what an `async fn` is given by value, it
/// keeps twice.
struct Sending<'a> {
    errand: &'a Errand<'a>,
    /// None while a connection has it, and when it cannot be sent again.
    request: &'a mut Option<Request<RequestBody>>,
    /// At the leaf.
    turn: u64,
}

impl Sending<'_> {
    /// The endpoint that the request's cookie names.
    fn named(&self, leaf: &Leaf) -> Option<Named> {
        let headers = self.request.as_ref()?.headers();
        leaf.affinity
            .as_ref()?
            .find(headers, self.errand.worker.clock.millis())
    }

    /// Sends it to an endpoint, over an unused connection or a new one.
    async fn to(
        &mut self,
        leaf: &Arc<Leaf>,
        endpoint: &Arc<Endpoint>,
        failed: Option<&Failed>,
    ) -> Result<Sent, Failure> {
        if let Some(request) = self.request {
            if failed.is_some() {
                ClientHost::restore(request);
            }
            if !(leaf.pass_host_header && names_host(request.headers())) {
                ClientHost::replace(request, endpoint.authority.clone());
            }
        }
        let again = self.request.as_ref().and_then(Replay::is_for).is_some();
        if !self.errand.switches()
            && let Some(mut lease) = Lease::from_pool(self.errand.worker, endpoint, !again)
        {
            // a connection of its own gives the request back
            let shared = self.request.as_ref().filter(|_| lease.is_shared());
            let replay = shared.and_then(Replay::of);
            match self.over(leaf, &mut lease, again).await {
                Ok(response) => return Ok(Sent::new(response, lease)),
                Err(failure) => self.once_more(replay, failure)?,
            }
        }
        // rare enough to have its room only while it is needed
        let mut lease = Box::pin(self.connect(leaf, endpoint, tried(failed))).await?;
        let response = self.over(leaf, &mut lease, false).await?;
        Ok(Sent::new(response, lease))
    }

    /// Connects to an endpoint, with less patience while there is another one.
    async fn connect(
        &self,
        leaf: &Arc<Leaf>,
        endpoint: &Arc<Endpoint>,
        tried: &[u64],
    ) -> Result<Lease, Failure> {
        let another_is_there = async {
            let without = [tried, &[endpoint.id]].concat();
            loop {
                sleep(CONNECT_WHILE_OTHERS).await;
                if self.errand.any(leaf, self.turn, &without) {
                    break;
                }
            }
        };
        tokio::select! {
            lease = connect(self.errand.worker, endpoint, &leaf.transport, self.errand.switches()) => lease,
            () = another_is_there => {
                endpoint.record_failure(self.errand.worker.clock.exact_millis());
                Err(Failure::ConnectTimeout)
            }
        }
    }

    /// After a failure on a connection from the pool: whether a new one may do better.
    fn once_more(&mut self, replay: Option<Replay>, failure: Failure) -> Result<(), Failure> {
        if self.request.is_none() && is_hang_up(failure) {
            *self.request = replay.map(Replay::again);
        }
        if self.request.is_none() {
            return Err(failure);
        }
        self.errand.worker.metrics.retries[Retry::Stale as usize].inc();
        Ok(())
    }

    /// Sends it over a connection and waits for the answer's head. Takes it back if none of it was sent, or if the upstream
    /// has closed the connection and it may be sent `again`.
    async fn over(&mut self, leaf: &Leaf, lease: &mut Lease, again: bool) -> Result<Response<()>, Failure> {
        let Some(request) = self.request.take() else {
            return Err(Failure::Closed);
        };
        let origin = self.errand.origin;
        let limit = leaf.transport.response_header_timeout;
        let mut overdue = limit.map(|limit| Box::pin(overdue(limit, origin)));
        let mut awaited = lease.begin(request);
        let answer = poll_fn(|cx| {
            loop {
                match lease.poll_answer(cx, &mut awaited) {
                    Poll::Ready(Ok(Answer::Early(early))) => origin.inform(cx, early),
                    Poll::Ready(Ok(Answer::Head(response))) => return Poll::Ready(Some(Ok(response))),
                    Poll::Ready(Err(unsent)) => return Poll::Ready(Some(Err(unsent))),
                    Poll::Pending => break,
                }
            }
            match &mut overdue {
                Some(overdue) => overdue.as_mut().poll(cx).map(|()| None),
                None => Poll::Pending,
            }
        });
        let answer = answer.await.ok_or(Failure::ResponseTimeout)?;
        let answer = answer.map_err(|unsent| self.take_back(unsent, lease, again))?;
        if let Origin::Client { client, .. } = self.errand.origin
            && !client.is_read()
        {
            // a client may send all of it before it reads anything
            lease.send_apart();
        }
        Ok(answer)
    }

    #[cold]
    fn take_back(&mut self, unsent: Unsent, lease: &mut Lease, again: bool) -> Failure {
        let Unsent { failure, request } = unsent;
        // a body that broke off is not whole the next time, and who answers nonsense has had the request
        if is_hang_up(failure) {
            *self.request = request.or_else(|| lease.take_back(again));
        }
        failure
    }
}

/// Whether the upstream has closed the connection.
fn is_hang_up(failure: Failure) -> bool {
    matches!(failure, Failure::Closed | Failure::Broken)
}

/// The client's `Host`, kept in a request that has another one: where it cannot be sent, the next service may pass it on.
#[derive(Clone, Debug)]
struct ClientHost(Option<HeaderValue>);

impl ClientHost {
    fn replace(request: &mut Request<RequestBody>, host: HeaderValue) {
        let its = Self(request.headers_mut().insert(HOST, host));
        request.extensions_mut().insert(its);
    }

    #[cold]
    fn restore(request: &mut Request<RequestBody>) {
        match request.extensions_mut().remove() {
            Some(Self(Some(host))) => drop(request.headers_mut().insert(HOST, host)),
            Some(Self(None)) => drop(request.headers_mut().remove(HOST)),
            None => {}
        }
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
            Origin::Client { client, .. } => match client.since_request_done() {
                Some(done) if done >= limit => return,
                Some(done) => deadline = Instant::now() + limit.saturating_sub(done),
                None => deadline = Instant::now() + limit,
            },
            Origin::Copy => return,
        }
    }
}
