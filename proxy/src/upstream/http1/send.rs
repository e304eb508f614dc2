//! What is sent to an upstream.

use std::{
    io::{self, IoSlice, Write as _},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, Request, Uri};
use http_body::Body;
use tokio::io::AsyncWrite;

use super::{
    Fault,
    request::{Framing, write_head},
};
use crate::http::RequestBody;

/// What a connection keeps for the next head.
const KEPT: usize = 4 << 10;

/// A request on its way.
#[derive(Debug)]
pub(super) struct Sending<B = RequestBody> {
    /// Kept while it may have to be sent another way. Its headers serve the answer when that begins.
    request: Option<Request<B>>,
    framing: Framing,
    /// Its head, or what goes between the body's pieces.
    lines: Vec<u8>,
    /// How much of it was written.
    written: usize,
    /// Of the body.
    piece: Bytes,
    /// What ends the piece.
    tail: &'static [u8],
    state: State,
    /// Something was written, or taken from the body.
    started: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Sending,
    /// All pieces were taken from the body.
    Ended,
    Done,
    /// The rest cannot be sent.
    Broken,
}

impl<B> Default for Sending<B> {
    fn default() -> Self {
        Self {
            request: None,
            framing: Framing::Length(0),
            lines: Vec::new(),
            written: 0,
            piece: Bytes::new(),
            tail: b"",
            state: State::Done,
            started: false,
        }
    }
}

impl Sending {
    /// The upstream wants the body that waits for its word.
    pub(super) fn go_on(&mut self) {
        if let Some(request) = &mut self.request {
            request.body_mut().go_on();
        }
    }
}

impl<B: Body<Data = Bytes> + Default + Unpin> Sending<B> {
    pub(super) fn begin(&mut self, request: Request<B>) {
        self.framing = Framing::of(request.body());
        self.lines.clear();
        self.written = 0;
        write_head(&request, self.framing, &mut self.lines);
        // one of HTTP/2 may be known to be empty and not be over yet
        self.state = if request.body().is_end_stream() {
            State::Ended
        } else {
            State::Sending
        };
        self.request = Some(request);
        self.started = false;
    }

    /// Sends what there is. Ready: all of the request was sent, or the rest cannot be.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<Result<(), Fault>> {
        if matches!(self.state, State::Done | State::Broken) {
            return Poll::Ready(Ok(()));
        }
        let sent = ready!(self.poll_all(cx, io));
        self.state = if sent.is_ok() { State::Done } else { State::Broken };
        Poll::Ready(sent)
    }

    fn poll_all(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<Result<(), Fault>> {
        loop {
            // with the head goes what is there of the body
            let mut waits = false;
            if self.state == State::Sending && self.piece.is_empty() && self.tail.is_empty() {
                match self.poll_piece(cx) {
                    Poll::Ready(taken) => taken?,
                    Poll::Pending => waits = true,
                }
            }
            while self.written < self.lines.len() || !self.piece.is_empty() || !self.tail.is_empty() {
                ready!(self.poll_write(cx, io)).map_err(Fault::Broken)?;
            }
            let ended = self.state == State::Ended;
            if ended || waits {
                ready!(Pin::new(&mut *io).poll_flush(cx)).map_err(Fault::Broken)?;
                return if ended { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
        }
    }

    /// Takes the next piece from the body. What is in between is added to what is left of the lines before.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let Some(request) = &mut self.request else {
            return Poll::Ready(Err(Fault::RequestBody));
        };
        let frame = ready!(Pin::new(request.body_mut()).poll_frame(cx));
        let data = match frame {
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(_)) => return Poll::Ready(Err(Fault::RequestBody)),
            None => {
                *request.body_mut() = B::default();
                self.state = State::Ended;
                return Poll::Ready(self.end());
            }
        };
        if !self.started {
            // it is not sent again, and its head would hold the buffer that the client's bytes are read into
            request.headers_mut().clear();
            *request.uri_mut() = Uri::default();
            self.started = true;
        }
        if self.written == self.lines.len() {
            self.lines.clear();
            self.written = 0;
        }
        let ended = request.body().is_end_stream();
        match &mut self.framing {
            _ if data.is_empty() => {}
            Framing::Length(left) => {
                // what holds its body to its length would have told
                let rest = left.checked_sub(data.len() as u64);
                *left = rest.ok_or(Fault::RequestBody)?;
                // nothing has to follow, which is worth a system call
                if *left == 0 && ended {
                    *request.body_mut() = B::default();
                    self.state = State::Ended;
                }
            }
            Framing::Chunked => {
                // writing to memory does not fail
                let _ = write!(self.lines, "{:x}\r\n", data.len());
                self.tail = b"\r\n";
            }
        }
        self.piece = data;
        Poll::Ready(Ok(()))
    }

    fn end(&mut self) -> Result<(), Fault> {
        match self.framing {
            Framing::Length(0) => Ok(()),
            Framing::Length(_) => Err(Fault::RequestBody),
            Framing::Chunked => {
                self.lines.extend_from_slice(b"0\r\n\r\n");
                Ok(())
            }
        }
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        let lines = &self.lines[self.written..];
        let io = Pin::new(io);
        let wrote = ready!(if self.piece.is_empty() && self.tail.is_empty() {
            io.poll_write(cx, lines)
        } else if lines.is_empty() && self.tail.is_empty() {
            io.poll_write(cx, &self.piece)
        } else {
            io.poll_write_vectored(cx, &[lines, &self.piece, self.tail].map(IoSlice::new))
        })?;
        if wrote == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.started = true;
        let of_lines = wrote.min(lines.len());
        let of_piece = (wrote - of_lines).min(self.piece.len());
        self.written += of_lines;
        if of_piece == self.piece.len() {
            // what it is a part of may be counted
            self.piece = Bytes::new();
        } else {
            self.piece.advance(of_piece);
        }
        self.tail = &self.tail[wrote - of_lines - of_piece..];
        Poll::Ready(Ok(()))
    }

    /// Whether any of the request may have been sent.
    pub(super) fn has_begun(&self) -> bool {
        self.started
    }

    /// Whether the request was sent as a whole.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether more of it can be sent.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.state, State::Sending | State::Ended)
    }

    /// The request's headers for another use, as its answer begins: a map with room costs most of what it takes to fill it.
    pub(super) fn spare_headers(&mut self) -> HeaderMap {
        let spare = self.request.as_mut().map(Request::headers_mut);
        let mut spare = spare.map(std::mem::take).unwrap_or_default();
        spare.clear();
        spare
    }

    /// Whether its answer has no body.
    pub(super) fn is_for_head(&self) -> bool {
        let request = self.request.as_ref();
        request.is_some_and(|request| request.method() == http::Method::HEAD)
    }

    /// The request, to be sent another way: none of it was sent here.
    pub(super) fn take_unsent(&mut self) -> Option<Request<B>> {
        if self.started { None } else { self.take() }
    }

    /// The request, of which a part may have been sent.
    pub(super) fn take(&mut self) -> Option<Request<B>> {
        self.state = State::Broken;
        self.request.take()
    }

    /// Gives back what a connection that waits for a request need not have.
    pub(super) fn rest(&mut self) {
        self.request = None;
        self.lines.clear();
        self.lines.shrink_to(KEPT);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, convert::Infallible, task::Waker};

    use http_body::{Frame, SizeHint};

    use super::*;

    /// A body in pieces, or none yet.
    #[derive(Debug, Default)]
    struct Pieces {
        next: VecDeque<Option<&'static str>>,
        empty: bool,
    }

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.next.pop_front() {
                Some(Some(piece)) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece.as_bytes()))))),
                Some(None) => Poll::Pending,
                None => Poll::Ready(None),
            }
        }

        fn size_hint(&self) -> SizeHint {
            if self.empty {
                SizeHint::with_exact(0)
            } else {
                SizeHint::default()
            }
        }
    }

    /// Takes so many bytes at a time, and then none for once.
    #[derive(Debug)]
    struct Narrow {
        most: usize,
        full: bool,
        taken: Vec<u8>,
    }

    impl AsyncWrite for Narrow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.full = !self.full;
            if !self.full {
                return Poll::Pending;
            }
            let taken = bytes.len().min(self.most);
            self.taken.extend_from_slice(&bytes[..taken]);
            Poll::Ready(Ok(taken))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            all: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let all: Vec<u8> = all.iter().flat_map(|part| part.iter().copied()).collect();
            self.poll_write(cx, &all)
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn chunks_arrive_in_order_however_little_is_taken_at_once() {
        let expected = "POST /a HTTP/1.1\r\nhost: b\r\ntransfer-encoding: chunked\r\n\r\n\
                        5\r\nhello\r\n6\r\n world\r\n1\r\n!\r\n0\r\n\r\n";
        for most in 1..=expected.len() {
            for waits in [false, true] {
                let pieces = ["hello", " world", "", "!"].map(Some);
                let waited = pieces.into_iter().flat_map(|piece| [None, piece]);
                let body = Pieces {
                    next: waited.filter(|piece| waits || piece.is_some()).collect(),
                    empty: false,
                };
                let request = Request::post("/a").header("Host", "b").body(body).unwrap();
                let mut sending = Sending::default();
                sending.begin(request);
                let mut io = Narrow {
                    most,
                    full: false,
                    taken: Vec::new(),
                };
                let mut cx = Context::from_waker(Waker::noop());
                let mut turns = 0;
                while sending.poll(&mut cx, &mut io).is_pending() {
                    turns += 1;
                    assert!(turns < 1_000);
                }
                assert!(sending.is_done() && sending.take_unsent().is_none());
                assert_eq!(
                    io.taken.escape_ascii().to_string(),
                    expected.as_bytes().escape_ascii().to_string()
                );
            }
        }
    }

    #[test]
    fn a_body_without_bytes_is_waited_for_all_the_same() {
        let body = Pieces {
            next: [None, None].into(),
            empty: true,
        };
        let mut sending = Sending::default();
        sending.begin(Request::put("/").body(body).unwrap());
        let mut io = Narrow {
            most: 1_000,
            full: false,
            taken: Vec::new(),
        };
        let mut cx = Context::from_waker(Waker::noop());
        let turns = (0..).take_while(|_| sending.poll(&mut cx, &mut io).is_pending());
        assert_eq!(turns.count(), 2);
        assert_eq!(io.taken, b"PUT / HTTP/1.1\r\n\r\n");
    }
}
