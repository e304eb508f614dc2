//! A probe by gRPC's health service: `grpc.health.v1.Health/Check` for the server as a whole.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode,
    header::{CONTENT_TYPE, TE},
};
use http_body_util::Full;

use super::{
    exchange::{Answer, Speak, exchange},
    http::headers,
    location::Place,
};
use crate::{
    dns::Resolver,
    health::{Fault, Health, Passed, Verdict},
};

const METHOD: &str = "/grpc.health.v1.Health/Check";
/// Before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;
/// A `HealthCheckRequest` without a service: nothing, in its frame.
const REQUEST: &[u8] = &[0; PREFIX];

/// Probes once.
pub(super) async fn ask(resolver: &Resolver, health: &Health) -> Verdict {
    let check = &health.check;
    let place = Place {
        address: health.address.clone(),
        path: METHOD.to_owned(),
        scheme: check.scheme,
    };
    let host = check.settings.hostname.clone();
    let mut request = Request::new(Full::new(Bytes::from_static(REQUEST)));
    *request.uri_mut() = place.uri(&host.unwrap_or_else(|| place.address.to_string()))?;
    *request.method_mut() = Method::POST;
    *request.headers_mut() = headers(&check.settings)?;
    request
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    request
        .headers_mut()
        .insert(TE, HeaderValue::from_static("trailers"));
    let speak = Speak::Http2(check.scheme);
    let answer = exchange(resolver, check, &place.address, speak, request, true).await?;
    judge(&answer)
}

fn judge(Answer { head, body, trailers }: &Answer) -> Verdict {
    if head.status != StatusCode::OK {
        return Err(Fault::Status(head.status.as_u16()));
    }
    // an error may come without a body, and then without trailers
    let status = text(trailers, "grpc-status").or_else(|| text(&head.headers, "grpc-status"));
    match status {
        Some("0") => {}
        Some(status) => {
            let message = text(trailers, "grpc-message").or_else(|| text(&head.headers, "grpc-message"));
            let message = message.unwrap_or_default();
            return Err(Fault::Grpc(
                format!("status {status} {message}").trim_end().to_owned(),
            ));
        }
        None => return Err(Fault::Grpc("it says no status".to_owned())),
    }
    match serving(body) {
        Some(1) => Ok(Passed::Serving),
        Some(0) => Err(Fault::Grpc("it does not know whether it serves".to_owned())),
        Some(2) => Err(Fault::Grpc("it does not serve".to_owned())),
        Some(other) => Err(Fault::Grpc(format!("it is in state {other}"))),
        None => Err(Fault::Grpc("its answer cannot be read".to_owned())),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The field `status` of a `HealthCheckResponse` in its frame.
fn serving(body: &[u8]) -> Option<u64> {
    let (prefix, message) = body.split_at_checked(PREFIX)?;
    let (compressed, length) = prefix.split_first()?;
    let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
    if *compressed != 0 || message.len() != length {
        return None;
    }
    let mut rest = message;
    // as in all of protobuf: what is not there is 0, the last one counts, unknown fields are passed over
    let mut status = 0;
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        match (key >> 3, key & 7) {
            (1, 0) => status = varint(&mut rest)?,
            (_, 0) => {
                varint(&mut rest)?;
            }
            (_, 1) => rest = rest.get(8..)?,
            (_, 2) => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
            }
            (_, 5) => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

/// Takes a number of up to 64 bits, seven in a byte, the lowest first.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_read_from_all_that_protobuf_may_write() {
        for (body, state) in [
            (&[0, 0, 0, 0, 2, 8, 1][..], Some(1)),
            (&[0, 0, 0, 0, 2, 8, 2], Some(2)),
            // 0 is not written
            (&[0, 0, 0, 0, 0], Some(0)),
            // other fields around it
            (&[0, 0, 0, 0, 9, 0x12, 1, b'x', 8, 1, 0x1d, 0, 0, 0], None),
            (&[0, 0, 0, 0, 10, 0x12, 1, b'x', 8, 1, 0x1d, 0, 0, 0, 0], Some(1)),
            // in more bytes than it takes
            (&[0, 0, 0, 0, 3, 8, 0x81, 0], Some(1)),
            // compressed, cut off, too long, not even a frame
            (&[1, 0, 0, 0, 2, 8, 1], None),
            (&[0, 0, 0, 0, 2, 8], None),
            (&[0, 0, 0, 0, 2, 8, 1, 0], None),
            (&[0, 0, 0, 0, 1, 8], None),
            (&[0, 0, 0, 0], None),
            (
                &[
                    0, 0, 0, 0, 11, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
                ],
                None,
            ),
        ] {
            assert_eq!(serving(body), state, "{body:?}");
        }
    }
}
