//! An answer's head (RFC 9112, sections 4 and 5).

use std::mem::MaybeUninit;

use bytes::BytesMut;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING},
};
use httparse::{Header, ParserConfig, Status};
use hyper::ext::ReasonPhrase;

use super::{Fault, HeadLimits, body::Body};

/// As many headers are read without an allocation.
const ON_STACK: usize = 100;

/// An answer's head.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    /// Another one than the status's own.
    pub(super) reason: Option<ReasonPhrase>,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    /// Bytes that it took.
    pub(super) length: usize,
    said: Said,
}

/// What a head's headers say of the connection and of the body.
#[derive(Debug, Default)]
struct Said {
    closes: bool,
    /// The last of the transfer codings is chunks.
    chunked: Option<bool>,
    length: Option<u64>,
    /// More than once.
    repeated: bool,
    /// No length, or several.
    muddled: bool,
}

/// Takes a head from what was read, with its headers in `spare`, which is empty. None: not all of it has come.
pub(super) fn take(
    read: &mut BytesMut,
    limits: HeadLimits,
    spare: impl FnOnce() -> HeaderMap,
) -> Result<Option<Head>, Fault> {
    let most = limits.headers;
    let mut on_stack = [Place::default(); ON_STACK];
    let mut on_heap = Vec::new();
    let (first, places) = if most <= ON_STACK {
        let slots = &mut [const { MaybeUninit::uninit() }; ON_STACK][..most];
        (find(read, limits, slots, &mut on_stack)?, &on_stack[..])
    } else {
        on_heap.resize(most, Place::default());
        let slots = &mut vec![MaybeUninit::uninit(); most];
        (find(read, limits, slots, &mut on_heap)?, &on_heap[..])
    };
    first.map(|first| first.with(read, places, spare)).transpose()
}

/// Where a header is among the bytes of its head: the first byte and the one after the last, of its name and of its value.
#[derive(Clone, Copy, Default)]
struct Place {
    name: (u32, u32),
    value: (u32, u32),
}

/// What is known of a head when its end was found.
struct First {
    status: StatusCode,
    reason: Option<ReasonPhrase>,
    version: Version,
    length: usize,
    headers: usize,
}

fn find<'b>(
    bytes: &'b [u8],
    limits: HeadLimits,
    slots: &mut [MaybeUninit<Header<'b>>],
    places: &mut [Place],
) -> Result<Option<First>, Fault> {
    let mut response = httparse::Response::new(&mut []);
    let parsed = ParserConfig::default().parse_response_with_uninit_headers(&mut response, bytes, slots);
    let length = match parsed.map_err(|_| Fault::Malformed)? {
        Status::Complete(length) if length <= limits.bytes => length,
        Status::Partial if bytes.len() < limits.bytes => return Ok(None),
        _ => return Err(Fault::Malformed),
    };
    let status = StatusCode::from_u16(response.code.unwrap_or_default()).map_err(|_| Fault::Malformed)?;
    let begin = bytes.as_ptr() as usize;
    let place = |part: &[u8]| {
        let from = part.as_ptr() as usize - begin;
        (from as u32, (from + part.len()) as u32)
    };
    for (header, found) in response.headers.iter().zip(places) {
        *found = Place {
            name: place(header.name.as_bytes()),
            value: place(header.value),
        };
    }
    let reason = response
        .reason
        .filter(|reason| Some(*reason) != status.canonical_reason());
    Ok(Some(First {
        status,
        reason: reason.and_then(|reason| ReasonPhrase::try_from(reason.as_bytes()).ok()),
        version: match response.version {
            Some(1) => Version::HTTP_11,
            _ => Version::HTTP_10,
        },
        length,
        headers: response.headers.len(),
    }))
}

impl First {
    /// Takes the head's bytes, of which its headers' values remain parts.
    fn with(
        self,
        read: &mut BytesMut,
        places: &[Place],
        spare: impl FnOnce() -> HeaderMap,
    ) -> Result<Head, Fault> {
        let bytes = read.split_to(self.length).freeze();
        let mut said = Said::default();
        let mut headers = if self.is_early() {
            HeaderMap::new()
        } else {
            spare()
        };
        headers.reserve(self.headers);
        for Place { name, value } in &places[..self.headers] {
            let name = HeaderName::from_bytes(&bytes[range(*name)]).map_err(|_| Fault::Malformed)?;
            let value = HeaderValue::from_maybe_shared(bytes.slice(range(*value)));
            let value = value.map_err(|_| Fault::Malformed)?;
            said.hear(&name, &value);
            headers.append(name, value);
        }
        if said.repeated
            && let Some(length) = said.length
        {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        Ok(Head {
            status: self.status,
            reason: self.reason,
            version: self.version,
            headers,
            length: self.length,
            said,
        })
    }

    fn is_early(&self) -> bool {
        self.status.is_informational() && self.status != StatusCode::SWITCHING_PROTOCOLS
    }
}

impl Said {
    fn hear(&mut self, name: &HeaderName, value: &HeaderValue) {
        let mut tokens = value
            .as_bytes()
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii);
        if *name == CONNECTION {
            self.closes |= tokens.any(|token| token.eq_ignore_ascii_case(b"close"));
        } else if *name == TRANSFER_ENCODING {
            let last = tokens.next_back();
            self.chunked = last.map(|last| last.eq_ignore_ascii_case(b"chunked"));
        } else if *name == CONTENT_LENGTH {
            // one that is said more than once has to be the same each time
            for length in tokens.map(number) {
                let before = self.length.replace(length.unwrap_or_default());
                self.repeated |= before.is_some();
                self.muddled |= length.is_none() || before.is_some_and(|before| Some(before) != length);
            }
        }
    }
}

fn range((from, to): (u32, u32)) -> std::ops::Range<usize> {
    from as usize..to as usize
}

impl Head {
    /// Whether the upstream takes another request on this connection (RFC 9112, section 9.3). Not of HTTP/1.0, whatever it says:
    /// a next request's body may need chunks.
    pub(super) fn keeps(&self) -> bool {
        self.version == Version::HTTP_11 && !self.said.closes
    }

    /// How the body is told from what follows (RFC 9112, section 6.3). `bodyless` is whether the request was one for the head.
    pub(super) fn body(&self, bodyless: bool) -> Result<Body, Fault> {
        if bodyless || self.status.is_informational() || matches!(self.status.as_u16(), 204 | 304) {
            return Ok(Body::Length(0));
        }
        match (self.said.chunked, self.said.length) {
            (Some(_), _) if self.version < Version::HTTP_11 => Err(Fault::Malformed),
            (Some(true), _) => Ok(Body::chunked()),
            (None, Some(_)) if self.said.muddled => Err(Fault::Malformed),
            (None, Some(length)) => Ok(Body::Length(length)),
            _ => Ok(Body::Close),
        }
    }
}

/// Digits and nothing else: Rust would take a sign, too.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Option<Head>, Fault> {
        let mut read = BytesMut::from(text);
        take(&mut read, HeadLimits::SMALL, HeaderMap::new)
    }

    /// How a body is framed, and whether the connection can be kept.
    fn framing(text: &str) -> String {
        match head(&format!("{text}\r\n\r\n")) {
            Ok(Some(head)) => match head.body(false) {
                Ok(body) => format!("{body:?}{}", if head.keeps() { ", keeps" } else { "" }),
                Err(fault) => fault.to_string(),
            },
            Err(fault) => fault.to_string(),
            Ok(None) => "part of a head".to_owned(),
        }
    }

    #[test]
    fn a_head_is_taken_when_it_is_whole() {
        let text = "HTTP/1.1 200 Fine\r\nA: b\r\nLocation:  /c d \r\nA:\r\n\r\n";
        for end in 0..text.len() {
            assert!(head(&text[..end]).unwrap().is_none(), "{end}");
        }
        let mut read = BytesMut::from(format!("{text}body").as_str());
        let head = take(&mut read, HeadLimits::SMALL, HeaderMap::new)
            .unwrap()
            .unwrap();
        assert_eq!((head.status, head.length), (StatusCode::OK, text.len()));
        assert_eq!(head.reason.unwrap().as_bytes(), b"Fine");
        assert_eq!(head.headers.get_all("a").iter().collect::<Vec<_>>(), ["b", ""]);
        assert_eq!(head.headers["location"], "/c d");
        assert_eq!(&read[..], b"body");
    }

    #[test]
    fn what_is_none_or_too_large_is_refused() {
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(6));
        let long = format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "b".repeat(400));
        for text in [
            "SSH-2.0\r\n",
            "HTTP/2 200\r\n",
            "HTTP/1.1 20\r\n\r\n",
            &many,
            &long,
            &long[..401],
        ] {
            assert!(matches!(head(text), Err(Fault::Malformed)), "{text}");
        }
        let some = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(200));
        let wide = HeadLimits {
            bytes: 1 << 16,
            headers: 200,
        };
        let head = take(&mut BytesMut::from(some.as_str()), wide, HeaderMap::new)
            .unwrap()
            .unwrap();
        assert_eq!(head.headers.len(), 200);
    }

    #[test]
    fn a_body_is_framed_as_the_standard_says() {
        for (text, framed) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5", "Length(5), keeps"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\nContent-Length: 5",
                "Length(5), keeps",
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: x, Close",
                "Length(5)",
            ),
            (
                "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive",
                "Length(5)",
            ),
            ("HTTP/1.1 200 OK\r\nConnection: close", "Close"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip", "Close, keeps"),
            ("HTTP/1.1 204 No Content\r\nContent-Length: 5", "Length(0), keeps"),
            (
                "HTTP/1.1 304 Not Modified\r\nContent-Length: 5",
                "Length(0), keeps",
            ),
        ] {
            assert_eq!(framing(text), framed, "{text}");
        }
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip,\tChunked\r\nContent-Length: x";
        assert!(framing(chunked).starts_with("Chunked"));
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6",
            "HTTP/1.1 200 OK\r\nContent-Length: +5",
            "HTTP/1.1 200 OK\r\nContent-Length: ",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked",
        ] {
            assert_eq!(framing(text), Fault::Malformed.to_string(), "{text}");
        }
    }
}
