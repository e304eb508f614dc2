//! What a client's and an upstream's connections are once they have left HTTP: bytes that are copied both ways until both
//! have come to their end, or one breaks.
//!
//! There is no limit on how long nothing may come, as Traefik has none: WebSocket has pings of its own, and the kernel finds
//! out about clients that vanish. After one side has ended, which is the last that is heard of it, the other may be silent for
//! as long as a connection may be unused. While the proxy drains it goes on until the grace period is over.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    client::{Client, Order, Phase},
    io::ClientIo,
};
use crate::upstream::{Lease, Switched};

/// Bytes that are read at once, of all of a worker's connections one after the other: those that are silent hold none.
const SCRATCH: usize = 32 << 10;

/// Copies until the end. Whether it was an orderly one.
pub(super) async fn run(client: &Rc<Client>, lease: Lease) -> bool {
    let _counted = Counted::new(client);
    client.enter(Phase::Switched);
    client.stream.borrow().keep_alive();
    let Some(mut switched) = lease.switched() else {
        return false;
    };
    let Switched { io, first, .. } = &mut switched;
    let mut near = ClientIo(client.clone());
    let mut there = Way::default();
    let mut back = Way {
        rest: std::mem::take(first),
        ..Way::default()
    };
    let copied = obedient(client, |cx| {
        let mut scratch = client.worker.scratch.borrow_mut();
        scratch.resize(SCRATCH, 0);
        let one = there.poll(cx, &mut near, &mut *io, &mut scratch);
        let other = back.poll(cx, &mut *io, &mut near, &mut scratch);
        match (one, other) {
            (Poll::Ready(Err(error)), _) | (_, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(Ok(())),
            (Poll::Pending, Poll::Pending) => Poll::Pending,
            _ => {
                if client.phase() == Phase::Switched {
                    client.enter(Phase::HalfSwitched);
                }
                Poll::Pending
            }
        }
    });
    matches!(copied.await, Some(Ok(()))) && [there.source, back.source] == [Source::Ended; 2]
}

/// Waits for something, unless the connection is cut off. None: it is.
async fn obedient<T>(client: &Client, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    poll_fn(|cx| {
        client.set_waker(cx);
        if client.order() == Order::Close {
            return Poll::Ready(None);
        }
        poll(cx).map(Some)
    })
    .await
}

/// One of the ways.
#[derive(Debug, Default)]
struct Way {
    /// Was read and could not be written yet: at most as much as is read at once.
    rest: Bytes,
    /// Something was written that may be held back.
    dirty: bool,
    source: Source,
    /// Nothing is left to be done.
    over: bool,
}

/// Whether more comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Source {
    #[default]
    Open,
    Ended,
    /// Its connection broke.
    Broke,
    /// Nobody takes it any more.
    Unwanted,
}

impl Way {
    /// Copies to the end of what is read. An error says that who is read from has gone.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin + ?Sized),
        to: &mut (impl AsyncWrite + Unpin + ?Sized),
        scratch: &mut [u8],
    ) -> Poll<io::Result<()>> {
        if !self.over {
            let copied = ready!(self.copy(cx, from, to, scratch));
            self.over = true;
            // what was said there before nobody listened any more may still be on its way back
            if copied.is_err() && self.source != Source::Broke {
                self.source = Source::Unwanted;
            }
        }
        Poll::Ready(match self.source {
            Source::Broke => Err(io::ErrorKind::ConnectionReset.into()),
            Source::Open | Source::Ended | Source::Unwanted => Ok(()),
        })
    }

    /// The same; an error says that who is written to has gone.
    fn copy(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin + ?Sized),
        to: &mut (impl AsyncWrite + Unpin + ?Sized),
        scratch: &mut [u8],
    ) -> Poll<io::Result<()>> {
        loop {
            while !self.rest.is_empty() {
                let written = ready!(write(cx, to, &self.rest))?;
                self.dirty = true;
                self.rest.advance(written);
            }
            let mut read = ReadBuf::new(scratch);
            let polled = match self.source {
                Source::Open => Pin::new(&mut *from).poll_read(cx, &mut read),
                Source::Ended | Source::Broke | Source::Unwanted => Poll::Pending,
            };
            match polled {
                Poll::Ready(Ok(())) if read.filled().is_empty() => self.source = Source::Ended,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => self.source = Source::Broke,
                Poll::Pending => {
                    if self.dirty {
                        ready!(Pin::new(&mut *to).poll_flush(cx))?;
                        self.dirty = false;
                    }
                    match self.source {
                        Source::Open => return Poll::Pending,
                        Source::Ended => return Pin::new(to).poll_shutdown(cx),
                        Source::Broke | Source::Unwanted => return Poll::Ready(Ok(())),
                    }
                }
            }
            let mut bytes = read.filled();
            while !bytes.is_empty() {
                let Poll::Ready(written) = write(cx, to, bytes)? else {
                    self.rest = Bytes::copy_from_slice(bytes);
                    return Poll::Pending;
                };
                self.dirty = true;
                bytes = &bytes[written..];
            }
        }
    }
}

fn write(
    cx: &mut Context<'_>,
    to: &mut (impl AsyncWrite + Unpin + ?Sized),
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    Poll::Ready(match ready!(Pin::new(to).poll_write(cx, bytes)) {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        written => written,
    })
}

/// Counts it while it lasts.
struct Counted<'a>(&'a Client);

impl<'a> Counted<'a> {
    fn new(client: &'a Client) -> Self {
        client.worker.metrics.upgrades.inc();
        client.worker.metrics.upgraded.inc();
        Self(client)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.worker.metrics.upgraded.dec();
    }
}
