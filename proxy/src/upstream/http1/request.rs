//! A request's head (RFC 9112, section 3).

use std::io::Write as _;

use http::{
    HeaderName, Request,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};
use http_body::Body;

/// How a request's body is told from what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes are still to come.
    Length(u64),
    Chunked,
}

impl Framing {
    pub(super) fn of(body: &impl Body) -> Self {
        if body.is_end_stream() {
            return Self::Length(0);
        }
        body.size_hint().exact().map_or(Self::Chunked, Self::Length)
    }
}

/// Writes a request's head, whose target is in origin form. What it says of its body's length is replaced by what holds.
pub(super) fn write_head<B>(request: &Request<B>, framing: Framing, to: &mut Vec<u8>) {
    to.extend_from_slice(request.method().as_str().as_bytes());
    to.push(b' ');
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str());
    to.extend_from_slice(target.as_bytes());
    to.extend_from_slice(b" HTTP/1.1\r\n");
    let mut tells_length = false;
    for (name, value) in request.headers() {
        if name == CONTENT_LENGTH || name == TRANSFER_ENCODING {
            tells_length |= name == CONTENT_LENGTH;
            continue;
        }
        write_line(name, value.as_bytes(), to);
    }
    match framing {
        // who had no body and did not say so need not say it here
        Framing::Length(0) if !tells_length => {}
        Framing::Length(length) => {
            // writing to memory does not fail
            let _ = write!(to, "content-length: {length}\r\n");
        }
        Framing::Chunked => write_line(&TRANSFER_ENCODING, b"chunked", to),
    }
    to.extend_from_slice(b"\r\n");
}

fn write_line(name: &HeaderName, value: &[u8], to: &mut Vec<u8>) {
    to.extend_from_slice(name.as_str().as_bytes());
    to.extend_from_slice(b": ");
    to.extend_from_slice(value);
    to.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(request: http::request::Builder, framing: Framing) -> String {
        let request = request.body(()).unwrap();
        let mut written = Vec::new();
        write_head(&request, framing, &mut written);
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn a_head_says_how_long_its_body_is() {
        let get = || Request::get("/a?b=c").header("Host", "d");
        assert_eq!(
            head(get(), Framing::Length(0)),
            "GET /a?b=c HTTP/1.1\r\nhost: d\r\n\r\n"
        );
        assert_eq!(
            head(get(), Framing::Chunked),
            "GET /a?b=c HTTP/1.1\r\nhost: d\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        let wrong = || {
            Request::post("*")
                .header("Content-Length", "7")
                .header("Transfer-Encoding", "gzip")
        };
        assert_eq!(
            head(wrong(), Framing::Length(0)),
            "POST * HTTP/1.1\r\ncontent-length: 0\r\n\r\n"
        );
        assert_eq!(
            head(wrong(), Framing::Length(9)),
            "POST * HTTP/1.1\r\ncontent-length: 9\r\n\r\n"
        );
    }
}
