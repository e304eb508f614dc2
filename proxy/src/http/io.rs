//! A client's socket as hyper reads and writes it, noting what moves.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::client::Client;
use crate::pieces::together;

/// The socket of a [`Client`]. It may be dropped and made anew: the client keeps the socket.
#[derive(Debug)]
pub(super) struct ClientIo(pub(super) Rc<Client>);

impl AsyncRead for ClientIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let client = &self.0;
        let mut again = client.read_again.borrow_mut();
        if !again.is_empty() {
            let some = again.len().min(buf.remaining());
            buf.put_slice(&again.split_to(some));
            if again.is_empty() {
                *again = Bytes::new();
            }
            client.has_read(some);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let Poll::Ready(result) = Pin::new(&mut *client.stream.borrow_mut()).poll_read(cx, buf) else {
            client.flags.read_blocked.set(true);
            return Poll::Pending;
        };
        let read = buf.filled().len() - before;
        if read > 0 {
            client.has_read(read);
        }
        Poll::Ready(result)
    }
}

impl ClientIo {
    /// Whether the client can still understand what is written.
    fn check(&self) -> io::Result<()> {
        if self.0.flags.torn.get() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    }

    fn wrote(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let client = &self.0;
        client.flags.flushed.set(false);
        if result.is_pending() {
            client.flags.write_blocked.set(true);
        }
        let result = ready!(result);
        client.has_written();
        Poll::Ready(result)
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        let result = Pin::new(&mut *self.0.stream.borrow_mut()).poll_write(cx, buf);
        self.wrote(result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        if let Some(result) = together(bufs, |bytes| {
            Pin::new(&mut *self.0.stream.borrow_mut()).poll_write(cx, bytes)
        }) {
            return self.wrote(result);
        }
        let result = Pin::new(&mut *self.0.stream.borrow_mut()).poll_write_vectored(cx, bufs);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.stream.borrow().is_write_vectored()
    }

    /// hyper flushes only when its own buffers are empty.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let client = &self.0;
        let Poll::Ready(result) = Pin::new(&mut *client.stream.borrow_mut()).poll_flush(cx) else {
            client.flags.write_blocked.set(true);
            return Poll::Pending;
        };
        client.flags.write_blocked.set(false);
        client.flags.flushed.set(true);
        Poll::Ready(result)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.stream.borrow_mut()).poll_shutdown(cx)
    }
}
