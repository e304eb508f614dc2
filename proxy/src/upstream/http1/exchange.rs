//! A connection, and the request that has it.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use super::{
    Fault, HeadLimits,
    body::{Body, Step},
    head::Head,
    receive::Receiving,
    send::Sending,
};
use crate::{
    http::RequestBody,
    upstream::{
        early::{self, Early},
        socket::Socket,
        speak::Open,
    },
};

/// A connection that speaks HTTP/1.1. Dropping it closes it.
#[derive(Debug)]
pub(in crate::upstream) struct Http1 {
    socket: Socket,
    sending: Sending,
    receiving: Receiving,
    stage: Stage,
    /// Another request may follow.
    keeps: bool,
    /// A task of its own sends what is left of the request.
    apart: Option<Apart>,
    open: Open,
}

/// How far the answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing is asked for.
    Rest,
    /// The head is awaited.
    Head,
    /// The body comes, unless it has come.
    Body,
    /// Nothing more comes.
    Broken,
}

/// How who sends a request by itself stands.
#[derive(Debug)]
enum Apart {
    Sends(Waker),
    /// The same, and the answer was read.
    Last(Waker),
    /// Nobody wants it any more.
    Unwanted,
}

/// What comes before an answer's body.
#[derive(Debug)]
pub(in crate::upstream) enum Answer {
    /// One before the answer.
    Early(Early),
    Head(Response<()>),
}

impl Http1 {
    /// `keeps` is whether it may serve more than one request.
    pub(in crate::upstream) fn new(socket: Socket, limits: HeadLimits, keeps: bool, open: Open) -> Self {
        Self {
            socket,
            sending: Sending::default(),
            receiving: Receiving::new(limits),
            stage: Stage::Rest,
            keeps,
            apart: None,
            open,
        }
    }

    /// Begins with a request, whose target is in origin form.
    pub(in crate::upstream) fn begin(&mut self, request: Request<RequestBody>) {
        self.sending.begin(request);
        self.stage = Stage::Head;
    }

    /// Sends the request, and waits for what comes first.
    pub(in crate::upstream) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, Fault>> {
        loop {
            if let Poll::Ready(Err(fault)) = self.poll_send(cx)
                && !(self.sending.has_begun() && fault.is_hang_up())
            {
                return Poll::Ready(Err(fault));
            }
            // who does not take all of a request may have answered it
            let sending = &mut self.sending;
            let head = ready!(
                self.receiving
                    .poll_head(cx, &mut self.socket, || sending.spare_headers())
            )?;
            let for_head = self.sending.is_for_head();
            if head.status == StatusCode::CONTINUE {
                self.sending.go_on();
            } else if head.status.is_informational() && head.status != StatusCode::SWITCHING_PROTOCOLS {
                let Head { status, headers, .. } = head;
                if head.length <= early::MAX_BYTES {
                    return Poll::Ready(Ok(Answer::Early(Early { status, headers })));
                }
            } else {
                return Poll::Ready(self.answered(head, for_head));
            }
        }
    }

    fn answered(&mut self, head: Head, for_head: bool) -> Result<Answer, Fault> {
        let body = head.body(for_head)?;
        let switches = head.status == StatusCode::SWITCHING_PROTOCOLS;
        self.keeps &= head.keeps() && !switches && !matches!(body, Body::Close);
        self.receiving.begin(body);
        self.stage = Stage::Body;
        let mut response = Response::new(());
        *response.status_mut() = head.status;
        *response.version_mut() = head.version;
        *response.headers_mut() = head.headers;
        if let Some(reason) = head.reason {
            response.extensions_mut().insert(reason);
        }
        Ok(Answer::Head(response))
    }

    /// Sends what can be sent of the request.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        if self.apart.is_some() {
            return Poll::Pending;
        }
        self.sending.poll(cx, &mut self.socket)
    }

    /// The next piece of the answer's body, while the rest of the request is sent.
    pub(in crate::upstream) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if self.stage != Stage::Body {
            return Poll::Ready(None);
        }
        if self.sending.is_under_way() {
            // without all of it, the connection is not used again
            let _ = self.poll_send(cx);
        }
        match ready!(self.receiving.poll_body(cx, &mut self.socket)) {
            Ok(Step::Data(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Ok(Step::Trailers(trailers)) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Ok(_) => Poll::Ready(None),
            Err(fault) => {
                self.stage = Stage::Broken;
                Poll::Ready(Some(Err(fault)))
            }
        }
    }

    /// Whether all of the answer's body was handed out.
    pub(in crate::upstream) fn is_end_stream(&self) -> bool {
        self.stage != Stage::Body || self.receiving.is_over()
    }

    pub(in crate::upstream) fn size_hint(&self) -> SizeHint {
        self.receiving.size_hint()
    }

    /// The request, if it can be sent another way: none of it was sent here, or `again` if it can be repeated.
    pub(in crate::upstream) fn take_back(&mut self, again: bool) -> Option<Request<RequestBody>> {
        if again {
            self.sending.take()
        } else {
            self.sending.take_unsent()
        }
    }

    /// Whether nothing of the request is left to be sent.
    pub(in crate::upstream) fn is_sent(&self) -> bool {
        !self.sending.is_under_way()
    }

    /// Has what is left of the request sent by a task of its own, with [`Http1::poll_apart`]. False: nothing is left, or
    /// there is such a task.
    pub(in crate::upstream) fn set_apart(&mut self) -> bool {
        let begins = !self.is_sent() && self.apart.is_none();
        if begins {
            self.apart = Some(Apart::Sends(Waker::noop().clone()));
        }
        begins
    }

    /// Sends what is left of the request.
    pub(in crate::upstream) fn poll_apart(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let unwanted = match self.apart {
            Some(Apart::Unwanted) => true,
            // who ends the connection, or says something else, reads no more
            Some(Apart::Last(_)) => !self.look_after(cx),
            _ => false,
        };
        if unwanted || self.sending.poll(cx, &mut self.socket).is_ready() {
            self.apart = None;
            return Poll::Ready(());
        }
        if let Some(Apart::Sends(waker) | Apart::Last(waker)) = &mut self.apart {
            waker.clone_from(cx.waker());
        }
        Poll::Pending
    }

    /// Whether the answer was read, and the rest of the request is sent all the same.
    pub(in crate::upstream) fn is_answered(&self) -> bool {
        matches!(self.apart, Some(Apart::Last(_)))
    }

    /// The answer was read. What is left of the request is still sent, while the upstream takes it; false: nothing is.
    pub(in crate::upstream) fn finish_apart(&mut self) -> bool {
        let taken = self.stage == Stage::Body && self.keeps && !self.is_sent();
        if taken && let Some(Apart::Sends(waker)) = self.apart.replace(Apart::Last(Waker::noop().clone())) {
            waker.wake();
        }
        taken
    }

    /// Nobody wants what is left of the request to be sent, unless the answer was read.
    pub(in crate::upstream) fn abandon(&mut self) {
        if let Some(Apart::Sends(waker)) = &self.apart {
            waker.wake_by_ref();
            self.apart = Some(Apart::Unwanted);
        }
    }

    /// Goes to rest after a request, if it can take another one. From then on `cx` is woken when something happens to it.
    pub(in crate::upstream) fn retire(&mut self, cx: &mut Context<'_>) -> bool {
        let whole = self.stage == Stage::Body && self.receiving.is_over() && self.receiving.is_clean();
        if !(whole && self.keeps && self.sending.is_done()) {
            return false;
        }
        self.stage = Stage::Rest;
        self.sending.rest();
        self.receiving.rest();
        self.look_after(cx)
    }

    /// Whether nothing has come while it is at rest: neither the end, nor what nobody asked for.
    pub(in crate::upstream) fn look_after(&mut self, cx: &mut Context<'_>) -> bool {
        let mut byte = [0];
        let mut byte = ReadBuf::new(&mut byte);
        Pin::new(&mut self.socket).poll_read(cx, &mut byte).is_pending()
    }

    /// Whether the kernel knows of nothing that has come.
    pub(in crate::upstream) fn is_silent(&self) -> bool {
        self.socket.is_silent()
    }

    /// Says goodbye where TLS has a word for it, as far as that can be said at once.
    pub(in crate::upstream) fn say_goodbye(&mut self) {
        if self.socket.is_secure() {
            let _ = Pin::new(&mut self.socket).poll_shutdown(&mut Context::from_waker(Waker::noop()));
        }
    }

    /// After an answer that agreed to leave HTTP: what goes on, and what came with that answer.
    pub(in crate::upstream) fn into_parts(self) -> (Socket, Bytes, Open) {
        (self.socket, self.receiving.into_rest().freeze(), self.open)
    }
}
