//! A request's hold on a connection to an upstream.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::{body::Incoming, client::conn::TrySendError};

use super::{
    connection::{Connection, Exclusive, Stream},
    convert,
    http1::{Answer, Fault},
    switch::Switched,
};
use crate::{error::Failure, http::RequestBody, state::Endpoint, worker::Worker};

/// A request's hold on a connection, and the body of its answer.
#[derive(Debug)]
pub(crate) struct Lease {
    worker: Rc<Worker>,
    held: Held,
}

#[derive(Debug)]
enum Held {
    Exclusive(Box<Exclusive>),
    Stream(Stream, Option<Incoming>),
}

impl Lease {
    pub(super) fn new(worker: &Rc<Worker>, connection: Connection) -> Self {
        let held = match connection {
            Connection::Exclusive(connection) => Held::Exclusive(connection),
            Connection::Shared(shared) => Held::Stream(Stream::new(shared), None),
        };
        Self {
            worker: worker.clone(),
            held,
        }
    }

    /// A connection that has room for a request. `once` is whether the request could not be sent again if the upstream
    /// turns out to have closed it, so that it is worth a look.
    pub(super) fn from_pool(worker: &Rc<Worker>, endpoint: &Endpoint, once: bool) -> Option<Self> {
        let connection = worker.upstreams.take(endpoint.id, once, &worker.metrics)?;
        Some(Self::new(worker, connection))
    }

    /// Begins to send a request.
    pub(super) fn begin(&mut self, mut request: Request<RequestBody>) -> Awaited {
        match &self.held {
            Held::Exclusive(connection) => {
                connection.http1.borrow_mut().begin(request);
                Awaited::Exclusive
            }
            Held::Stream(Stream(shared), _) => {
                convert::to_http2(&mut request, shared.secure);
                Awaited::Stream(Box::pin(shared.sender.clone().try_send_request(request)))
            }
        }
    }

    /// Sends the request, and waits for what comes first.
    pub(super) fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        awaited: &mut Awaited,
    ) -> Poll<Result<Answer, Unsent>> {
        match (&mut self.held, awaited) {
            (Held::Stream(_, body), Awaited::Stream(answer)) => {
                Poll::Ready(match ready!(answer.as_mut().poll(cx)) {
                    Ok(response) => {
                        let (parts, its) = response.into_parts();
                        *body = Some(its);
                        Ok(Answer::Head(Response::from_parts(parts, ())))
                    }
                    Err(mut error) => {
                        let mut request = error.take_message();
                        if let Some(request) = &mut request {
                            convert::to_http1(request);
                        }
                        Err(Unsent {
                            failure: classify(error.error()),
                            request,
                        })
                    }
                })
            }
            (Held::Exclusive(connection), _) => {
                let answer = ready!(connection.http1.borrow_mut().poll_answer(cx));
                Poll::Ready(answer.map_err(Unsent::from))
            }
            // never asked for what it was not given
            (Held::Stream(..), Awaited::Exclusive) => Poll::Ready(Err(Fault::Closed.into())),
        }
    }

    /// The request that HTTP/1.1 has no answer for, if none of it was sent, or it was sent and may be sent `again`.
    pub(super) fn take_back(&mut self, again: bool) -> Option<Request<RequestBody>> {
        match &self.held {
            Held::Exclusive(connection) => connection.http1.borrow_mut().take_back(again),
            Held::Stream(..) => None,
        }
    }

    /// Whether other requests use the connection, too.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.held, Held::Stream(..))
    }

    /// Lets the rest of the request be sent by itself: its client may wait for that before it reads the answer.
    pub(super) fn send_apart(&self) {
        if let Held::Exclusive(connection) = &self.held {
            connection.send_apart();
        }
    }

    /// After an answer that agreed to leave HTTP: the connection as it goes on. None: it is still sent to.
    pub(crate) fn switched(self) -> Option<Switched> {
        let Held::Exclusive(connection) = self.held else {
            return None;
        };
        let (socket, first, open) = connection.into_parts()?;
        Some(Switched::new(socket, first, open))
    }

    /// Whether nothing of the request is left to be sent.
    pub(crate) fn is_sent(&self) -> bool {
        match &self.held {
            Held::Exclusive(connection) => connection.http1.borrow().is_sent(),
            Held::Stream(..) => true,
        }
    }

    /// The response has come to its end: the connection may serve another request, if it is through with this one.
    pub(crate) fn release(self) {
        let Self { worker, held } = self;
        if let Held::Exclusive(connection) = held {
            worker.upstreams.give(connection, &worker.clock, &worker.metrics);
        }
    }
}

/// An answer that is waited for.
pub(super) enum Awaited {
    /// By who has the connection.
    Exclusive,
    Stream(Pin<Box<dyn Future<Output = Http2Answer>>>),
}

/// With the request, when it was not sent.
type Http2Answer = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>;

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Unsent {
    pub(super) failure: Failure,
    /// The request, if HTTP/2 has not sent it.
    pub(super) request: Option<Request<RequestBody>>,
}

impl From<Fault> for Unsent {
    fn from(fault: Fault) -> Self {
        Self {
            failure: fault.into(),
            request: None,
        }
    }
}

fn classify(error: &hyper::Error) -> Failure {
    if error.is_user() {
        Failure::RequestBody
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        Failure::Closed
    } else if error.is_parse() {
        Failure::Malformed
    } else {
        Failure::Broken
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Closed => Self::Closed,
            Fault::Broken(_) => Self::Broken,
            Fault::Malformed => Self::Malformed,
            Fault::RequestBody => Self::RequestBody,
        }
    }
}

/// How an answer's body breaks off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error(transparent)]
    Http1(#[from] Fault),
    /// Says with which code, for a client that speaks HTTP/2 as well.
    #[error(transparent)]
    Http2(#[from] hyper::Error),
}

/// The body of the answer.
impl Body for Lease {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.get_mut().held {
            Held::Exclusive(connection) => {
                let polled = connection.http1.borrow_mut().poll_body(cx);
                polled.map(|frame| frame.map(|frame| frame.map_err(BodyError::from)))
            }
            Held::Stream(_, Some(body)) => {
                let polled = Pin::new(body).poll_frame(cx);
                polled.map(|frame| frame.map(|frame| frame.map_err(BodyError::from)))
            }
            Held::Stream(_, None) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.held {
            Held::Exclusive(connection) => connection.http1.borrow().is_end_stream(),
            Held::Stream(_, body) => body.as_ref().is_none_or(Body::is_end_stream),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.held {
            Held::Exclusive(connection) => connection.http1.borrow().size_hint(),
            Held::Stream(_, body) => body.as_ref().map_or_else(SizeHint::default, Body::size_hint),
        }
    }
}
