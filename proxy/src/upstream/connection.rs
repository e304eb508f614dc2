//! Connections to upstreams, and a request's hold on one.

use std::{
    cell::Cell,
    fmt,
    rc::Rc,
    sync::{Arc, Weak},
    task::{Context, Poll, Waker},
};

use futures::future::Either;
use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1, http2},
};

use tokio::{sync::oneshot, task::unconstrained};

use super::{
    convert,
    driver::Driver,
    early::{Early, Finder},
    socket::Socket,
    switch::Switched,
};
use crate::{
    http::{RequestBody, Ticks},
    state::{Endpoint, Transport},
    worker::Worker,
};

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
pub(super) struct Exclusive {
    pub(super) about: About,
    pub(super) sender: http1::SendRequest<RequestBody>,
    /// Driven by who has the connection; none: it runs in a task of its own, or is over.
    pub(super) driver: Option<Driver>,
    pub(super) socket: Socket,
    pub(super) finder: Rc<Finder>,
    /// For a request that asks to leave HTTP: what is left then.
    pub(super) switched: Option<oneshot::Receiver<Box<Switched>>>,
}

impl Exclusive {
    /// Whether it can take a request now; when `sure`, the kernel is asked whether the upstream has closed it, or has sent
    /// what nobody asked for: hyper hears of that later.
    pub(super) fn is_ready(&self, sure: bool) -> bool {
        self.sender.is_ready() && (!sure || self.socket.is_silent())
    }

    /// Sends a request, when it is driven. The answer's head comes from the driver, so that its own wake-ups are of no use, nor
    /// is its part in what a task may do at once.
    fn send(&mut self, request: Request<RequestBody>) -> impl Future<Output = Answer> + use<> {
        self.finder.begin();
        let Self { sender, driver, .. } = self;
        unconstrained(match driver {
            Some(driver) => driver.quietly(|| sender.try_send_request(request)),
            None => sender.try_send_request(request),
        })
    }

    /// Goes to rest after a request. False: it is over, or not through with the request.
    pub(super) fn retire(&mut self) -> bool {
        let unsettled = |driver: &mut Driver| driver.retire() || !self.sender.is_ready();
        if self.driver.as_mut().is_some_and(unsettled) {
            return self.look_after();
        }
        self.sender.is_ready()
    }

    /// Sees to what happened while it rests. False: it is over.
    pub(super) fn look_after(&mut self) -> bool {
        if let Some(driver) = &mut self.driver
            && driver.rest().is_ready()
        {
            self.driver = None;
            return false;
        }
        self.sender.is_ready()
    }

    /// Ends it by itself: with what is left to send, and a goodbye where the protocol has such.
    pub(super) fn close(mut self) {
        if let Some(driver) = self.driver.take() {
            driver.detach(|| {});
        }
    }
}

impl fmt::Debug for Exclusive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exclusive")
            .field("about", &self.about)
            .finish_non_exhaustive()
    }
}

/// What comes of a request; when it could not be sent, with the request.
type Answer = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>;

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

/// A request's hold on a connection.
#[derive(Debug)]
pub(crate) struct Lease {
    worker: Rc<Worker>,
    held: Held,
}

#[derive(Debug)]
enum Held {
    Exclusive {
        connection: Box<Exclusive>,
        /// For one request only.
        last: bool,
    },
    Stream(Stream),
}

impl Lease {
    pub(super) fn new(worker: &Rc<Worker>, connection: Connection) -> Self {
        let held = match connection {
            Connection::Exclusive(connection) => Held::Exclusive {
                last: connection.switched.is_some(),
                connection,
            },
            Connection::Shared(shared) => Held::Stream(Stream::new(shared)),
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

    /// Sends the request. An error that comes with it means that none of it was sent.
    pub(super) fn send(&mut self, mut request: Request<RequestBody>) -> impl Future<Output = Answer> + use<> {
        match &mut self.held {
            Held::Exclusive { connection, .. } => Either::Left(connection.send(request)),
            Held::Stream(Stream(shared)) => {
                convert::to_http2(&mut request, shared.secure);
                Either::Right(shared.sender.clone().try_send_request(request))
            }
        }
    }

    /// Polls for what comes over this connection, which is driven first.
    pub(super) fn drive<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut ask: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let Held::Exclusive { connection, .. } = &mut self.held else {
            return ask(cx);
        };
        let Some(driver) = &mut connection.driver else {
            return ask(cx);
        };
        if driver.poll(cx).is_ready() {
            connection.driver = None;
            return ask(cx);
        }
        // whatever comes, comes from the driver, so that its own wake-up is of no use
        ask(&mut Context::from_waker(Waker::noop()))
    }

    /// Polls for what may be there already, and otherwise has the connection driven.
    pub(crate) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut ask: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if let Held::Exclusive { connection, .. } = &self.held
            && let Some(driver) = &connection.driver
            && let Poll::Ready(there) = driver.quietly(|| ask(&mut Context::from_waker(Waker::noop())))
        {
            return Poll::Ready(there);
        }
        self.drive(cx, ask)
    }

    /// Lets the connection go on by itself: something is under way that does not wait for what its holder reads.
    pub(super) fn detach(&mut self) {
        if let Held::Exclusive { connection, .. } = &mut self.held
            && let Some(driver) = connection.driver.take()
        {
            let (worker, endpoint) = (self.worker.clone(), connection.about.endpoint);
            driver.detach(move || worker.upstreams.forget_closed(endpoint, &worker.metrics));
        }
    }

    /// What has come before the answer, of which is told when more comes. Nothing, in HTTP/2.
    pub(super) fn early(&self, cx: &Context<'_>) -> Option<Vec<Early>> {
        let Held::Exclusive { connection, .. } = &self.held else {
            return None;
        };
        if connection.driver.is_none() {
            connection.finder.tell(cx);
        }
        connection.finder.take()
    }

    /// Makes a request that was not sent what it was before.
    pub(super) fn restore(&self, request: &mut Request<RequestBody>) {
        if matches!(self.held, Held::Stream(_)) {
            convert::to_http1(request);
        }
    }

    /// Lets no other request have it.
    pub(super) fn use_up(&mut self) {
        if let Held::Exclusive { last, .. } = &mut self.held {
            *last = true;
        }
    }

    /// After an answer that agreed to leave HTTP: the connection as it goes on. None: it broke.
    pub(crate) async fn switched(self) -> Option<Box<Switched>> {
        let Held::Exclusive { connection, .. } = self.held else {
            return None;
        };
        // the sender is held until then: without it, hyper would end the connection
        let Exclusive { sender, switched, .. } = *connection;
        let switched = switched?.await.ok();
        drop(sender);
        switched
    }

    /// The response has come to its end: the connection may serve another request, if it is through with this one.
    pub(crate) fn release(self) {
        let Self { worker, held } = self;
        match held {
            Held::Exclusive {
                connection,
                last: false,
            } => worker.upstreams.give(connection, &worker.clock, &worker.metrics),
            Held::Exclusive { connection, .. } => connection.close(),
            Held::Stream(_) => {}
        }
    }
}
