//! The copies of one request, from their selection to their start.

use std::{
    cell::{Cell, RefCell},
    mem,
    rc::Rc,
    time::{Duration, Instant},
};

use http::{HeaderMap, Method, Uri, request::Parts};

use super::{Capture, Kept, copy};
use crate::{balance::CopyPick, metrics::MirrorDrop, state::Held as Snapshot, worker::Worker};

/// Copies that one request may have, with all that mirrors below mirrors make of them.
pub(super) const MAX_COPIES: u32 = 64;

/// The copies of one request. They start when the body's fate is known and main has answered; when
/// neither can come any more, they are dropped.
#[derive(Debug)]
pub(crate) struct Shadow {
    worker: Rc<Worker>,
    snapshot: Rc<Snapshot>,
    copies: RefCell<Vec<CopyPick>>,
    head: RefCell<Option<Head>>,
    body: RefCell<BodyState>,
    /// The most that any of the copies takes; none: no copy takes a body.
    body_limit: Option<u64>,
    started: Instant,
    main: Cell<Option<Main>>,
}

/// A request's head, as main gets it but for what main's leaf changes.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
}

/// Main's answer, or the proxy's in its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Main {
    /// Until its head was there.
    pub(super) after: Duration,
    pub(super) status: u16,
}

/// What is known of the request's body.
#[derive(Debug)]
enum BodyState {
    /// There is none, or no copy takes it.
    None,
    /// It is still to come.
    Awaited,
    Complete(Kept),
    Lost(MirrorDrop),
}

impl Shadow {
    /// Of a request that selected `copies`. `length`: of its body, where it is known.
    pub(crate) fn new(
        worker: &Rc<Worker>,
        snapshot: &Rc<Snapshot>,
        copies: Vec<CopyPick>,
        length: Option<u64>,
        upgrade: bool,
    ) -> Rc<Self> {
        let forest = snapshot.forest();
        let limit = |copy: &CopyPick| {
            let mirror = &forest.target(copy.target).mirror;
            mirror
                .mirror_body
                .then(|| mirror.max_body_size.unwrap_or(u64::MAX))
        };
        let body_limit = copies.iter().filter_map(limit).max();
        let budget = worker.process.mirror_bytes.limit() as u64;
        let body = match (length, body_limit) {
            (Some(0), _) | (_, None) => BodyState::None,
            (Some(length), Some(limit)) if length > limit => BodyState::Lost(MirrorDrop::BodySize),
            (Some(length), _) if length > budget => BodyState::Lost(MirrorDrop::Bytes),
            _ => BodyState::Awaited,
        };
        let shadow = Self {
            worker: worker.clone(),
            snapshot: snapshot.clone(),
            copies: RefCell::new(copies),
            head: RefCell::default(),
            body: RefCell::new(body),
            body_limit,
            started: Instant::now(),
            main: Cell::default(),
        };
        if upgrade {
            shadow.drop_all(MirrorDrop::Upgrade);
        }
        Rc::new(shadow)
    }

    /// What keeps the body, where a copy takes it.
    pub(crate) fn capture(self: &Rc<Self>) -> Option<Capture> {
        let awaited = matches!(*self.body.borrow(), BodyState::Awaited) && !self.copies.borrow().is_empty();
        let limit = self.body_limit.filter(|_| awaited)?;
        Some(Capture::new(self.clone(), limit, &self.worker.process))
    }

    /// Keeps the head, which main's connection is about to consume.
    pub(crate) fn remember(&self, parts: &Parts) {
        *self.head.borrow_mut() = Some(Head {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
        });
    }

    /// The head of main's answer is there, or the proxy answered for it.
    pub(crate) fn main_answered(&self, status: u16) {
        let after = self.started.elapsed();
        self.main.set(Some(Main { after, status }));
        self.start_if_ready();
    }

    pub(super) fn body_complete(&self, body: Kept) {
        *self.body.borrow_mut() = BodyState::Complete(body);
        self.start_if_ready();
    }

    pub(super) fn body_lost(&self, reason: MirrorDrop) {
        *self.body.borrow_mut() = BodyState::Lost(reason);
        if reason == MirrorDrop::IncompleteBody {
            self.drop_all(reason);
        } else {
            self.start_if_ready();
        }
    }

    fn start_if_ready(&self) {
        let (Some(main), Ok(mut body)) = (self.main.get(), self.body.try_borrow_mut()) else {
            return;
        };
        if matches!(*body, BodyState::Awaited) {
            return;
        }
        let Some(head) = self.head.borrow_mut().take() else {
            return;
        };
        let copies = mem::take(&mut *self.copies.borrow_mut());
        let body = match mem::replace(&mut *body, BodyState::None) {
            BodyState::Complete(kept) => Ok(Some(kept)),
            BodyState::Lost(reason) => Err(reason),
            BodyState::None | BodyState::Awaited => Ok(None),
        };
        let request = copy::Request {
            worker: self.worker.clone(),
            snapshot: self.snapshot.clone(),
            main,
            left: Cell::new(MAX_COPIES),
        };
        copy::start(&Rc::new(request), copies, &head, &body);
    }

    fn drop_all(&self, reason: MirrorDrop) {
        let dropped = mem::take(&mut *self.copies.borrow_mut()).len();
        self.worker.metrics.mirror_dropped[reason as usize].add(dropped as u64);
    }
}

impl Drop for Shadow {
    fn drop(&mut self) {
        self.drop_all(MirrorDrop::ClientGone);
    }
}
