//! What is sent to an upstream.

use std::{
    io::{self, IoSlice, Write as _},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, Request, Uri};
use http_body::Body as _;
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
pub(super) struct Sending {
    /// Kept while it may have to be sent another way. Its headers serve the answer when that begins.
    request: Option<Request<RequestBody>>,
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

impl Default for Sending {
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
    pub(super) fn begin(&mut self, request: Request<RequestBody>) {
        self.framing = Framing::of(request.body());
        self.lines.clear();
        self.written = 0;
        write_head(&request, self.framing, &mut self.lines);
        self.state = match self.framing {
            Framing::Length(0) => State::Ended,
            _ => State::Sending,
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
                *request.body_mut() = RequestBody::Empty;
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
                    *request.body_mut() = RequestBody::Empty;
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

    /// The upstream wants the body that waits for its word.
    pub(super) fn go_on(&mut self) {
        if let Some(request) = &mut self.request {
            request.body_mut().go_on();
        }
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
    pub(super) fn take_unsent(&mut self) -> Option<Request<RequestBody>> {
        if self.started { None } else { self.take() }
    }

    /// The request, of which a part may have been sent.
    pub(super) fn take(&mut self) -> Option<Request<RequestBody>> {
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
