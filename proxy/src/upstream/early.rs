//! Answers before the answer (RFC 9110, section 15.2): hyper reads over them, so that a look is taken at what it reads.

use std::{
    cell::{Cell, RefCell},
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Longer ones, and more of them, go no further.
const MAX_BYTES: usize = 4 << 10;
const MAX_HEADERS: usize = 64;
const MAX_WAITING: usize = 8;

/// One of them; of 100 and 101, others take care.
#[derive(Debug)]
pub(crate) struct Early {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

/// Finds those that come before an answer.
#[derive(Debug, Default)]
pub(super) struct Finder {
    /// The answer has not begun.
    awaited: Cell<bool>,
    /// Part of a head.
    partial: RefCell<Vec<u8>>,
    found: RefCell<Vec<Early>>,
    /// Who does not drive the connection, and so hears of nothing.
    waker: RefCell<Option<Waker>>,
}

impl Finder {
    /// A request is sent.
    pub(super) fn begin(&self) {
        self.awaited.set(true);
        if !self.partial.borrow().is_empty() {
            self.partial.take();
        }
    }

    /// Has a task woken that does not drive the connection itself.
    pub(super) fn tell(&self, cx: &Context<'_>) {
        self.waker.replace(Some(cx.waker().clone()));
    }

    /// What has been found since it was last asked.
    pub(super) fn take(&self) -> Option<Vec<Early>> {
        let mut found = self.found.borrow_mut();
        (!found.is_empty()).then(|| std::mem::take(&mut *found))
    }

    fn look(&self, bytes: &[u8]) {
        if self.partial.borrow().is_empty() && !may_be_early(bytes) {
            self.awaited.set(false);
        } else {
            self.look_closely(bytes);
        }
    }

    #[cold]
    fn look_closely(&self, bytes: &[u8]) {
        let mut partial = self.partial.borrow_mut();
        partial.extend_from_slice(bytes);
        let mut from = 0;
        while may_be_early(&partial[from..]) {
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut response = httparse::Response::new(&mut headers);
            match response.parse(&partial[from..]) {
                Ok(httparse::Status::Complete(length)) if response.code != Some(101) => {
                    let mut found = self.found.borrow_mut();
                    if length <= MAX_BYTES && found.len() < MAX_WAITING {
                        found.extend(early(&response));
                        if let Some(waker) = self.waker.take() {
                            waker.wake();
                        }
                    }
                    from += length;
                }
                Ok(httparse::Status::Partial) if partial.len() - from <= MAX_BYTES => {
                    partial.drain(..from);
                    return;
                }
                _ => break,
            }
            if from == partial.len() {
                partial.clear();
                return;
            }
        }
        self.awaited.set(false);
        *partial = Vec::new();
    }
}

/// Whether an answer that begins like this is none yet, as far as it goes.
fn may_be_early(bytes: &[u8]) -> bool {
    const BEGIN: &[u8] = b"HTTP/1.1 1";
    let most = bytes.len().min(BEGIN.len());
    bytes[..most] == BEGIN[..most]
}

fn early(response: &httparse::Response<'_, '_>) -> Option<Early> {
    let status = StatusCode::from_u16(response.code?).ok()?;
    if status == StatusCode::CONTINUE {
        return None;
    }
    let mut headers = HeaderMap::new();
    for header in &*response.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(header.value).ok()?);
    }
    Some(Early { status, headers })
}

/// A connection at which is looked.
#[derive(Debug)]
pub(super) struct Looked<T> {
    pub(super) io: T,
    pub(super) finder: Rc<Finder>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Looked<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.io).poll_read(cx, buf));
        if self.finder.awaited.get() {
            self.finder.look(&buf.filled()[before..]);
        }
        Poll::Ready(read)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Looked<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nlink: </b>\r\n\r\n";
    const ANSWER: &str = "HTTP/1.1 200 OK\r\n\r\n";

    /// What is found in what comes in pieces of a size, and whether the answer is still awaited.
    fn find(bytes: &str, size: usize) -> (Vec<(u16, usize)>, bool) {
        let finder = Finder::default();
        finder.begin();
        for piece in bytes.as_bytes().chunks(size) {
            if finder.awaited.get() {
                finder.look(piece);
            }
        }
        let found = finder.take().unwrap_or_default();
        let found = found
            .iter()
            .map(|early| (early.status.as_u16(), early.headers.len()));
        (found.collect(), finder.awaited.get())
    }

    #[test]
    fn those_before_the_answer_are_found_however_they_come() {
        let all = format!("HTTP/1.1 100 Continue\r\n\r\n{HINTS}HTTP/1.1 102 P\r\n\r\n{ANSWER}{HINTS}");
        for size in [1, 7, 30, 1000] {
            assert_eq!(find(&all, size), (vec![(103, 2), (102, 0)], false), "{size}");
        }
        assert_eq!(find(HINTS, 9), (vec![(103, 2)], true));
    }

    #[test]
    fn nothing_else_is() {
        for other in [ANSWER, "HTTP/1.1 101 S\r\n\r\n", "HTTP/1.1 1\0\r\n", "SSH"] {
            assert_eq!(find(other, 3000), (Vec::new(), false), "{other}");
        }
        let endless = format!("HTTP/1.1 103 E\r\na: {}", "b".repeat(MAX_BYTES));
        assert_eq!(find(&endless, 3000), (Vec::new(), false));
        let long = endless + "\r\n\r\n";
        assert_eq!(find(&long, 10_000), (Vec::new(), true));
    }

    #[test]
    fn no_more_than_a_few_wait() {
        assert_eq!(find(&HINTS.repeat(100), 10_000).0.len(), MAX_WAITING);
    }
}
