//! Bodies in chunks (RFC 9112, section 7.1).

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue};
use httparse::{EMPTY_HEADER, Status, parse_chunk_size, parse_headers};

use super::{Fault, HeadLimits, body::Step};

/// Bytes of a chunk's size, with extensions, which mean nothing to anyone.
const MAX_LINE: usize = 4 << 10;

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Chunked {
    #[default]
    Size,
    /// So many bytes of a chunk.
    Data(u64),
    /// The end of a chunk's line.
    LineEnd,
    Trailers,
    /// Nothing.
    Over,
}

impl Chunked {
    /// Takes the next piece from what was read.
    pub(super) fn step(&mut self, read: &mut BytesMut, limits: HeadLimits) -> Result<Step, Fault> {
        loop {
            match *self {
                Self::Over => return Ok(Step::End),
                Self::Size => {
                    let Some(size) = take_size(read)? else {
                        return Ok(Step::More(MAX_LINE as u64));
                    };
                    *self = if size == 0 {
                        Self::Trailers
                    } else {
                        Self::Data(size)
                    };
                }
                Self::Data(left) => {
                    if read.is_empty() {
                        return Ok(Step::More(left));
                    }
                    let taken = (read.len() as u64).min(left);
                    *self = if taken == left {
                        Self::LineEnd
                    } else {
                        Self::Data(left - taken)
                    };
                    return Ok(Step::Data(read.split_to(taken as usize).freeze()));
                }
                Self::LineEnd => {
                    if !b"\r\n".starts_with(&read[..read.len().min(2)]) {
                        return Err(Fault::Malformed);
                    }
                    if read.len() < 2 {
                        return Ok(Step::More(MAX_LINE as u64));
                    }
                    let _ = read.split_to(2);
                    *self = Self::Size;
                }
                Self::Trailers => {
                    let Some(trailers) = take_trailers(read, limits)? else {
                        return Ok(Step::More(MAX_LINE as u64));
                    };
                    *self = Self::Over;
                    if !trailers.is_empty() {
                        return Ok(Step::Trailers(trailers));
                    }
                }
            }
        }
    }
}

fn take_size(read: &mut BytesMut) -> Result<Option<u64>, Fault> {
    // httparse takes no digits for 0
    if read.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) {
        return Err(Fault::Malformed);
    }
    match parse_chunk_size(read).map_err(|_| Fault::Malformed)? {
        Status::Complete((length, size)) if length <= MAX_LINE => {
            // in an extension, httparse goes on after the end of a line that others see
            if read[..length - 2].contains(&b'\n') {
                return Err(Fault::Malformed);
            }
            let _ = read.split_to(length);
            Ok(Some(size))
        }
        Status::Partial if read.len() < MAX_LINE => Ok(None),
        _ => Err(Fault::Malformed),
    }
}

fn take_trailers(read: &mut BytesMut, limits: HeadLimits) -> Result<Option<HeaderMap>, Fault> {
    let mut trailers = HeaderMap::new();
    if read.starts_with(b"\r\n") {
        let _ = read.split_to(2);
        return Ok(Some(trailers));
    }
    let mut slots = vec![EMPTY_HEADER; limits.headers];
    let length = match parse_headers(read, &mut slots).map_err(|_| Fault::Malformed)? {
        Status::Complete((length, found)) if length <= limits.bytes => {
            for header in found {
                let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| Fault::Malformed)?;
                let value = HeaderValue::from_bytes(header.value).map_err(|_| Fault::Malformed)?;
                trailers.append(name, value);
            }
            length
        }
        Status::Partial if read.len() < limits.bytes => return Ok(None),
        _ => return Err(Fault::Malformed),
    };
    let _ = read.split_to(length);
    Ok(Some(trailers))
}
