//! How a connection begins: with TLS, or with the first bytes of HTTP/2.

use std::{
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead as _, ReadBuf};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    client::{Client, Order, Phase},
    io::ClientIo,
    stream::{PREFACE, Peek, Stream},
};

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// The answer to who speaks HTTP where TLS is spoken, as Go's server gives it.
const NO_TLS: &[u8] = b"HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\n\
    Client sent an HTTP request to an HTTPS server.\n";
/// The first byte of every connection with TLS.
const HANDSHAKE: u8 = 22;

/// After the first bytes have come, finds out what is spoken. None: the connection has ended.
pub(super) async fn open(client: &Rc<Client>, found: Peek) -> Option<Protocol> {
    let protocol = if client.entry_point().tls {
        secure(client).await?
    } else if found == Peek::Preface {
        preface(client).await?
    } else {
        Protocol::Http1
    };
    Some(protocol)
}

async fn secure(client: &Rc<Client>) -> Option<Protocol> {
    let config = client.worker.process.tls.clone()?;
    let mut first = [0];
    let Stream::Plain(stream) = client.stream.replace(Stream::Elsewhere) else {
        return None;
    };
    let seen = stream.peek(&mut first).await;
    if !matches!(seen, Ok(1..)) || first[0] != HANDSHAKE {
        if first[0].is_ascii_uppercase() {
            // the socket is new: there is room for it
            let _ = stream.try_write(NO_TLS);
        }
        client.stream.replace(Stream::Plain(stream));
        client.worker.metrics.handshakes_failed.inc();
        client.enter(Phase::Head);
        super::connection::linger(client).await;
        return None;
    }
    let mut shaking = TlsAcceptor::from(config).accept(stream);
    match obedient(client, |cx| Pin::new(&mut shaking).poll(cx)).await? {
        Ok(stream) => {
            let protocol = agreed(&stream);
            client.stream.replace(Stream::Tls(Box::new(stream)));
            // time for a head starts anew
            client.enter(Phase::Fresh);
            Some(protocol)
        }
        Err(error) => {
            tracing::debug!(peer = %client.peer, %error, "TLS with a client fails");
            client.worker.metrics.handshakes_failed.inc();
            None
        }
    }
}

fn agreed<T>(stream: &TlsStream<T>) -> Protocol {
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        Protocol::Http2
    } else {
        Protocol::Http1
    }
}

/// Takes as many bytes as it takes to tell, and leaves them to be read again.
async fn preface(client: &Rc<Client>) -> Option<Protocol> {
    let mut io = ClientIo(client.clone());
    let mut seen = Vec::with_capacity(PREFACE.len());
    while seen.len() < PREFACE.len() && PREFACE.starts_with(&seen) {
        let wanted = PREFACE.len() - seen.len();
        let read = obedient(client, |cx| {
            let mut bytes = [0; PREFACE.len()];
            let mut bytes = ReadBuf::new(&mut bytes[..wanted]);
            let result = ready!(Pin::new(&mut io).poll_read(cx, &mut bytes));
            seen.extend_from_slice(bytes.filled());
            Poll::Ready(result.is_ok() && !bytes.filled().is_empty())
        });
        if !read.await? {
            return None;
        }
    }
    let is_whole = seen == PREFACE;
    *client.read_again.borrow_mut() = seen.into();
    Some(if is_whole {
        Protocol::Http2
    } else {
        Protocol::Http1
    })
}

/// Waits for something, unless the connection is told to end. None: it is.
pub(super) async fn obedient<T>(
    client: &Client,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Option<T> {
    poll_fn(|cx| {
        client.set_waker(cx);
        if let Poll::Ready(done) = poll(cx) {
            return Poll::Ready(Some(done));
        }
        match client.order() {
            Order::Close => Poll::Ready(None),
            Order::Drain if client.worker.connections.last_call_is_over(client) => Poll::Ready(None),
            _ => Poll::Pending,
        }
    })
    .await
}
