//! A client's connection as everything else sees it: what it is doing, since when, and what it is
//! told to do. The connection's task ([`super::connection`]) moves it through its phases; the
//! worker's ticker ([`super::registry`]) looks for overdue ones.

use std::{
    cell::{Cell, OnceCell, RefCell},
    net::{IpAddr, SocketAddr},
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Version};
use http_body::Body;
use tokio::net::TcpStream;

use super::{
    clock::Tick,
    stream::{Peek, Stream},
    streams::Streams,
    upgrade::Upgrade,
};
use crate::{metrics::CloseReason, process::EntryPoint, worker::Worker};

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waiting for its first request.
    Fresh,
    /// Waiting for another request.
    Idle,
    /// The same, with nothing but its socket left.
    Parked,
    /// Part of a request's head has come.
    Head,
    /// A request is being served.
    Busy,
    /// It has left HTTP.
    Switched,
    /// The same after one of both sides has ended.
    HalfSwitched,
}

/// What a connection is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// To go on.
    None,
    /// To give its buffers back, if it still waits for another request.
    Park,
    /// To end with the request that is being served or has come already.
    Drain,
    /// To end at once.
    Close,
}

/// A client's connection; of one that speaks HTTP/2, one of its streams is such a client as well, to whom its request
/// belongs.
#[derive(Debug)]
pub(crate) struct Client {
    /// The worker that serves it.
    pub(crate) worker: Rc<Worker>,
    /// The entry point that it came to, by its place.
    pub(crate) entry_point: usize,
    /// The client's address.
    pub(crate) peer: IpAddr,
    /// Its port.
    pub(crate) port: u16,
    /// The same as a header's value.
    pub(crate) peer_header: HeaderValue,
    pub(super) stream: RefCell<Stream>,
    /// Of a connection that speaks HTTP/2.
    pub(super) streams: OnceCell<Box<Streams>>,
    /// What it says about who sent it is believed.
    pub(super) is_trusted: bool,
    /// This is one of many on a connection, and has no socket.
    pub(super) is_part: bool,
    /// Bytes that were read ahead and have to be read again.
    pub(super) read_again: RefCell<Bytes>,
    /// Of the request that is being served.
    pub(super) upgrade: Upgrade,
    phase: Cell<Phase>,
    /// When the phase began; while busy, when bytes last moved.
    since: Cell<Tick>,
    order: Cell<Order>,
    waker: RefCell<Option<Waker>>,
    /// How often bytes came, and how often they had when the request was complete.
    reads: Cell<u32>,
    reads_of_request: Cell<u32>,
    /// Bytes that were read, of a request; for a part, of bodies in both directions.
    moved: Cell<u64>,
    /// When the body last came fast enough, and what had moved by then.
    mark_at: Cell<Tick>,
    mark: Cell<u64>,
    /// When the request was complete, in milliseconds of the clock.
    request_done_at: Cell<u64>,
    /// Bytes of the request's body so far.
    received: Cell<u64>,
    pub(super) flags: Flags,
}

/// Facts about the exchange under way.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    /// The request was read to its end.
    pub(crate) request_done: Cell<bool>,
    /// The connection has ended, and the request was not read to its end.
    pub(crate) cut: Cell<bool>,
    /// The response was written to its end, as far as hyper is concerned.
    pub(crate) response_done: Cell<bool>,
    /// The client has sent more than this request.
    pub(super) pipelined: Cell<bool>,
    /// The last attempt to read found nothing.
    pub(crate) read_blocked: Cell<bool>,
    /// The last attempt to write found no room.
    pub(crate) write_blocked: Cell<bool>,
    /// All that was written has left the buffers.
    pub(crate) flushed: Cell<bool>,
    /// The client speaks HTTP/1.0, so that the end of the connection may be the end of the response.
    pub(crate) ancient: Cell<bool>,
    /// The answer must have no body, which hyper sees to itself with HTTP/1.
    pub(super) bodyless: Cell<bool>,
    /// The client keeps its body back until it is told to send it.
    pub(super) withheld: Cell<bool>,
    /// Its head is on its way to the client.
    pub(super) answered: Cell<bool>,
    /// Part of a head was written that is not hyper's: nothing that follows would be understood.
    pub(super) torn: Cell<bool>,
    /// The request said from the start how long it is.
    pub(super) announced: Cell<bool>,
}

impl Flags {
    /// Whether both sides speak as they like: the client was answered while it goes on sending what has no length. Until that
    /// answer ends, silence is nothing bad; who has announced a length owes it.
    pub(super) fn converses(&self) -> bool {
        self.answered.get() && !self.announced.get() && !self.response_done.get()
    }
}

/// Who sends, and where to.
struct Sender {
    entry_point: usize,
    peer: IpAddr,
    port: u16,
    peer_header: HeaderValue,
    is_trusted: bool,
}

impl Client {
    pub(super) fn new(worker: Rc<Worker>, entry_point: usize, stream: TcpStream, peer: SocketAddr) -> Self {
        Self::from(worker, entry_point, Stream::Plain(stream), peer)
    }

    fn from(worker: Rc<Worker>, entry_point: usize, stream: Stream, peer: SocketAddr) -> Self {
        let (peer, port) = (peer.ip().to_canonical(), peer.port());
        let peer_header =
            HeaderValue::try_from(peer.to_string()).unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        let sources = &worker.process.entry_points[entry_point].forwarded_headers;
        let sender = Sender {
            is_trusted: sources.includes(peer),
            entry_point,
            peer,
            port,
            peer_header,
        };
        Self::with(worker, sender, Some(stream))
    }

    /// One of a connection's streams.
    pub(super) fn part(&self) -> Self {
        let sender = Sender {
            is_trusted: self.is_trusted,
            entry_point: self.entry_point,
            peer: self.peer,
            port: self.port,
            peer_header: self.peer_header.clone(),
        };
        Self::with(self.worker.clone(), sender, None)
    }

    fn with(worker: Rc<Worker>, sender: Sender, stream: Option<Stream>) -> Self {
        Self {
            entry_point: sender.entry_point,
            peer: sender.peer,
            port: sender.port,
            peer_header: sender.peer_header,
            is_trusted: sender.is_trusted,
            is_part: stream.is_none(),
            stream: RefCell::new(stream.unwrap_or(Stream::Elsewhere)),
            streams: OnceCell::new(),
            read_again: RefCell::default(),
            upgrade: Upgrade::default(),
            phase: Cell::new(Phase::Fresh),
            since: Cell::new(worker.clock.now()),
            order: Cell::new(Order::None),
            waker: RefCell::default(),
            reads: Cell::default(),
            reads_of_request: Cell::default(),
            moved: Cell::default(),
            mark_at: Cell::default(),
            mark: Cell::default(),
            request_done_at: Cell::default(),
            received: Cell::default(),
            flags: Flags::default(),
            worker,
        }
    }

    /// The same connection, of which is known by now whose it is.
    pub(super) fn of(&self, peer: SocketAddr) -> Self {
        let (worker, stream) = (self.worker.clone(), self.stream.replace(Stream::Elsewhere));
        let client = Self::from(worker, self.entry_point, stream, peer);
        client.order.set(self.order.get());
        client
    }

    /// Where it came in.
    pub(super) fn entry_point(&self) -> &EntryPoint {
        &self.worker.process.entry_points[self.entry_point]
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    pub(super) fn since(&self) -> Tick {
        self.since.get()
    }

    /// Enters a phase now.
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(self.worker.clock.now());
    }

    /// Goes between waiting with buffers and waiting without; how long it has waited stays.
    pub(super) fn set_parked(&self, parked: bool) {
        match (self.phase.get(), parked) {
            (Phase::Idle, true) => {
                self.phase.set(Phase::Parked);
                self.worker.metrics.parked.inc();
            }
            (Phase::Parked, false) => {
                self.phase.set(Phase::Idle);
                self.worker.metrics.parked.dec();
            }
            _ => {}
        }
    }

    /// A request's head has come.
    pub(super) fn begin(&self, request: &Request<impl Body>) {
        self.enter(Phase::Busy);
        self.received.set(0);
        self.set_mark();
        self.flags.response_done.set(false);
        self.flags.request_done.set(false);
        self.flags.pipelined.set(false);
        self.flags.answered.set(false);
        self.flags.withheld.set(false);
        self.flags.ancient.set(request.version() < Version::HTTP_11);
        let length = request.body().size_hint().exact();
        self.flags.announced.set(length.is_some());
        self.upgrade.clear();
        if request.body().is_end_stream() {
            self.request_done();
        }
    }

    /// Bytes of the request's body were read.
    pub(super) fn has_received(&self, bytes: usize) {
        self.received.set(self.received.get() + bytes as u64);
    }

    /// Bytes of the request's body so far.
    pub(super) fn received(&self) -> u64 {
        self.received.get()
    }

    /// The request was read to its end.
    pub(super) fn request_done(&self) {
        self.flags.request_done.set(true);
        self.reads_of_request.set(self.reads.get());
        self.request_done_at.set(self.worker.clock.millis());
    }

    /// Whether the request was read to its end; it may not have been sent to an upstream.
    pub(crate) fn is_read(&self) -> bool {
        self.flags.request_done.get()
    }

    /// How long ago the request was complete, not counting its last tick; none: it is not yet.
    pub(crate) fn since_request_done(&self) -> Option<Duration> {
        let clock = &self.worker.clock;
        let ago = clock.exact_millis().saturating_sub(self.request_done_at.get());
        self.flags
            .request_done
            .get()
            .then(|| Duration::from_millis(ago).saturating_sub(clock.tick()))
    }

    /// Whether the request that is being served asks to leave HTTP.
    pub(crate) fn asks_to_switch(&self) -> bool {
        self.upgrade.is_asked()
    }

    /// Request and response are complete and nothing waits to be written.
    pub(super) fn exchange_is_over(&self) -> bool {
        let flags = &self.flags;
        self.phase.get() == Phase::Busy
            && flags.request_done.get()
            && flags.response_done.get()
            && flags.flushed.get()
    }

    /// The response is complete, and the client was never told to send its body.
    pub(super) fn is_answered_without_body(&self) -> bool {
        let flags = &self.flags;
        flags.withheld.get() && flags.response_done.get() && flags.flushed.get()
    }

    /// After an exchange: waits for another request, or reads its head, where some of it came early.
    pub(super) fn await_request(&self) {
        let early = self.reads.get() != self.reads_of_request.get();
        self.enter(if early { Phase::Head } else { Phase::Idle });
    }

    /// So many bytes were read.
    pub(super) fn has_read(&self, bytes: usize) {
        if let Some(streams) = self.streams.get() {
            // whose they are is told by the streams
            if streams.has_read(bytes, &self.worker.process.limits) && self.order.get() < Order::Close {
                self.worker.metrics.closed[CloseReason::Flood as usize].inc();
                self.tell(Order::Close);
            }
            return;
        }
        self.reads.set(self.reads.get().wrapping_add(1));
        self.flags.read_blocked.set(false);
        match self.phase.get() {
            Phase::Fresh | Phase::Idle | Phase::Parked => self.enter(Phase::Head),
            Phase::Head | Phase::Switched => {}
            Phase::HalfSwitched => self.since.set(self.worker.clock.now()),
            Phase::Busy => {
                self.since.set(self.worker.clock.now());
                self.count(bytes);
            }
        }
    }

    /// Bytes were written.
    pub(super) fn has_written(&self) {
        self.flags.write_blocked.set(false);
        if matches!(self.phase.get(), Phase::Head | Phase::Busy | Phase::HalfSwitched) {
            self.since.set(self.worker.clock.now());
        }
    }

    /// A piece of a body came or went, of so many bytes.
    pub(super) fn has_moved(&self, bytes: usize) {
        self.since.set(self.worker.clock.now());
        self.count(bytes);
    }

    fn count(&self, bytes: usize) {
        self.moved.set(self.moved.get() + bytes as u64);
    }

    /// How many bytes have moved.
    pub(super) fn moved(&self) -> u64 {
        self.moved.get()
    }

    /// When the body was last fast enough, and how many bytes have moved since.
    pub(super) fn mark(&self) -> (Tick, u64) {
        (self.mark_at.get(), self.moved.get() - self.mark.get())
    }

    /// The body is fast enough so far.
    pub(super) fn set_mark(&self) {
        self.mark_at.set(self.worker.clock.now());
        self.mark.set(self.moved.get());
    }

    pub(super) fn order(&self) -> Order {
        self.order.get()
    }

    /// Gives an order and wakes the connection's task. A stronger one than this stays.
    pub(super) fn tell(&self, order: Order) {
        if order > self.order.get() {
            self.order.set(order);
        }
        self.wake();
    }

    /// The order to park was seen to, one way or the other.
    pub(super) fn forget_parking(&self) {
        if self.order.get() == Order::Park {
            self.order.set(Order::None);
        }
    }

    /// Has the connection's task polled.
    pub(super) fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Remembers whom to wake.
    pub(super) fn set_waker(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        match &mut *waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => *waker = Some(cx.waker().clone()),
        }
    }

    /// Whether the client has sent nothing that was not read.
    pub(super) fn is_silent(&self) -> bool {
        self.stream.borrow().is_silent()
    }

    /// What is there to be read: bytes, the end, or nothing yet.
    pub(super) fn poll_peek(&self, cx: &mut Context<'_>) -> Poll<Peek> {
        let again = self.read_again.borrow();
        if !again.is_empty() {
            return Poll::Ready(Peek::of(&again));
        }
        drop(again);
        self.stream.borrow_mut().poll_peek(cx)
    }
}
