//! Keeping a request's body for its copies while it streams to main.

use std::{rc::Rc, sync::Arc};

use bytes::{Bytes, BytesMut};

use super::Shadow;
use crate::{metrics::MirrorDrop, process::Process};

/// Keeps what passes, for a [`Shadow`]. Dropped before the end, the body was incomplete.
#[derive(Debug)]
pub(crate) struct Capture {
    shadow: Rc<Shadow>,
    /// None once the outcome is clear.
    buffer: Option<Buffer>,
    limit: u64,
}

impl Capture {
    pub(super) fn new(shadow: Rc<Shadow>, limit: u64, process: &Arc<Process>) -> Self {
        Self {
            shadow,
            buffer: Some(Buffer::new(process.clone())),
            limit,
        }
    }

    /// A piece has passed; `last`: the body's end with it.
    pub(crate) fn keep(&mut self, piece: &Bytes, last: bool) {
        if let Some(buffer) = &mut self.buffer {
            let drop = if buffer.len + piece.len() as u64 > self.limit {
                Some(MirrorDrop::BodySize)
            } else if buffer.push(piece) {
                None
            } else {
                Some(MirrorDrop::Bytes)
            };
            if let Some(reason) = drop {
                self.buffer = None;
                self.shadow.body_lost(reason);
            }
        }
        if last {
            self.complete();
        }
    }

    /// The body has come to its end.
    pub(crate) fn complete(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.shadow.body_complete(buffer.into_kept());
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        if self.buffer.take().is_some() {
            self.shadow.body_lost(MirrorDrop::IncompleteBody);
        }
    }
}

/// Pieces up to this size are copied together: each would keep the whole buffer alive that it was
/// read into, many times its own size.
const SMALL: usize = 4 << 10;
/// The size of the buffers that small pieces are copied to.
const TOGETHER: usize = 16 << 10;

/// Pieces that are kept, paid for from the process's budget.
#[derive(Debug)]
struct Buffer {
    pieces: Vec<Bytes>,
    /// Small pieces that follow one another.
    tail: BytesMut,
    len: u64,
    charge: Charge,
}

impl Buffer {
    fn new(process: Arc<Process>) -> Self {
        Self {
            pieces: Vec::new(),
            tail: BytesMut::new(),
            len: 0,
            charge: Charge { process, amount: 0 },
        }
    }

    /// Keeps a piece. False: the budget does not allow it.
    fn push(&mut self, piece: &Bytes) -> bool {
        self.len += piece.len() as u64;
        if piece.len() > SMALL {
            self.flush();
            self.pieces.push(piece.clone());
            return self.charge.add(piece.len());
        }
        if self.tail.capacity() - self.tail.len() < piece.len() {
            self.flush();
            // a body that is known to be short would not need as much, but it is not kept for long either
            let room = if self.pieces.is_empty() {
                piece.len().max(SMALL)
            } else {
                TOGETHER
            };
            if !self.charge.add(room) {
                return false;
            }
            self.tail = BytesMut::with_capacity(room);
        }
        self.tail.extend_from_slice(piece);
        true
    }

    fn flush(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push(std::mem::take(&mut self.tail).freeze());
        }
    }

    fn into_kept(mut self) -> Kept {
        self.flush();
        Kept {
            body: Rc::new(Body {
                pieces: self.pieces,
                len: self.len,
                _charge: self.charge,
            }),
            next: 0,
            rest: self.len,
        }
    }
}

/// What was taken from the process's budget; given back when dropped.
#[derive(Debug)]
struct Charge {
    process: Arc<Process>,
    amount: usize,
}

impl Charge {
    fn add(&mut self, amount: usize) -> bool {
        let taken = self.process.mirror_bytes.take(amount);
        if taken {
            self.amount += amount;
        }
        taken
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.process.mirror_bytes.give(self.amount);
    }
}

/// A body that was kept, as one copy sends it. All copies share the bytes and what they cost.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    body: Rc<Body>,
    next: usize,
    rest: u64,
}

#[derive(Debug)]
struct Body {
    pieces: Vec<Bytes>,
    len: u64,
    _charge: Charge,
}

impl Kept {
    /// How long the whole body is.
    pub(super) fn len(&self) -> u64 {
        self.body.len
    }

    /// How much is still to be sent.
    pub(crate) fn rest(&self) -> u64 {
        self.rest
    }

    /// The next piece.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        let piece = self.body.pieces.get(self.next)?.clone();
        self.next += 1;
        self.rest -= piece.len() as u64;
        Some(piece)
    }
}
