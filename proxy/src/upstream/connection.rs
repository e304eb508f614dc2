//! Connections to upstreams, and a request's hold on one.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    sync::{Arc, Weak},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http2},
};
use tokio::{task::spawn_local, time::sleep};

use super::{
    convert,
    http1::{Answer, Fault, Http1},
    socket::Socket,
    speak::Open,
    switch::Switched,
    watch::Bell,
};
use crate::{
    error::Failure,
    http::{RequestBody, Ticks},
    state::{Endpoint, Transport},
    worker::Worker,
};

/// After its answer, how long an upstream may take for the rest of a request.
const PATIENCE: Duration = Duration::from_secs(30);

/// What holds for a connection, whatever it speaks.
#[derive(Debug)]
pub(super) struct About {
    /// The endpoint's id.
    pub(super) endpoint: u64,
    /// Snapshots keep the endpoint; the connection does not.
    known: Weak<Endpoint>,
    /// How many of its kind may wait for a request.
    pub(super) max_idle: usize,
    /// How long it may wait for one; none: as long as the upstream keeps it.
    pub(super) idle_timeout: Option<Ticks>,
}

impl About {
    pub(super) fn new(worker: &Worker, endpoint: &Arc<Endpoint>, transport: &Transport) -> Self {
        Self {
            endpoint: endpoint.id,
            known: Arc::downgrade(endpoint),
            max_idle: worker.upstreams.max_idle(transport.max_idle),
            idle_timeout: transport.idle_timeout.map(|timeout| worker.clock.ticks(timeout)),
        }
    }

    /// Whether its endpoint may still be asked for.
    pub(super) fn is_wanted(&self) -> bool {
        self.known.strong_count() > 0
    }
}

/// A connection that speaks HTTP/1.1: one request has it to itself. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Exclusive {
    pub(super) about: About,
    /// Also in the hands of a task that sends what is left of a request, if there is one.
    http1: Rc<RefCell<Http1>>,
    /// Rings when something happens to it while nobody uses it.
    bell: Arc<Bell>,
    waker: Waker,
    /// What is left of its request is still to be sent.
    closes: bool,
}

impl Exclusive {
    pub(super) fn new(about: About, http1: Http1, bell: Arc<Bell>) -> Self {
        Self {
            about,
            http1: Rc::new(RefCell::new(http1)),
            waker: Waker::from(bell.clone()),
            bell,
            closes: false,
        }
    }

    /// Whether it can take a request now; when `sure`, the kernel is asked whether the upstream has closed it, or has sent
    /// what nobody asked for: the worker hears of that later.
    pub(super) fn is_ready(&self, sure: bool) -> bool {
        self.look_after() && (!sure || self.http1.borrow().is_silent())
    }

    /// Goes to rest after a request. False: it is over, or not through with the request.
    pub(super) fn retire(&self) -> bool {
        self.bell.reset();
        let mut cx = Context::from_waker(&self.waker);
        self.http1.borrow_mut().retire(&mut cx)
    }

    /// Sees to what happened while it rests. False: it is over.
    pub(super) fn look_after(&self) -> bool {
        if !self.bell.reset() {
            return true;
        }
        let mut cx = Context::from_waker(&self.waker);
        self.http1.borrow_mut().look_after(&mut cx)
    }

    /// Has what is left of the request sent by a task of its own, which does not wait for the answer to be read.
    fn send_apart(&self) {
        if self.http1.borrow_mut().set_apart() {
            self.spawn_apart();
        }
    }

    fn spawn_apart(&self) {
        let http1 = self.http1.clone();
        spawn_local(async move {
            let mut patience = None;
            poll_fn(|cx| {
                let mut http1 = http1.borrow_mut();
                let polled = http1.poll_apart(cx);
                if polled.is_pending() && http1.is_answered() {
                    let patience = patience.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
                    return patience.as_mut().poll(cx);
                }
                polled
            })
            .await;
            if let Some(http1) = Rc::into_inner(http1) {
                http1.into_inner().say_goodbye();
            }
        });
    }

    /// Ends it by itself, after its answer: with what is left to send, and a goodbye where the protocol has such.
    pub(super) fn close(mut self) {
        self.closes = true;
        let was_apart = Rc::strong_count(&self.http1) > 1;
        if self.http1.borrow_mut().finish_apart() && !was_apart {
            self.spawn_apart();
        }
        if let Some(http1) = Rc::get_mut(&mut self.http1) {
            http1.get_mut().say_goodbye();
        }
    }

    /// What it consists of; none: it is still sent to.
    fn into_parts(self: Box<Self>) -> Option<(Socket, Bytes, Open)> {
        let http1 = self.http1.clone();
        drop(self);
        Rc::into_inner(http1).map(|http1| http1.into_inner().into_parts())
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        // what cannot be borrowed is just ending a body, on which this one hung
        if !self.closes
            && Rc::strong_count(&self.http1) > 1
            && let Ok(mut http1) = self.http1.try_borrow_mut()
        {
            http1.abandon();
        }
    }
}

/// A connection that speaks HTTP/2: several requests share it. It ends when nobody has it any more.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) about: About,
    /// Whether its requests are for `https://`.
    pub(super) secure: bool,
    pub(super) sender: http2::SendRequest<RequestBody>,
    /// Requests under way.
    pub(super) streams: Cell<usize>,
    /// How many the upstream allows.
    pub(super) most: Rc<Cell<usize>>,
}

impl Shared {
    /// Whether it can take one more request.
    pub(super) fn has_room(&self) -> bool {
        self.sender.is_ready() && self.streams.get() < self.most.get()
    }
}

/// One request's part of a [`Shared`].
#[derive(Debug)]
struct Stream(Rc<Shared>);

impl Stream {
    fn new(shared: Rc<Shared>) -> Self {
        shared.streams.set(shared.streams.get() + 1);
        Self(shared)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get() - 1);
    }
}

/// A connection, as it was made.
#[derive(Debug)]
pub(super) enum Connection {
    Exclusive(Box<Exclusive>),
    Shared(Rc<Shared>),
}

/// A request's hold on a connection, and the body of its answer.
#[derive(Debug)]
pub(crate) struct Lease {
    worker: Rc<Worker>,
    held: Held,
}

#[derive(Debug)]
enum Held {
    Exclusive(Box<Exclusive>),
    Stream(Stream, Option<Incoming>),
}

impl Lease {
    pub(super) fn new(worker: &Rc<Worker>, connection: Connection) -> Self {
        let held = match connection {
            Connection::Exclusive(connection) => Held::Exclusive(connection),
            Connection::Shared(shared) => Held::Stream(Stream::new(shared), None),
        };
        Self {
            worker: worker.clone(),
            held,
        }
    }

    /// A connection that has room for a request. `once` is whether the request could not be sent again if the upstream
    /// turns out to have closed it, so that it is worth a look.
    pub(super) fn from_pool(worker: &Rc<Worker>, endpoint: &Endpoint, once: bool) -> Option<Self> {
        let connection = worker.upstreams.take(endpoint.id, once, &worker.metrics)?;
        Some(Self::new(worker, connection))
    }

    /// Begins to send a request.
    pub(super) fn begin(&mut self, mut request: Request<RequestBody>) -> Awaited {
        match &self.held {
            Held::Exclusive(connection) => {
                connection.http1.borrow_mut().begin(request);
                Awaited::Exclusive
            }
            Held::Stream(Stream(shared), _) => {
                convert::to_http2(&mut request, shared.secure);
                Awaited::Stream(Box::pin(shared.sender.clone().try_send_request(request)))
            }
        }
    }

    /// Sends the request, and waits for what comes first.
    pub(super) fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        awaited: &mut Awaited,
    ) -> Poll<Result<Answer, Unsent>> {
        match (&mut self.held, awaited) {
            (Held::Stream(_, body), Awaited::Stream(answer)) => {
                Poll::Ready(match ready!(answer.as_mut().poll(cx)) {
                    Ok(response) => {
                        let (parts, its) = response.into_parts();
                        *body = Some(its);
                        Ok(Answer::Head(Response::from_parts(parts, ())))
                    }
                    Err(mut error) => {
                        let mut request = error.take_message();
                        if let Some(request) = &mut request {
                            convert::to_http1(request);
                        }
                        Err(Unsent {
                            failure: classify(error.error()),
                            request,
                        })
                    }
                })
            }
            (Held::Exclusive(connection), _) => {
                let answer = ready!(connection.http1.borrow_mut().poll_answer(cx));
                Poll::Ready(answer.map_err(Unsent::from))
            }
            // never asked for what it was not given
            (Held::Stream(..), Awaited::Exclusive) => Poll::Ready(Err(Fault::Closed.into())),
        }
    }

    /// The request that HTTP/1.1 has no answer for, if none of it was sent, or it was sent and may be sent `again`.
    pub(super) fn take_back(&mut self, again: bool) -> Option<Request<RequestBody>> {
        match &self.held {
            Held::Exclusive(connection) => connection.http1.borrow_mut().take_back(again),
            Held::Stream(..) => None,
        }
    }

    /// Whether other requests use the connection, too.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.held, Held::Stream(..))
    }

    /// Lets the rest of the request be sent by itself: its client may wait for that before it reads the answer.
    pub(super) fn send_apart(&self) {
        if let Held::Exclusive(connection) = &self.held {
            connection.send_apart();
        }
    }

    /// After an answer that agreed to leave HTTP: the connection as it goes on. None: it is still sent to.
    pub(crate) fn switched(self) -> Option<Switched> {
        let Held::Exclusive(connection) = self.held else {
            return None;
        };
        let (socket, first, open) = connection.into_parts()?;
        Some(Switched::new(socket, first, open))
    }

    /// Whether nothing of the request is left to be sent.
    pub(crate) fn is_sent(&self) -> bool {
        match &self.held {
            Held::Exclusive(connection) => connection.http1.borrow().is_sent(),
            Held::Stream(..) => true,
        }
    }

    /// The response has come to its end: the connection may serve another request, if it is through with this one.
    pub(crate) fn release(self) {
        let Self { worker, held } = self;
        if let Held::Exclusive(connection) = held {
            worker.upstreams.give(connection, &worker.clock, &worker.metrics);
        }
    }
}

/// An answer that is waited for.
pub(super) enum Awaited {
    /// By who has the connection.
    Exclusive,
    Stream(Pin<Box<dyn Future<Output = Http2Answer>>>),
}

/// With the request, when it was not sent.
type Http2Answer = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>;

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Unsent {
    pub(super) failure: Failure,
    /// The request, if HTTP/2 has not sent it.
    pub(super) request: Option<Request<RequestBody>>,
}

impl From<Fault> for Unsent {
    fn from(fault: Fault) -> Self {
        Self {
            failure: fault.into(),
            request: None,
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

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Closed => Self::Closed,
            Fault::Broken(_) => Self::Broken,
            Fault::Malformed => Self::Malformed,
            Fault::RequestBody => Self::RequestBody,
        }
    }
}

/// How an answer's body breaks off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error(transparent)]
    Http1(#[from] Fault),
    /// Says with which code, for a client that speaks HTTP/2 as well.
    #[error(transparent)]
    Http2(#[from] hyper::Error),
}

/// The body of the answer.
impl Body for Lease {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.get_mut().held {
            Held::Exclusive(connection) => {
                let polled = connection.http1.borrow_mut().poll_body(cx);
                polled.map(|frame| frame.map(|frame| frame.map_err(BodyError::from)))
            }
            Held::Stream(_, Some(body)) => {
                let polled = Pin::new(body).poll_frame(cx);
                polled.map(|frame| frame.map(|frame| frame.map_err(BodyError::from)))
            }
            Held::Stream(_, None) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.held {
            Held::Exclusive(connection) => connection.http1.borrow().is_end_stream(),
            Held::Stream(_, body) => body.as_ref().is_none_or(Body::is_end_stream),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.held {
            Held::Exclusive(connection) => connection.http1.borrow().size_hint(),
            Held::Stream(_, body) => body.as_ref().map_or_else(SizeHint::default, Body::size_hint),
        }
    }
}
