//! Connections to upstreams.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    sync::{Arc, Weak},
    task::{Context, Waker},
    time::Duration,
};

use bytes::Bytes;
use hyper::client::conn::http2;
use tokio::{task::spawn_local, time::sleep};

use super::{http1::Http1, socket::Socket, speak::Open, watch::Bell};
use crate::{
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
    pub(super) http1: Rc<RefCell<Http1>>,
    /// Rings when something happens to it while nobody uses it.
    bell: Arc<Bell>,
    waker: Waker,
}

impl Exclusive {
    pub(super) fn new(about: About, http1: Http1, bell: Arc<Bell>) -> Self {
        Self {
            about,
            http1: Rc::new(RefCell::new(http1)),
            waker: Waker::from(bell.clone()),
            bell,
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
    pub(super) fn send_apart(&self) {
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
        let was_apart = Rc::strong_count(&self.http1) > 1;
        if self.http1.borrow_mut().finish_apart() && !was_apart {
            self.spawn_apart();
        }
        if let Some(http1) = Rc::get_mut(&mut self.http1) {
            http1.get_mut().say_goodbye();
        }
    }

    /// What it consists of; none: it is still sent to.
    pub(super) fn into_parts(self: Box<Self>) -> Option<(Socket, Bytes, Open)> {
        let http1 = self.http1.clone();
        drop(self);
        Rc::into_inner(http1).map(|http1| http1.into_inner().into_parts())
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        // what cannot be borrowed is just ending a body, on which this one hung
        if Rc::strong_count(&self.http1) > 1
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
pub(super) struct Stream(pub(super) Rc<Shared>);

impl Stream {
    pub(super) fn new(shared: Rc<Shared>) -> Self {
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
