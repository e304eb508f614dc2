//! All client connections of a worker, so that overdue and idle ones are found without a timer each.

use std::{cell::RefCell, rc::Rc, time::Duration};

use hashbrown::HashMap;

use super::{
    client::{Client, Order, Phase},
    clock::{Clock, Ticks},
    streams::Streams,
};
use crate::{limits::Limits, metrics::CloseReason};

/// The connections, and after how many ticks each phase is overdue.
#[derive(Debug)]
pub(crate) struct Registry {
    clients: RefCell<HashMap<u64, Rc<Client>>>,
    head: Ticks,
    body: Ticks,
    /// Bytes that a body has to bring in this time.
    least_of_body: u32,
    write: Ticks,
    idle: Ticks,
    park: Ticks,
    /// While draining, for a request to come.
    last_call: Ticks,
}

/// While draining, how long a connection without a request stays. A client that is about to send its next one
/// has it answered, and is told in the answer that the connection ends.
const LAST_CALL: Duration = Duration::from_secs(1);

impl Registry {
    pub(crate) fn new(clock: &Clock, limits: &Limits) -> Self {
        Self {
            clients: RefCell::default(),
            head: clock.ticks(limits.head_timeout),
            body: clock.ticks(limits.body_timeout),
            least_of_body: limits.least_of_body(),
            write: clock.ticks(limits.write_timeout),
            idle: clock.ticks(limits.idle_timeout),
            park: clock.ticks(limits.park_after),
            last_call: clock.ticks(LAST_CALL),
        }
    }

    pub(super) fn insert(&self, id: u64, client: Rc<Client>) {
        client.worker.metrics.open.inc();
        client.worker.metrics.open_at[client.entry_point].inc();
        self.clients.borrow_mut().insert(id, client);
    }

    pub(super) fn remove(&self, id: u64) {
        if let Some(client) = self.clients.borrow_mut().remove(&id) {
            client.worker.metrics.open.dec();
            client.worker.metrics.open_at[client.entry_point].dec();
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.clients.borrow().len()
    }

    /// Gives an order to all.
    pub(crate) fn tell_all(&self, order: Order) {
        for client in self.clients.borrow().values() {
            client.tell(order);
        }
    }

    /// Closes what is overdue, parks what is idle.
    pub(crate) fn sweep(&self) {
        for client in self.clients.borrow().values() {
            if let Some(streams) = client.streams.get() {
                self.sweep_streams(client, streams);
                continue;
            }
            match self.overdue(client) {
                _ if client.order() == Order::Close => {}
                Some(reason) => {
                    client.worker.metrics.closed[reason as usize].inc();
                    client.tell(Order::Close);
                }
                None => self.nudge(client),
            }
        }
    }

    fn overdue(&self, client: &Client) -> Option<CloseReason> {
        let passed = |ticks| client.worker.clock.passed(client.since(), ticks);
        match client.phase() {
            Phase::Fresh | Phase::Head => passed(self.head).then_some(CloseReason::HeadTimeout),
            Phase::Idle | Phase::Parked | Phase::HalfSwitched => {
                passed(self.idle).then_some(CloseReason::Idle)
            }
            Phase::Busy => self.overdue_exchange(client),
            Phase::Switched => None,
        }
    }

    /// The same for a connection that speaks HTTP/2, and for what it has under way.
    fn sweep_streams(&self, client: &Client, streams: &Streams) {
        let end = |client: &Client, reason, order| {
            if client.order() < order {
                client.worker.metrics.closed[reason as usize].inc();
                client.tell(order);
            }
        };
        streams.each(|stream| {
            if let Some(reason) = self.overdue_exchange(stream) {
                end(stream, reason, Order::Close);
            }
        });
        let passed = |ticks| client.worker.clock.passed(client.since(), ticks);
        match client.phase() {
            _ if client.flags.write_blocked.get() && passed(self.write) => {
                end(client, CloseReason::WriteTimeout, Order::Close);
            }
            Phase::Fresh if passed(self.head) => end(client, CloseReason::HeadTimeout, Order::Close),
            // with GOAWAY: a request may be on its way
            Phase::Idle if passed(self.idle) => end(client, CloseReason::Idle, Order::Drain),
            _ => {}
        }
        if client.order() == Order::Drain {
            client.wake();
        }
    }

    /// The same for a request and its answer, which have a connection to themselves or not.
    fn overdue_exchange(&self, client: &Client) -> Option<CloseReason> {
        let passed = |ticks| client.worker.clock.passed(client.since(), ticks);
        let flags = &client.flags;
        let owes = !flags.request_done.get() && flags.read_blocked.get() && !flags.converses();
        if flags.write_blocked.get() && passed(self.write) {
            Some(CloseReason::WriteTimeout)
        } else if owes && (passed(self.body) || self.trickles(client)) {
            // an upstream that takes nothing leaves the client's bytes where they are
            client.is_silent().then_some(CloseReason::BodyTimeout)
        } else {
            None
        }
    }

    /// Whether a body comes so slowly that its client holds more than it uses. Once it is answered, that is its own affair.
    fn trickles(&self, client: &Client) -> bool {
        let (since, moved) = client.mark();
        if client.flags.answered.get() || !client.worker.clock.passed(since, self.body) {
            return false;
        }
        let trickles = moved < u64::from(self.least_of_body);
        if !trickles {
            client.set_mark();
        }
        trickles
    }

    /// Whether a draining connection without a request has stayed long enough.
    pub(super) fn last_call_is_over(&self, client: &Client) -> bool {
        client.worker.clock.passed(client.since(), self.last_call)
    }

    fn nudge(&self, client: &Client) {
        match client.phase() {
            Phase::Idle | Phase::Fresh if client.order() == Order::Drain => client.wake(),
            Phase::Idle if client.worker.clock.passed(client.since(), self.park) => client.tell(Order::Park),
            // the request's body may have ended after the response, which wakes nobody
            Phase::Busy if client.exchange_is_over() => client.wake(),
            _ => {}
        }
    }
}
