//! Passing on what an upstream says before its answer, such as early hints (RFC 8297). hyper can send no such thing, so it is
//! written beside hyper: to clients of HTTP/1.1, whose socket is ours. Those of HTTP/2 do without.

use std::{
    io::Write as _,
    pin::Pin,
    task::{Context, Poll},
};

use http::header::{CONTENT_LENGTH, TRAILER};
use tokio::io::AsyncWrite as _;

use super::{
    client::{Client, Order},
    headers::prepare_response,
};
use crate::upstream::Early;

impl Client {
    /// Writes it, if nothing else is being written. What cannot be written at once is left out: the answer does without it.
    pub(crate) fn inform(&self, cx: &mut Context<'_>, early: Early) {
        let flags = &self.flags;
        if self.is_part || flags.ancient.get() || flags.answered.get() || !flags.flushed.get() {
            return;
        }
        let bytes = head(early);
        let mut stream = self.stream.borrow_mut();
        if let Poll::Ready(written) = Pin::new(&mut *stream).poll_write(cx, &bytes) {
            // the kernel takes so little as a whole, as far as known
            if written.is_ok_and(|written| written < bytes.len()) {
                flags.torn.set(true);
                self.tell(Order::Close);
            }
            let _ = Pin::new(&mut *stream).poll_flush(cx);
        }
    }
}

fn head(Early { status, mut headers }: Early) -> Vec<u8> {
    prepare_response(&mut headers);
    // there is no body that they could be about
    headers.remove(CONTENT_LENGTH);
    headers.remove(TRAILER);
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = Vec::new();
    // writing to memory does not fail
    let _ = write!(head, "HTTP/1.1 {} {reason}\r\n", status.as_str());
    for (name, value) in &headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}
