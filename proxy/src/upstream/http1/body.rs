//! An answer's body (RFC 9112, section 6).

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::SizeHint;

use super::{Fault, HeadLimits, chunked::Chunked};

/// What is still to come of a body, and how its end is known.
#[derive(Debug)]
pub(super) enum Body {
    /// After so many bytes.
    Length(u64),
    Chunked(Chunked),
    /// When the connection ends.
    Close,
}

/// What was taken from what was read.
#[derive(Debug)]
pub(super) enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    /// The body is over.
    End,
    /// Nothing. It is worth reading up to so many bytes.
    More(u64),
}

impl Body {
    pub(super) fn chunked() -> Self {
        Self::Chunked(Chunked::default())
    }

    pub(super) fn step(&mut self, read: &mut BytesMut, limits: HeadLimits) -> Result<Step, Fault> {
        match self {
            Self::Length(0) => Ok(Step::End),
            Self::Length(left) => {
                if read.is_empty() {
                    return Ok(Step::More(*left));
                }
                let taken = (read.len() as u64).min(*left);
                *left -= taken;
                Ok(Step::Data(read.split_to(taken as usize).freeze()))
            }
            Self::Chunked(chunked) => chunked.step(read, limits),
            Self::Close if read.is_empty() => Ok(Step::More(u64::MAX)),
            Self::Close => Ok(Step::Data(read.split().freeze())),
        }
    }

    /// Nothing more comes over the connection. An error: there should have been more.
    pub(super) fn closed(&mut self) -> Result<(), Fault> {
        match self {
            Self::Close => {
                *self = Self::Length(0);
                Ok(())
            }
            _ => Err(Fault::Closed),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunked::Over))
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Length(left) => SizeHint::with_exact(*left),
            _ if self.is_over() => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a body comes to when it is read in pieces of a size: its bytes, its trailers, and what is left that is not its.
    fn read(mut body: Body, bytes: &[u8], size: usize) -> Result<(Vec<u8>, HeaderMap, usize), Fault> {
        let mut pieces = bytes.chunks(size);
        let (mut read, mut data, mut trailers) = (BytesMut::new(), Vec::new(), HeaderMap::new());
        loop {
            match body.step(&mut read, HeadLimits::SMALL)? {
                Step::Data(bytes) => data.extend_from_slice(&bytes),
                Step::Trailers(found) => trailers = found,
                Step::End => {
                    assert!(body.is_over());
                    return Ok((
                        data,
                        trailers,
                        read.len() + pieces.map(<[u8]>::len).sum::<usize>(),
                    ));
                }
                Step::More(most) => {
                    assert!(most > 0);
                    match pieces.next() {
                        Some(piece) => read.extend_from_slice(piece),
                        None => body.closed()?,
                    }
                }
            }
        }
    }

    const CHUNKS: &str = "5;a=\"b\"\r\nhello\r\n00B \r\n wide world\r\n0\r\n";

    #[test]
    fn a_body_is_what_it_is_however_it_comes() {
        let chunks = format!("{CHUNKS}Sum: 1\r\nsum: 2\r\n\r\nmore");
        for size in 1..chunks.len() {
            let (data, trailers, rest) = read(Body::chunked(), chunks.as_bytes(), size).unwrap();
            assert_eq!((data.as_slice(), rest), (&b"hello wide world"[..], 4), "{size}");
            assert_eq!(trailers.get_all("sum").iter().collect::<Vec<_>>(), ["1", "2"]);
            let (data, _, rest) = read(Body::Length(7), chunks.as_bytes(), size).unwrap();
            assert_eq!((data.len(), rest), (7, chunks.len() - 7));
            let (data, ..) = read(Body::Close, chunks.as_bytes(), size).unwrap();
            assert_eq!(data, chunks.as_bytes());
        }
    }

    #[test]
    fn one_that_breaks_off_or_is_none_is_told() {
        for end in 0..CHUNKS.len() {
            let broken = read(Body::chunked(), &CHUNKS.as_bytes()[..end], 7);
            assert!(matches!(broken, Err(Fault::Closed)), "{end}");
        }
        assert!(matches!(read(Body::Length(5), b"four", 9), Err(Fault::Closed)));
        let endless = format!("5;{}", "a".repeat(5_000));
        let trailer = format!("0\r\na: {}", "b".repeat(400));
        let trailers = format!("0\r\n{}\r\n", "a: b\r\n".repeat(6));
        for chunks in [
            "\r\n",
            " 5\r\nhello\r\n",
            "-5\r\n",
            "0x5\r\n",
            "5\nhello",
            "5\r\nhello!",
            "5\r\nhello\n0\r\n\r\n",
            "10000000000000000\r\n",
            "5;a\nb\r\nhello\r\n",
            "5 5\r\n",
            "0\r\na b\r\n\r\n",
            "0\r\n: b\r\n\r\n",
            &endless,
            &trailer,
            &trailers,
        ] {
            for size in [1, 3, 10_000] {
                let broken = read(Body::chunked(), chunks.as_bytes(), size);
                assert!(matches!(broken, Err(Fault::Malformed)), "{chunks}: {broken:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn chunks_come_out_as_they_were(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..20),
            size in 1_usize..600,
        ) {
            let mut encoded = Vec::new();
            for chunk in &chunks {
                encoded.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
                encoded.extend_from_slice(chunk);
                encoded.extend_from_slice(b"\r\n");
            }
            encoded.extend_from_slice(b"0\r\n\r\n");
            let (data, trailers, rest) = read(Body::chunked(), &encoded, size).unwrap();
            prop_assert_eq!(data, chunks.concat());
            prop_assert!(trailers.is_empty() && rest == 0);
        }

        #[test]
        fn nothing_that_comes_is_too_much_for_it(
            bytes in prop::collection::vec(prop::sample::select(b"0159aF;\r\n :x".to_vec()), 0..400),
            size in 1_usize..50,
        ) {
            let _ = read(Body::chunked(), &bytes, size);
        }
    }
}
