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
    process: Arc<Process>,
    pieces: Vec<Bytes>,
    /// Small pieces that follow one another.
    tail: BytesMut,
    /// What the tail's whole buffer costs.
    tail_charge: Option<Arc<Charge>>,
    len: u64,
}

impl Buffer {
    fn new(process: Arc<Process>) -> Self {
        Self {
            process,
            pieces: Vec::new(),
            tail: BytesMut::new(),
            tail_charge: None,
            len: 0,
        }
    }

    /// Keeps a piece. False: the budget does not allow it.
    fn push(&mut self, piece: &Bytes) -> bool {
        self.len += piece.len() as u64;
        if piece.len() > SMALL {
            self.flush();
            let charge = Charge::take(&self.process, piece.len());
            let held = charge.map(|charge| Charge::hold(charge, piece.clone()));
            let kept = held.is_some();
            self.pieces.extend(held);
            return kept;
        }
        if self.tail.capacity() - self.tail.len() < piece.len() {
            self.flush();
            // most bodies are small
            let room = if self.pieces.is_empty() { SMALL } else { TOGETHER };
            let Some(charge) = Charge::take(&self.process, room) else {
                return false;
            };
            self.tail_charge = Some(charge);
            self.tail = BytesMut::with_capacity(room);
        }
        self.tail.extend_from_slice(piece);
        true
    }

    fn flush(&mut self) {
        if let Some(charge) = self.tail_charge.clone().filter(|_| !self.tail.is_empty()) {
            // what room is left stays, it is paid for
            self.pieces.push(Charge::hold(charge, self.tail.split().freeze()));
        }
    }

    fn into_kept(mut self) -> Kept {
        self.flush();
        Kept {
            pieces: self.pieces.into(),
            len: self.len,
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
    fn take(process: &Arc<Process>, amount: usize) -> Option<Arc<Self>> {
        process.mirror_bytes.take(amount).then(|| {
            Arc::new(Self {
                process: process.clone(),
                amount,
            })
        })
    }

    /// Bytes that cost something as long as anybody has them, also a connection's buffers.
    fn hold(charge: Arc<Self>, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Piece {
            bytes,
            _charge: charge,
        })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.process.mirror_bytes.give(self.amount);
    }
}

/// Bytes and what they cost.
struct Piece {
    bytes: Bytes,
    _charge: Arc<Charge>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A body that was kept, as one copy sends it. All copies share the bytes and what they cost.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pieces: Rc<[Bytes]>,
    len: u64,
    next: usize,
    rest: u64,
}

impl Kept {
    /// How long the whole body is.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// How much is still to be sent.
    pub(crate) fn rest(&self) -> u64 {
        self.rest
    }

    /// The next piece.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        let piece = self.pieces.get(self.next)?.clone();
        self.next += 1;
        self.rest -= piece.len() as u64;
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn process(budget: usize) -> Arc<Process> {
        Arc::new(Process::for_tests(budget))
    }

    fn all(mut kept: Kept) -> Vec<u8> {
        std::iter::from_fn(|| kept.next()).flatten().collect()
    }

    proptest! {
        #[test]
        fn what_is_kept_is_what_passed(sizes in prop::collection::vec(0..20_000_usize, 0..30)) {
            let process = process(usize::MAX);
            let mut buffer = Buffer::new(process.clone());
            let mut expected = Vec::new();
            for (i, size) in sizes.into_iter().enumerate() {
                let piece = Bytes::from(vec![i as u8; size]);
                prop_assert!(buffer.push(&piece));
                expected.extend_from_slice(&piece);
            }
            let kept = buffer.into_kept();
            prop_assert_eq!(kept.len(), expected.len() as u64);
            prop_assert!(process.mirror_bytes.used() >= expected.len());
            prop_assert_eq!(all(kept), expected);
            prop_assert_eq!(process.mirror_bytes.used(), 0);
        }
    }

    #[test]
    fn bytes_cost_until_the_last_one_has_let_go() {
        let process = process(usize::MAX);
        let mut buffer = Buffer::new(process.clone());
        buffer.push(&Bytes::from(vec![0; 10_000]));
        let mut copies = [buffer.into_kept(), Buffer::new(process.clone()).into_kept()];
        copies[1] = copies[0].clone();
        let in_a_connection = copies[0].next();
        drop(copies);
        assert_eq!(process.mirror_bytes.used(), 10_000);
        drop(in_a_connection);
        assert_eq!(process.mirror_bytes.used(), 0);
    }

    #[test]
    fn a_piece_that_the_budget_does_not_allow_is_not_kept() {
        let process = process(12_000);
        let mut buffer = Buffer::new(process.clone());
        assert!(buffer.push(&Bytes::from(vec![0; 10_000])));
        assert!(!buffer.push(&Bytes::from(vec![0; 5_000])), "large");
        assert!(!buffer.push(&Bytes::from_static(b"small")), "small");
        drop(buffer);
        assert_eq!(process.mirror_bytes.used(), 0);
    }

    #[test]
    fn tiny_pieces_share_their_buffers() {
        let process = process(usize::MAX);
        let mut buffer = Buffer::new(process.clone());
        for i in 0..10_000 {
            // a large one now and then must not waste the room that is left
            let piece = if i % 1_000 == 0 {
                vec![0; 5_000]
            } else {
                vec![0; 1]
            };
            assert!(buffer.push(&Bytes::from(piece)));
        }
        assert!(process.mirror_bytes.used() < 50_000 + 2 * TOGETHER);
    }
}
