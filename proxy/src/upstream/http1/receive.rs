//! What an upstream sends.

use std::{
    io,
    pin::pin,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use http::HeaderMap;
use http_body::SizeHint;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::{
    Fault, HeadLimits,
    body::{Body, Step},
    head::{self, Head},
};

/// How much is read at once: of a head, and at most of a body of which so much is to come.
const FEW: usize = 8 << 10;
const MANY: usize = 64 << 10;

/// A connection's bytes that were read, and what they are part of.
#[derive(Debug)]
pub(super) struct Receiving {
    read: BytesMut,
    /// It has room for more than a head.
    wide: bool,
    /// Of the answer that comes.
    body: Body,
    limits: HeadLimits,
}

impl Receiving {
    pub(super) fn new(limits: HeadLimits) -> Self {
        Self {
            read: BytesMut::new(),
            wide: false,
            body: Body::Length(0),
            limits,
        }
    }

    /// Waits for a head, whose headers fill a `spare` map.
    pub(super) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut (impl AsyncRead + Unpin),
        mut spare: impl FnMut() -> HeaderMap,
    ) -> Poll<Result<Head, Fault>> {
        loop {
            if !self.read.is_empty()
                && let Some(head) = head::take(&mut self.read, self.limits, &mut spare)?
            {
                return Poll::Ready(Ok(head));
            }
            if ready!(self.poll_read(cx, io, 0)).map_err(Fault::Broken)? == 0 {
                return Poll::Ready(Err(Fault::Closed));
            }
        }
    }

    /// The answer's body begins.
    pub(super) fn begin(&mut self, body: Body) {
        self.body = body;
    }

    /// The next piece of the body; never asks to be called again without reading.
    pub(super) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut (impl AsyncRead + Unpin),
    ) -> Poll<Result<Step, Fault>> {
        loop {
            match self.body.step(&mut self.read, self.limits)? {
                Step::More(most) => {
                    if ready!(self.poll_read(cx, io, most)).map_err(Fault::Broken)? == 0 {
                        self.body.closed()?;
                    }
                }
                step => return Poll::Ready(Ok(step)),
            }
        }
    }

    /// Reads more, up to about so much if that is sensible.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut (impl AsyncRead + Unpin),
        most: u64,
    ) -> Poll<io::Result<usize>> {
        let wanted = most.clamp(FEW as u64, MANY as u64) as usize;
        self.wide |= wanted > FEW;
        // not for every piece: whoever is slow to take them holds the whole of what each is a part of
        if self.read.capacity() - self.read.len() < FEW {
            self.read.reserve(wanted);
        }
        pin!(io.read_buf(&mut self.read)).poll(cx)
    }

    /// Whether the answer has come to its end.
    pub(super) fn is_over(&self) -> bool {
        self.body.is_over()
    }

    /// Whether nothing was read that is no part of the answer.
    pub(super) fn is_clean(&self) -> bool {
        self.read.is_empty()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    /// Gives back what a connection that waits for a request need not have.
    pub(super) fn rest(&mut self) {
        if self.wide {
            self.wide = false;
            self.read = BytesMut::new();
        }
    }

    /// What was read beyond the answer.
    pub(super) fn into_rest(self) -> BytesMut {
        self.read
    }
}
