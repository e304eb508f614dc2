//! The streams of a connection that speaks HTTP/2: each has one request, and is a [`Client`] of its own.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::pin,
    rc::Rc,
    task::Poll,
};

use hashbrown::HashMap;
use hyper::rt::Executor;
use tokio::task::spawn_local;

use super::client::{Client, Order, Phase};
use crate::{limits::Limits, metrics::CloseReason};

/// The streams of a connection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    open: RefCell<HashMap<u64, Rc<Client>>>,
    /// The one whose future hyper is about to hand over.
    begun: RefCell<Option<Rc<Client>>>,
    /// How many there were.
    begun_ever: Cell<u64>,
    /// And how many of them went before their answer came.
    given_up: Cell<u64>,
    /// Bytes that the connection has brought, and how many it may without being looked at.
    read: Cell<u64>,
    allowed: Cell<u64>,
    /// Bytes of bodies, in both directions, of the streams that there were.
    moved: Cell<u64>,
}

/// Bytes that a connection may bring beside requests and bodies, and for each byte of a body: control frames, of which
/// each is cheap to send and costs work (nginx has such a rule).
const BESIDE: u64 = 2 << 20;
const BESIDE_EACH: u64 = 8;

/// A client that gives up so many requests, and most of all, is not one that changes its mind now and then (Rapid
/// Reset, CVE-2023-44487): each costs an upstream work.
const GIVEN_UP: u64 = 500;

impl Streams {
    pub(super) fn any_open(&self) -> bool {
        !self.open.borrow().is_empty()
    }

    /// Does something with each.
    pub(super) fn each(&self, mut with: impl FnMut(&Client)) {
        for stream in self.open.borrow().values() {
            with(stream);
        }
    }

    /// The connection has brought so many bytes. Whether it brings far more than what it is there for.
    pub(super) fn has_read(&self, bytes: usize, limits: &Limits) -> bool {
        let read = self.read.get() + bytes as u64;
        self.read.set(read);
        if read <= self.allowed.get() {
            return false;
        }
        let open = self.open.borrow();
        let moved = self.moved.get() + open.values().map(|stream| stream.moved()).sum::<u64>();
        let heads = self.begun_ever.get() * limits.max_header_bytes as u64;
        self.allowed.set(BESIDE + heads + moved * BESIDE_EACH);
        read > self.allowed.get()
    }

    fn is_flooded(&self) -> bool {
        let given_up = self.given_up.get();
        given_up >= GIVEN_UP && given_up * 2 > self.begun_ever.get()
    }
}

/// A new stream of a connection. hyper runs it with the connection's [`Here`] next.
pub(super) fn begin(connection: &Client) -> Rc<Client> {
    let stream = Rc::new(connection.part());
    if let Some(streams) = connection.streams.get() {
        streams.begun.replace(Some(stream.clone()));
    }
    stream
}

/// Runs a connection's streams on its thread. One that is told to close is dropped, which resets it.
#[derive(Clone, Debug)]
pub(super) struct Here(pub(super) Rc<Client>);

impl<F: Future + 'static> Executor<F> for Here {
    fn execute(&self, future: F) {
        let begun = self.0.streams.get().and_then(|streams| streams.begun.take());
        let Some(stream) = begun else {
            spawn_local(async move {
                let _ = future.await;
            });
            return;
        };
        let open = Open::new(&self.0, stream);
        spawn_local(async move {
            let mut future = pin!(future);
            poll_fn(|cx| {
                open.stream.set_waker(cx);
                if open.stream.order() == Order::Close {
                    return Poll::Ready(());
                }
                future.as_mut().poll(cx).map(|_| ())
            })
            .await;
        });
    }
}

/// A stream's place among those of its connection.
struct Open {
    connection: Rc<Client>,
    stream: Rc<Client>,
    id: u64,
}

impl Open {
    fn new(connection: &Rc<Client>, stream: Rc<Client>) -> Self {
        let id = connection.worker.new_id();
        if let Some(streams) = connection.streams.get() {
            streams.open.borrow_mut().insert(id, stream.clone());
            streams.begun_ever.set(streams.begun_ever.get() + 1);
        }
        connection.enter(Phase::Busy);
        Self {
            connection: connection.clone(),
            stream,
            id,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(streams) = self.connection.streams.get() else {
            return;
        };
        streams.open.borrow_mut().remove(&self.id);
        streams.moved.set(streams.moved.get() + self.stream.moved());
        if !self.stream.flags.answered.get() && self.stream.order() == Order::None {
            streams.given_up.set(streams.given_up.get() + 1);
            if streams.is_flooded() && self.connection.order() < Order::Close {
                self.connection.worker.metrics.closed[CloseReason::Flood as usize].inc();
                self.connection.tell(Order::Close);
            }
        }
        if !streams.any_open() {
            self.connection.enter(Phase::Idle);
            // it may have waited for this to end
            self.connection.wake();
        }
    }
}
