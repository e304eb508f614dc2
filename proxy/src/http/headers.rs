//! The headers that change on the way: hop-by-hop ones end here (RFC 9110, section 7.6.1), forwarding ones
//! ([`super::forwarded`]) tell the upstream who asked.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, CONTENT_LENGTH, EXPECT, TE, TRAILER, TRANSFER_ENCODING, UPGRADE},
};

use super::forwarded::{Forwarded, is_forwarding};

/// Hop-by-hop headers of requests. `Expect` is among them since the proxy itself asks the client
/// for its body (and the upstream for permission); `HTTP2-Settings` belongs to an upgrade to h2c, which is never made.
const REQUEST_HOPS: [&str; 10] = [
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Hop-by-hop headers of responses. `Trailer` stays: hyper forwards the trailers that it announces.
const RESPONSE_HOPS: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Prepares a request's headers for its upstream.
pub(super) fn prepare_request(headers: &mut HeaderMap, forwarded: &Forwarded<'_>) {
    let mut trailers = false;
    let websocket = is_websocket(forwarded.upgrade);
    // most requests have nothing to take away: look once, then take away by name
    let mut found = Vec::new();
    for (name, value) in &*headers {
        match name.as_str() {
            "connection" => nominated(value, &mut found),
            "te" => trailers |= tokens(value).any(|token| token.eq_ignore_ascii_case("trailers")),
            _ => {}
        }
        if REQUEST_HOPS.contains(&name.as_str()) || (!forwarded.trusted && is_forwarding(name)) {
            found.push(name.clone());
        }
    }
    for name in found {
        headers.remove(name);
    }
    headers.remove(TE);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    forwarded.write(headers, websocket);
}

/// Prepares a response's headers for the client.
pub(super) fn prepare_response(headers: &mut HeaderMap) {
    let mut found = Vec::new();
    for (name, value) in &*headers {
        match name.as_str() {
            "connection" => nominated(value, &mut found),
            // the body was framed by chunks; a length beside them must not frame it for the client
            "transfer-encoding" => found.push(CONTENT_LENGTH),
            _ => {}
        }
        if RESPONSE_HOPS.contains(&name.as_str()) {
            found.push(name.clone());
        }
    }
    for name in found {
        headers.remove(name);
    }
}

/// For a copy without the body that its original has.
pub(crate) fn remove_framing(headers: &mut HeaderMap) {
    for name in [CONTENT_LENGTH, TRANSFER_ENCODING, EXPECT, TRAILER] {
        headers.remove(name);
    }
}

/// Whether a request asks to speak another protocol.
pub(super) fn wants_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE)
        && headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(tokens)
            .any(|token| token.eq_ignore_ascii_case("upgrade"))
}

fn is_websocket(upgrade: Option<&HeaderValue>) -> bool {
    upgrade.is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// The names that a `Connection` header declares hop-by-hop, but for those without which a message
/// would mean something else, and those that tell who asked.
fn nominated(connection: &HeaderValue, names: &mut Vec<HeaderName>) {
    for token in tokens(connection) {
        let known = ["close", "keep-alive", "upgrade", "te", "host", "content-length"];
        if known.iter().any(|known| token.eq_ignore_ascii_case(known)) {
            continue;
        }
        let name = HeaderName::from_bytes(token.as_bytes()).ok();
        names.extend(name.filter(|name| !is_forwarding(name)));
    }
}

pub(super) fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    let text = value.to_str().unwrap_or_default();
    text.split(',').map(str::trim).filter(|token| !token.is_empty())
}
