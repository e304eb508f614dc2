//! Clients that ask before they send a body (`Expect: 100-continue`): the upstream is asked in turn, and they are told to go
//! on when it says so. Who is refused keeps the body. An upstream that says nothing may not know the question, so its
//! patience is assumed to have an end, as in Go's client.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{HeaderValue, Request, Version, header::EXPECT, request::Parts};
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, Sleep, sleep};

use super::{body::RequestBody, client::Client};

/// After this the body is sent without permission, as long as there is no answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// A body that waits for permission to be sent; who hears it from the upstream takes it away
/// ([`RequestBody::go_on`]).
#[derive(Debug, Default)]
pub(super) struct Permission {
    /// Since the question is on its way.
    patience: Option<Pin<Box<Sleep>>>,
}

/// Whether the client keeps its body back until it hears from us. hyper tells it to go on when the body is read, which it
/// cannot do with HTTP/2.
pub(super) fn is_asked(client: &Client, parts: &Parts, body: &Incoming) -> bool {
    if body.is_end_stream() || client.is_part || parts.version < Version::HTTP_11 {
        return false;
    }
    let expected = parts.headers.get(EXPECT);
    expected.is_some_and(|expected| expected.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Has the upstream asked.
pub(super) fn ask(request: &mut Request<RequestBody>) {
    if request.body_mut().wait_for(Permission::default()) {
        request
            .headers_mut()
            .insert(EXPECT, HeaderValue::from_static("100-continue"));
    }
}

impl Permission {
    /// Waits for it. False: the client has its answer, and its body is not wanted.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, client: &Client) -> Poll<bool> {
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        loop {
            ready!(patience.as_mut().poll(cx));
            if !client.flags.answered.get() {
                break;
            }
            if client.flags.response_done.get() {
                return Poll::Ready(false);
            }
            // the answer's end is to arrive before the connection that it comes from is given up
            patience.as_mut().reset(Instant::now() + PATIENCE);
        }
        client.flags.withheld.set(false);
        Poll::Ready(true)
    }
}
