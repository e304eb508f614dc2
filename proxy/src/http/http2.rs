//! A connection that speaks HTTP/2: its requests take the same way as those of HTTP/1, each as if it had a
//! connection of its own.

use std::{convert::Infallible, future::poll_fn, pin::Pin, rc::Rc, task::Poll};

use http::{
    HeaderMap, HeaderValue, Method, Request, Response,
    header::{COOKIE, Entry},
};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::TokioIo;

use super::{
    body::ResponseBody,
    client::{Client, Order, Phase},
    forward,
    io::ClientIo,
    streams::{self, Here},
};

/// Bytes of a request's body that may come before its upstream takes them, and of all bodies on a connection.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// Bytes of a response that wait for a client that is slow to take them.
const SEND_BUFFER: usize = 64 << 10;
/// Streams that a client may have reset before they were looked at, and errors that it may make on a connection.
const RESETS: usize = 20;
const ERRORS: usize = 128;

/// Serves a connection to its end.
pub(super) async fn serve(client: &Rc<Client>) {
    if client.streams.set(Box::default()).is_err() {
        return;
    }
    client.enter(Phase::Fresh);
    let io = TokioIo::new(ClientIo(client.clone()));
    let service = service_fn({
        let client = client.clone();
        move |request| exchange(streams::begin(&client), request)
    });
    let mut connection = builder(client).serve_connection(io, service);
    let mut draining = false;
    poll_fn(|cx| {
        client.set_waker(cx);
        if client.order() == Order::Drain && !draining {
            draining = true;
            // what the client sends until it hears of it is served
            client.enter(client.phase());
            Pin::new(&mut connection).graceful_shutdown();
        }
        if Pin::new(&mut connection).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        match client.order() {
            Order::Close => Poll::Ready(()),
            Order::Drain
                if client.phase() != Phase::Busy && client.worker.connections.last_call_is_over(client) =>
            {
                Poll::Ready(())
            }
            _ => Poll::Pending,
        }
    })
    .await;
}

fn builder(client: &Rc<Client>) -> http2::Builder<Here> {
    let limits = &client.worker.process.limits;
    let mut builder = http2::Builder::new(Here(client.clone()));
    builder
        .max_concurrent_streams(limits.max_concurrent_streams)
        .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(ERRORS);
    builder
}

fn exchange(
    stream: Rc<Client>,
    mut request: Request<Incoming>,
) -> impl Future<Output = Result<Response<ResponseBody>, Infallible>> {
    stream.flags.bodyless.set(request.method() == Method::HEAD);
    join_cookies(request.headers_mut());
    forward::handle(stream, request)
}

/// Cookies may come one by one; with HTTP/1 they are one header (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let Entry::Occupied(mut cookies) = headers.entry(COOKIE) else {
        return;
    };
    let mut values = cookies.iter();
    if let (Some(_), None) = (values.next(), values.next()) {
        return;
    }
    let all: Vec<_> = cookies.iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&all.join(&b"; "[..])) {
        cookies.insert(joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_become_one_header() {
        let mut headers = HeaderMap::new();
        join_cookies(&mut headers);
        assert!(headers.is_empty());
        for (cookie, joined) in [("a=1", "a=1"), ("b=2", "a=1; b=2"), ("c=3", "a=1; b=2; c=3")] {
            headers.append(COOKIE, HeaderValue::from_static(cookie));
            join_cookies(&mut headers);
            let all: Vec<_> = headers.get_all(COOKIE).iter().collect();
            assert_eq!(all, [joined]);
        }
    }
}
