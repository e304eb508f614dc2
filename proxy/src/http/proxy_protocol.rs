//! The PROXY protocol, versions 1 and 2: a header before everything else, by which a load balancer tells whose
//! connection it passes on.
//!
//! As in Traefik, a header is taken off whoever sends it, and believed from trusted addresses only. Who sends none is
//! served under the address of the connection.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    rc::Rc,
    task::{Poll, ready},
};

use tokio::io::ReadBuf;

use super::{client::Client, opening::obedient, stream::Stream};
use crate::metrics::CloseReason;

/// The first bytes of version 1, and the most bytes that its line has.
const LINE: &[u8] = b"PROXY ";
const LONGEST_LINE: usize = 107;
/// The first bytes of version 2; the whole of what does not vary in length; and the longest addresses that are looked at.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const FIXED: usize = 16;
const ADDRESSES: usize = 36;

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    /// No header.
    Absent,
    /// As far as they go, a header's.
    Incomplete,
    /// A header that breaks the rules.
    Malformed,
    /// A header of a length, and where the client is, if it says so.
    Complete(usize, Option<SocketAddr>),
}

/// Takes the header off a new connection. Some: what the client's address is, where it is another than the connection's.
/// None: the connection has ended.
pub(super) async fn take(client: &Rc<Client>) -> Option<Option<SocketAddr>> {
    let mut seen = Vec::new();
    let (length, source) = loop {
        // a peek sees the same bytes again and again, and none that come after them; so what is incomplete is read
        let before = seen.len();
        let found = obedient(client, |cx| {
            seen.truncate(before);
            let mut bytes = [0; LONGEST_LINE];
            let mut bytes = ReadBuf::new(&mut bytes);
            let Stream::Plain(stream) = &*client.stream.borrow() else {
                return Poll::Ready(None);
            };
            let peeked = ready!(stream.poll_peek(cx, &mut bytes));
            seen.extend_from_slice(bytes.filled());
            Poll::Ready(matches!(peeked, Ok(1..)).then(|| header(&seen)))
        });
        match found.await?? {
            Header::Absent => {
                seen.truncate(before);
                *client.read_again.borrow_mut() = seen.into();
                return Some(None);
            }
            Header::Incomplete => skip(client, seen.len() - before).await?,
            Header::Malformed => {
                client.worker.metrics.closed[CloseReason::ProxyHeader as usize].inc();
                tracing::debug!(peer = %client.peer, "a PROXY protocol header is malformed");
                return None;
            }
            Header::Complete(length, source) => break (length - before, source),
        }
    };
    skip(client, length).await?;
    let trust = &client.entry_point().proxy_protocol;
    Some(source.filter(|_| trust.includes(client.peer)))
}

/// Reads so many bytes, and no more.
async fn skip(client: &Rc<Client>, mut length: usize) -> Option<()> {
    let mut sink = [0; 256];
    while length > 0 {
        let most = length.min(sink.len());
        let read = obedient(client, |cx| match &*client.stream.borrow() {
            Stream::Plain(stream) => loop {
                ready!(stream.poll_read_ready(cx))?;
                match stream.try_read(&mut sink[..most]) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    done => return Poll::Ready(done),
                }
            },
            Stream::Tls(_) | Stream::Elsewhere => Poll::Ready(Ok(0)),
        });
        match read.await? {
            Ok(read @ 1..) => length -= read,
            Ok(0) | Err(_) => return None,
        }
    }
    Some(())
}

fn header(bytes: &[u8]) -> Header {
    if begins(bytes, LINE) {
        line(bytes)
    } else if begins(bytes, SIGNATURE) {
        binary(bytes)
    } else {
        Header::Absent
    }
}

/// How long a header is, where these bytes are one.
#[cfg(test)]
pub(super) fn header_length(bytes: &[u8]) -> Option<usize> {
    match header(bytes) {
        Header::Complete(length, _) => Some(length),
        Header::Absent | Header::Incomplete | Header::Malformed => None,
    }
}

/// Whether bytes and a beginning are the same as far as both go.
fn begins(bytes: &[u8], beginning: &[u8]) -> bool {
    bytes.iter().zip(beginning).all(|(one, other)| one == other)
}

/// Version 1: `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443`, and an end of the line.
fn line(bytes: &[u8]) -> Header {
    let bytes = &bytes[..bytes.len().min(LONGEST_LINE)];
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() < LONGEST_LINE {
            Header::Incomplete
        } else {
            Header::Malformed
        };
    };
    let complete = |source| Header::Complete(end + 2, source);
    let mut words = str::from_utf8(&bytes[..end])
        .unwrap_or_default()
        .split(' ')
        .skip(1);
    let source = match words.next() {
        // the rest is to be ignored
        Some("UNKNOWN") => return complete(None),
        Some(family @ ("TCP4" | "TCP6")) => {
            let mut address = || {
                let address: IpAddr = words.next()?.parse().ok()?;
                (address.is_ipv4() == (family == "TCP4")).then_some(address)
            };
            address().zip(address())
        }
        _ => None,
    };
    let mut port = || words.next()?.parse::<u16>().ok();
    match (source, port(), port(), words.next()) {
        (Some((source, _)), Some(port), Some(_), None) => complete(Some(SocketAddr::new(source, port))),
        _ => Header::Malformed,
    }
}

/// Version 2: the signature, a byte of version and command, one of family and protocol, a length, addresses, and what
/// else there may be.
fn binary(bytes: &[u8]) -> Header {
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else {
        return Header::Incomplete;
    };
    let [.., command, family, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let needed = match family {
        // of no family, and sockets of Unix: nothing is said about the client
        0x00 | 0x31 | 0x32 => 0,
        0x11 | 0x12 => 12,
        0x21 | 0x22 => ADDRESSES,
        _ => return Header::Malformed,
    };
    let complete = |source| Header::Complete(FIXED + length, source);
    match command {
        // the load balancer speaks for itself, to look whether it is answered
        0x20 => return complete(None),
        0x21 if length >= needed => {}
        _ => return Header::Malformed,
    }
    if rest.len() < needed {
        return Header::Incomplete;
    }
    complete(match (family >> 4, rest) {
        (1, [a, b, c, d, _, _, _, _, high, low, ..]) => {
            let address = Ipv4Addr::new(*a, *b, *c, *d);
            Some((address, u16::from_be_bytes([*high, *low])).into())
        }
        (2, _) => rest.split_first_chunk::<16>().and_then(|(address, rest)| {
            let [high, low] = *rest.get(16..)?.first_chunk()?;
            Some((Ipv6Addr::from(*address), u16::from_be_bytes([high, low])).into())
        }),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, rest].concat()
    }

    #[expect(clippy::unnecessary_wraps, reason = "as a header gives it")]
    fn at(text: &str) -> Option<SocketAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_line_tells_the_address() {
        for (line, source) in [
            (
                "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n",
                at("192.0.2.1:56324"),
            ),
            ("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", at("[2001:db8::1]:1")),
            ("PROXY UNKNOWN\r\n", None),
            ("PROXY UNKNOWN ffff:f...f:ffff ::1 whatever\r\n", None),
        ] {
            let with_more = format!("{line}GET / HTTP/1.1\r\n");
            assert_eq!(
                header(with_more.as_bytes()),
                Header::Complete(line.len(), source),
                "{line}"
            );
        }
    }

    #[test]
    fn a_wrong_line_is_malformed() {
        for line in [
            "PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 1\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 56324 65536\r\n",
            "PROXY TCP4 ::1 ::1 1 1\r\n",
            "PROXY TCP6 192.0.2.1 ::1 1 1\r\n",
            "PROXY TCP4  192.0.2.1 192.0.2.2 1 1\r\n",
            "PROXY UDP4 192.0.2.1 192.0.2.2 1 1\r\n",
            "PROXY \r\n",
        ] {
            assert_eq!(header(line.as_bytes()), Header::Malformed, "{line}");
        }
        let endless = format!("PROXY UNKNOWN {}\r\n", "x".repeat(100));
        assert_eq!(header(endless.as_bytes()), Header::Malformed);
    }

    #[test]
    fn the_binary_form_tells_the_address() {
        let mut six = [0; 36];
        six[..16].copy_from_slice(&"2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        six[32..].copy_from_slice(&[3, 4, 5, 6]);
        let four = [192, 0, 2, 1, 192, 0, 2, 2, 1, 2, 3, 4];
        let with_more = [&four[..], &[0x04, 0, 3, 1, 2, 3]].concat();
        for (command, family, rest, source) in [
            (0x21, 0x11, &four[..], at("192.0.2.1:258")),
            (0x21, 0x11, &with_more[..], at("192.0.2.1:258")),
            (0x21, 0x21, &six[..], at("[2001:db8::1]:772")),
            (0x20, 0x00, &[][..], None),
            (0x20, 0x11, &four[..], None),
            (0x21, 0x00, &[1, 2, 3][..], None),
            (0x21, 0x31, &[0; 216][..], None),
        ] {
            let bytes = v2(command, family, rest);
            assert_eq!(header(&bytes), Header::Complete(bytes.len(), source), "{bytes:?}");
        }
    }

    #[test]
    fn a_wrong_binary_form_is_malformed() {
        for bytes in [
            v2(0x11, 0x11, &[0; 12]),
            v2(0x22, 0x11, &[0; 12]),
            v2(0x21, 0x11, &[0; 11]),
            v2(0x21, 0x41, &[0; 12]),
            v2(0x21, 0x13, &[0; 12]),
        ] {
            assert_eq!(header(&bytes), Header::Malformed, "{bytes:?}");
        }
    }

    #[test]
    fn everything_else_is_no_header() {
        for bytes in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"PRI * HTTP/2.0",
            b"\x16\x03\x01",
            b"PROPFIND",
            b"\r\nGET",
        ] {
            assert_eq!(header(bytes), Header::Absent, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd_and_the_pieces_do_not_matter(
            bytes in prop_oneof![
                "(PROXY (TCP[46]|UNKNOWN)( [0-9a-f.:]{1,20}){0,5}\r\n.{0,9})".prop_map(String::into_bytes),
                (any::<u8>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..60))
                    .prop_map(|(command, family, rest)| v2(command, family, &rest)),
                proptest::collection::vec(any::<u8>(), 1..60),
            ],
        ) {
            let whole = header(&bytes);
            for end in 1..bytes.len() {
                let part = header(&bytes[..end]);
                prop_assert!(part == whole || part == Header::Incomplete, "{part:?} {whole:?}");
            }
        }
    }
}
