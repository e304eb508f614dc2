//! The bodies that pass through: no boxes, no copies.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{account::Account, client::Client, permission::Permission};
use crate::{
    error::Failure,
    mirror::{Capture, Kept},
    upstream::{BodyError, Lease},
};

/// What is sent to an upstream.
#[derive(Debug, Default)]
pub(crate) enum RequestBody {
    /// Nothing.
    #[default]
    Empty,
    /// What the client sends.
    Client(FromClient),
    /// The same, kept for copies while it passes.
    Captured(FromClient, Capture),
    /// What was kept of it.
    Kept(Kept),
}

/// A request's body on its way.
#[derive(Debug)]
pub(crate) struct FromClient {
    body: Incoming,
    client: Rc<Client>,
    /// Before it, nothing is read. In a box, as few are asked for.
    permission: Option<Box<Permission>>,
}

impl FromClient {
    pub(super) fn new(body: Incoming, client: Rc<Client>) -> Self {
        Self {
            body,
            client,
            permission: None,
        }
    }

    /// The next piece. Trailers go no further: Traefik drops a request's as well.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, RequestError>>> {
        if let Some(permission) = &mut self.permission {
            if !ready!(permission.poll(cx, &self.client)) {
                return Poll::Ready(Some(Err(RequestError::Withheld)));
            }
            self.permission = None;
        }
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if self.client.is_part {
            self.client.flags.read_blocked.set(polled.is_pending());
            if let Poll::Ready(frame) = &polled {
                self.client.has_moved(size(frame.as_ref()));
            }
        }
        let data = match ready!(polled) {
            Some(Ok(frame)) => frame.into_data().ok().map(Ok),
            Some(Err(error)) => Some(Err(error.into())),
            // hyper takes no leave of a body when its connection is dropped
            None if self.client.flags.cut.get() => Some(Err(RequestError::Withheld)),
            None => None,
        };
        if let Some(Ok(data)) = &data {
            self.client.has_received(data.len());
        }
        if data.is_none() || self.body.is_end_stream() {
            self.client.request_done();
        }
        Poll::Ready(data)
    }
}

impl Drop for FromClient {
    fn drop(&mut self) {
        // nobody reads the rest; of a whole connection, the rest has to be read all the same
        if self.client.is_part && !self.client.flags.request_done.get() {
            self.client.request_done();
        }
    }
}

impl RequestBody {
    /// Keeps a client's body back. Whether there is one.
    pub(super) fn wait_for(&mut self, permission: Permission) -> bool {
        let (Self::Client(body) | Self::Captured(body, _)) = self else {
            return false;
        };
        body.permission = Some(Box::new(permission));
        true
    }

    /// Waits for nothing any more.
    pub(crate) fn go_on(&mut self) {
        if let Self::Client(body) | Self::Captured(body, _) = self
            && body.permission.take().is_some()
        {
            body.client.flags.withheld.set(false);
        }
    }
}

/// How a request's body breaks off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error(transparent)]
    Client(#[from] hyper::Error),
    #[error("the client has gone, or was told to keep it")]
    Withheld,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = RequestError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestError>>> {
        let data = match self.get_mut() {
            Self::Empty => None,
            Self::Client(body) => ready!(body.poll_data(cx)),
            Self::Captured(body, capture) => {
                let data = ready!(body.poll_data(cx));
                match &data {
                    Some(Ok(bytes)) => capture.keep(bytes, body.body.is_end_stream()),
                    Some(Err(_)) => {}
                    None => capture.complete(),
                }
                data
            }
            Self::Kept(kept) => kept.next().map(Ok),
        };
        Poll::Ready(data.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Client(body) | Self::Captured(body, _) => body.body.is_end_stream(),
            Self::Kept(kept) => kept.rest() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Client(body) | Self::Captured(body, _) => body.body.size_hint(),
            Self::Kept(kept) => SizeHint::with_exact(kept.rest()),
        }
    }
}

/// Bytes that a frame takes on a connection, if it brings any.
fn size<E>(frame: Option<&Result<Frame<Bytes>, E>>) -> usize {
    const HEAD: usize = 9;
    match frame.and_then(|frame| frame.as_ref().ok()?.data_ref()) {
        Some(data) if !data.is_empty() => data.len() + HEAD,
        _ => 0,
    }
}

/// What is sent to a client. When it is dropped, the response is over.
///
/// Every piece goes on as it comes: hyper writes what it has whenever no more is there yet. Nothing ever waits for
/// more, and so every `flushInterval` is kept, which only says how long it might.
#[derive(Debug)]
pub(crate) struct ResponseBody {
    /// Of the exchange that it ends; once it is the answer.
    pub(super) account: Option<Account>,
    client: Rc<Client>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Own(Bytes),
    Upstream {
        /// With the connection that it comes from.
        body: Option<Lease>,
        /// The body has ended as it should.
        complete: bool,
        /// How it broke off, until what came before is on its way.
        broken: Option<BodyError>,
    },
}

impl ResponseBody {
    /// A body of the proxy's own.
    pub(super) fn own(client: Rc<Client>, text: &'static str) -> Self {
        let text = if client.flags.bodyless.get() { "" } else { text };
        Self {
            account: None,
            client,
            source: Source::Own(Bytes::from_static(text.as_bytes())),
        }
    }

    /// An upstream's. Its connection can be used again once it has come to its end.
    pub(super) fn upstream(client: Rc<Client>, body: Lease) -> Self {
        let complete = body.is_end_stream();
        Self {
            account: None,
            client,
            source: Source::Upstream {
                body: Some(body),
                complete,
                broken: None,
            },
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Self {
            account,
            client,
            source,
        } = self.get_mut();
        match source {
            Source::Own(bytes) => {
                let all = std::mem::take(bytes);
                if let Some(account) = account {
                    account.sent(all.len());
                }
                Poll::Ready((!all.is_empty()).then(|| Ok(Frame::data(all))))
            }
            Source::Upstream {
                body: Some(body),
                complete,
                broken,
            } => {
                if let Some(error) = broken.take() {
                    return Poll::Ready(Some(Err(error)));
                }
                let polled = Pin::new(&mut *body).poll_frame(cx);
                if client.is_part {
                    // the next one is asked for when there is room for it
                    client.flags.write_blocked.set(polled.is_ready());
                    client.has_moved(match &polled {
                        Poll::Ready(frame) => size(frame.as_ref()),
                        Poll::Pending => 0,
                    });
                }
                let frame = ready!(polled);
                if matches!(frame, Some(Err(_))) {
                    client.worker.metrics.failures[Failure::ResponseBody as usize].inc();
                    if let Some(account) = account {
                        account.failed(Failure::ResponseBody);
                    }
                }
                if let (Some(account), Some(Ok(frame))) = (account, &frame) {
                    match (frame.data_ref(), frame.trailers_ref()) {
                        (Some(data), _) => account.sent(data.len()),
                        (_, Some(trailers)) => account.trailers(trailers),
                        _ => {}
                    }
                }
                if let Some(Err(error)) = frame {
                    // hyper throws away what it has not written when it hears of it
                    *broken = Some(error);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                *complete = match &frame {
                    None => true,
                    Some(Ok(frame)) => frame.is_trailers() || body.is_end_stream(),
                    Some(Err(_)) => false,
                };
                Poll::Ready(frame)
            }
            Source::Upstream { body: None, .. } => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own(bytes) => bytes.is_empty(),
            Source::Upstream { body, .. } => body.as_ref().is_none_or(Body::is_end_stream),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Upstream { body, .. } => body.as_ref().map_or_else(SizeHint::default, Body::size_hint),
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.client.flags.response_done.set(true);
        let account = self.account.take();
        if let Some(account) = account.and_then(|account| self.client.upgrade.go_on(account)) {
            let by_upstream = matches!(self.source, Source::Upstream { .. });
            if matches!(self.source, Source::Upstream { complete: false, .. }) {
                // unless something else was noted
                account.failed(Failure::ClientGone);
            }
            account.close(&self.client, by_upstream);
        }
        if let Source::Upstream {
            body, complete: true, ..
        } = &mut self.source
            && let Some(body) = body.take()
        {
            body.release();
        }
    }
}
