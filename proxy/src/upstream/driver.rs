//! hyper's half of a connection to an upstream.
//!
//! A task of its own for each connection would cost every request two wake-ups: one to hand it over, one to get its answer.
//! So whoever waits for an answer drives the connection that it comes from, in its own task. Nobody drives a connection that
//! waits for a request; what happens to it is told to the pool ([`super::watch`]).

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures::task::AtomicWaker;
use tokio::task::spawn_local;

use super::{speak::Open, watch::Bell};

/// A connection of hyper's, to be polled by who wants something from it.
pub(super) struct Driver {
    connection: Pin<Box<dyn Future<Output = ()>>>,
    gate: Arc<Gate>,
    /// The gate as hyper gets it: always the same one, whoever drives.
    waker: Waker,
    _open: Open,
}

impl Driver {
    /// Of a connection, which has sent or answered all that is asked of it when this ends; who asked hears of errors.
    pub(super) fn new<T: 'static>(
        connection: impl Future<Output = T> + 'static,
        open: Open,
        bell: Bell,
    ) -> Self {
        let gate = Arc::new(Gate {
            way: AtomicU8::new(Way::Task as u8),
            stirred: AtomicBool::new(false),
            task: AtomicWaker::new(),
            bell,
        });
        Self {
            connection: Box::pin(async move { drop(connection.await) }),
            waker: Waker::from(gate.clone()),
            gate,
            _open: open,
        }
    }

    /// Does what can be done. Ready: the connection is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.gate.task.register(cx.waker());
        self.gate.lead(Way::Task);
        self.go_on()
    }

    /// While nobody waits for it. Ready: it is over.
    pub(super) fn rest(&mut self) -> Poll<()> {
        self.gate.lead(Way::Bell);
        self.go_on()
    }

    /// Nobody waits for it any more. Whether something has happened that nobody has looked at.
    pub(super) fn retire(&mut self) -> bool {
        self.gate.lead(Way::Bell);
        self.gate.stirred.load(Ordering::Relaxed)
    }

    fn go_on(&mut self) -> Poll<()> {
        self.gate.stirred.store(false, Ordering::Relaxed);
        self.connection
            .as_mut()
            .poll(&mut Context::from_waker(&self.waker))
    }

    /// Does what would wake the driver, which is polled next, or whenever more is wanted.
    pub(super) fn quietly<T>(&self, act: impl FnOnce() -> T) -> T {
        self.gate.lead(Way::Nowhere);
        let done = act();
        self.gate.lead(Way::Task);
        done
    }

    /// Lets it go on in a task of its own.
    pub(super) fn detach(self, then: impl FnOnce() + 'static) {
        spawn_local(async move {
            let Self {
                connection, _open, ..
            } = self;
            connection.await;
            then();
        });
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}

/// Where wake-ups lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Way {
    /// To the task that drives.
    Task,
    /// Nowhere.
    Nowhere,
    /// To the pool.
    Bell,
}

/// Leads a connection's wake-ups to whoever has it. All of it is on one thread, which the type of wakers cannot know.
#[derive(Debug)]
struct Gate {
    way: AtomicU8,
    /// Something has happened since the last poll.
    stirred: AtomicBool,
    task: AtomicWaker,
    bell: Bell,
}

impl Gate {
    fn lead(&self, way: Way) {
        self.way.store(way as u8, Ordering::Relaxed);
    }
}

impl Wake for Gate {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let way = self.way.load(Ordering::Relaxed);
        if way == Way::Nowhere as u8 {
            return;
        }
        self.stirred.store(true, Ordering::Relaxed);
        if way == Way::Task as u8 {
            self.task.wake();
        } else {
            self.bell.ring();
        }
    }
}
