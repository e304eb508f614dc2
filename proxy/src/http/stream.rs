//! A client's socket, with TLS or without.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

/// What every client that wants HTTP/2 without TLS sends first (RFC 9113, section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A client's socket. An enum and no trait object: without TLS it costs a comparison.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Another one has it: who shakes hands, or the connection that this is a part of.
    Elsewhere,
}

/// What a look ahead found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peek {
    /// There are bytes.
    Bytes,
    /// The same, and as far as they go they are the beginning of [`PREFACE`].
    Preface,
    /// The client closed, or broke the connection.
    End,
}

impl Peek {
    /// Of bytes that are there.
    pub(super) fn of(bytes: &[u8]) -> Self {
        if PREFACE.starts_with(bytes) {
            Self::Preface
        } else {
            Self::Bytes
        }
    }
}

impl Stream {
    /// What is there to be read: bytes, the end, or nothing yet. Costs a system call only when the
    /// socket was reported readable. Of TLS, it is what was sent in it that counts.
    pub(super) fn poll_peek(&mut self, cx: &mut Context<'_>) -> Poll<Peek> {
        match self {
            Self::Plain(stream) => {
                let mut bytes = [MaybeUninit::uninit(); PREFACE.len()];
                let mut bytes = ReadBuf::uninit(&mut bytes);
                Poll::Ready(match ready!(stream.poll_peek(cx, &mut bytes)) {
                    Ok(0) | Err(_) => Peek::End,
                    Ok(_) => Peek::of(bytes.filled()),
                })
            }
            Self::Tls(stream) => Poll::Ready(match ready!(Pin::new(&mut **stream).poll_fill_buf(cx)) {
                Ok([]) | Err(_) => Peek::End,
                Ok(_) => Peek::Bytes,
            }),
            Self::Elsewhere => Poll::Ready(Peek::End),
        }
    }

    /// Whether the client has sent nothing that was not read, found out without a task to wake.
    pub(super) fn is_silent(&self) -> bool {
        let tcp = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => match stream.get_ref() {
                // it has taken bytes from the socket that nobody has taken from it
                (_, session) if !session.wants_read() => return false,
                (tcp, _) => tcp,
            },
            Self::Elsewhere => return true,
        };
        is_silent(tcp)
    }

    /// Tells the client, where TLS has a word for it, that all was said that is to be said. Not after an answer that
    /// broke off: it would look whole.
    pub(super) fn take_leave(&mut self) {
        if let Self::Tls(stream) = self {
            // what the kernel does not take at once is not worth waiting for
            let _ = Pin::new(&mut **stream).poll_shutdown(&mut Context::from_waker(Waker::noop()));
        }
    }

    /// Has the kernel find out whether a client that is silent is still there.
    pub(super) fn keep_alive(&self) {
        const SILENCE: Duration = Duration::from_secs(30);
        let tcp = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
            Self::Elsewhere => return,
        };
        // without it the connection works as well
        let _ = SockRef::from(tcp).set_tcp_keepalive(&TcpKeepalive::new().with_time(SILENCE));
    }

    /// Lets the connection end in a way that looks like no orderly end.
    pub(super) fn will_break(&self) {
        let tcp = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
            Self::Elsewhere => return,
        };
        let _ = tcp.set_zero_linger();
    }
}

impl AsyncRead for Stream {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buf),
            Self::Elsewhere => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Stream {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, buf),
            Self::Elsewhere => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, bufs),
            Self::Elsewhere => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            // the kernel has all that was written
            Self::Plain(_) | Self::Elsewhere => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
            Self::Elsewhere => Poll::Ready(Ok(())),
        }
    }
}

/// Whether nothing waits to be read, found out without a task to wake.
pub(crate) fn is_silent(stream: &TcpStream) -> bool {
    let mut byte = [MaybeUninit::uninit()];
    let peeked = SockRef::from(stream).peek(&mut byte);
    peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}
