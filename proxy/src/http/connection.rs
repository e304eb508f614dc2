//! A client connection's task: serves requests with hyper, parks while there are none.
//!
//! An idle keep-alive connection is most of what a proxy holds, and hyper's buffers and state are
//! most of what it costs. So an idle connection gives them back and keeps its socket; new ones are
//! made when bytes come. Parking is only safe between two requests: the response has ended and left the
//! buffers, the request was read to its end, and nothing of a next one was read. Whoever is busy pays
//! nothing for it, no timer and no system call: the worker's ticker finds the idle ones.

use std::{
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use http::Request;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt as _;

use super::{
    account::Account,
    client::{Client, Order, Phase},
    forward, http2,
    io::ClientIo,
    opening::{Protocol, open},
    stream::Peek,
    tunnel,
};

/// How a span of hyper ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Nothing is under way; hyper's state is gone.
    Idle,
    /// The connection is complete: close it.
    Done,
    /// It has left HTTP.
    Switched,
    /// It broke, or the client went away: drop it.
    Broken,
}

/// Serves a connection to its end.
pub(super) async fn run(client: Rc<Client>) {
    let mut found = bytes_come(&client).await;
    if let Some(first) = found
        && (client.entry_point().tls || first == Peek::Preface)
    {
        match Box::pin(open(&client, first)).await {
            Some(Protocol::Http1) => found = bytes_come(&client).await,
            Some(Protocol::Http2) => {
                Box::pin(http2::serve(&client)).await;
                return client.stream.borrow_mut().take_leave();
            }
            None => return,
        }
    }
    while found.is_some() {
        match serve(&client).await {
            End::Idle => client.set_parked(true),
            End::Done => {
                give_up_switching(&client);
                client.stream.borrow_mut().take_leave();
                return linger(&client).await;
            }
            End::Switched => return switched(&client).await,
            End::Broken => {
                give_up_switching(&client);
                // to a client of HTTP/1.0 an orderly close would look like the response's end
                if client.flags.ancient.get() {
                    client.stream.borrow().will_break();
                }
                return;
            }
        }
        found = bytes_come(&client).await;
    }
    client.stream.borrow_mut().take_leave();
}

/// What an upstream has agreed to does not come to pass.
fn give_up_switching(client: &Client) {
    if let Some((_, account)) = client.upgrade.take() {
        drop(Closed { account, client });
    }
}

/// Goes on without HTTP. In a box of its own, to have its room only where that happens.
async fn switched(client: &Rc<Client>) {
    let Some((lease, account)) = client.upgrade.take() else {
        return;
    };
    let _closed = Closed { account, client };
    if Box::pin(tunnel::run(client, lease)).await {
        client.stream.borrow_mut().take_leave();
    }
}

/// Closes the account of a conversation when it is over, also when that is because the proxy is.
struct Closed<'a> {
    account: Option<Account>,
    client: &'a Client,
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        if let Some(account) = self.account.take() {
            account.close(self.client, true);
        }
    }
}

/// Runs hyper until the connection ends or may be parked.
async fn serve(client: &Rc<Client>) -> End {
    let io = TokioIo::new(ClientIo(client.clone()));
    let service = service_fn({
        let client = client.clone();
        move |request: Request<Incoming>| forward::handle(client.clone(), request)
    });
    // boxed, so that a parked connection's task is small
    let mut connection = Box::new(client.worker.server.serve_connection(io, service));
    let mut draining = false;
    let end = poll_fn(|cx| {
        client.set_waker(cx);
        // an answer that agrees to leave HTTP must not say that the connection closes, which this makes it do
        let switching = client.asks_to_switch();
        if client.order() == Order::Drain && !draining && client.phase() == Phase::Busy && !switching {
            draining = true;
            Pin::new(&mut *connection).graceful_shutdown();
        }
        match Pin::new(&mut *connection).poll(cx) {
            Poll::Ready(Ok(())) if client.upgrade.is_agreed() => Poll::Ready(End::Switched),
            Poll::Ready(Ok(())) => Poll::Ready(End::Done),
            Poll::Ready(Err(_)) => Poll::Ready(End::Broken),
            Poll::Pending => nothing_to_do(client, cx),
        }
    })
    .await;
    // before who sends the body hears that no more of it comes
    client
        .flags
        .cut
        .set(matches!(end, End::Done | End::Broken) && !client.is_read());
    if matches!(end, End::Idle | End::Switched) {
        let left = connection.into_parts().read_buf;
        // a pipelined request, or a part of one, or of what comes after HTTP; an empty rest would keep its whole buffer alive
        if !left.is_empty() {
            *client.read_again.borrow_mut() = left;
        }
    }
    end
}

/// What to look at whenever hyper has nothing to do.
fn nothing_to_do(client: &Client, cx: &mut Context<'_>) -> Poll<End> {
    if client.exchange_is_over() {
        client.await_request();
    }
    match (client.order(), client.phase()) {
        (Order::Close, Phase::Idle) => Poll::Ready(End::Done),
        (Order::Close, _) => Poll::Ready(End::Broken),
        (Order::Park, Phase::Idle) => {
            client.forget_parking();
            Poll::Ready(End::Idle)
        }
        (Order::Park, _) => {
            client.forget_parking();
            Poll::Pending
        }
        (Order::Drain, Phase::Idle)
            if client.worker.connections.last_call_is_over(client) && client.is_silent() =>
        {
            Poll::Ready(End::Done)
        }
        (_, Phase::Busy) if client.is_answered_without_body() => Poll::Ready(End::Done),
        (_, Phase::Busy) => hang_up(client, cx),
        _ => Poll::Pending,
    }
}

/// Whether the client left while its request is being served. hyper is told not to look (it would
/// take a new buffer for every request), so this does, once hyper has read all of the request.
fn hang_up(client: &Client, cx: &mut Context<'_>) -> Poll<End> {
    if client.flags.pipelined.get() || !client.flags.request_done.get() {
        return Poll::Pending;
    }
    match client.poll_peek(cx) {
        Poll::Ready(Peek::End) => Poll::Ready(End::Broken),
        Poll::Ready(Peek::Bytes | Peek::Preface) => {
            client.flags.pipelined.set(true);
            Poll::Pending
        }
        Poll::Pending => Poll::Pending,
    }
}

/// Waits with nothing but the socket, for the first request as well. None: the connection has ended.
async fn bytes_come(client: &Client) -> Option<Peek> {
    let come = poll_fn(|cx| {
        client.set_waker(cx);
        client.forget_parking();
        let peek = client.poll_peek(cx);
        match (client.order(), peek) {
            (Order::Close, _) | (_, Poll::Ready(Peek::End)) => Poll::Ready(None),
            (_, Poll::Ready(found)) => Poll::Ready(Some(found)),
            (Order::Drain, Poll::Pending) => {
                // a new connection's request may be on its way
                let last_call =
                    client.phase() == Phase::Fresh && !client.worker.connections.last_call_is_over(client);
                if last_call || !client.is_silent() {
                    Poll::Pending
                } else {
                    Poll::Ready(None)
                }
            }
            (_, Poll::Pending) => Poll::Pending,
        }
    })
    .await;
    client.set_parked(false);
    come
}

/// After an orderly end: a client that is still sending a body that nobody wants, or a head that is refused,
/// would have its answer destroyed by a reset. So what it sends is read and thrown away for a moment.
pub(super) async fn linger(client: &Rc<Client>) {
    const MOMENT: Duration = Duration::from_secs(1);
    const MOST: usize = 1 << 20;
    let complete = match client.phase() {
        Phase::Busy => client.flags.request_done.get(),
        Phase::Head => false,
        Phase::Fresh | Phase::Idle | Phase::Parked | Phase::Switched | Phase::HalfSwitched => true,
    };
    if complete {
        return;
    }
    let mut io = ClientIo(client.clone());
    let _ = tokio::time::timeout(MOMENT, async {
        let mut sink = vec![0; 16 << 10];
        let mut read = 0;
        while read < MOST {
            match io.read(&mut sink).await {
                Ok(0) | Err(_) => break,
                Ok(n) => read += n,
            }
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<A, F: Future>(_: impl Fn(A) -> F) -> usize {
        size_of::<F>()
    }

    /// What a connection's task takes while it is parked.
    #[test]
    fn a_parked_connection_is_small() {
        assert!(size(run) <= 320, "{}", size(run));
        // with the two counts of its `Rc`, what the allocator gives for it is 320 bytes, as it is from 257 on
        let client = size_of::<Client>() + 2 * size_of::<usize>();
        assert!(client <= 320, "{client}");
    }
}
