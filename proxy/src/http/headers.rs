//! The headers that change on the way: hop-by-hop ones end here (RFC 9110, section 7.6.1), forwarding ones
//! tell the upstream who asked, in Traefik's way. A client's own forwarding headers are not believed.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE},
};

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static X_FORWARDED_SERVER: HeaderName = HeaderName::from_static("x-forwarded-server");
static X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

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

/// What clients must not be able to claim, with `-` or `_`.
const FORWARDING: [&str; 13] = [
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-tls-client-cert",
    "x-forwarded-tls-client-cert-info",
    "x-forwarded-uri",
    "x-real-ip",
    "x-scheme",
];

/// What the forwarding headers say.
#[derive(Debug)]
pub(super) struct Forwarded<'a> {
    /// The client's address.
    pub(super) peer: &'a HeaderValue,
    /// The port where clients reach the entry point, for requests whose `Host` has none.
    pub(super) port: &'a HeaderValue,
    /// The client speaks TLS.
    pub(super) secure: bool,
    /// This host's name.
    pub(super) server: &'a HeaderValue,
    /// Protocols that the client wants to go on with.
    pub(super) upgrade: Option<&'a HeaderValue>,
}

/// Prepares a request's headers for its upstream.
pub(super) fn prepare_request(headers: &mut HeaderMap, forwarded: &Forwarded<'_>) {
    let mut trailers = false;
    let proto = match (forwarded.secure, is_websocket(forwarded.upgrade)) {
        (false, false) => "http",
        (true, false) => "https",
        (false, true) => "ws",
        (true, true) => "wss",
    };
    // most requests have nothing to take away: look once, then take away by name
    let mut found = Vec::new();
    for (name, value) in &*headers {
        match name.as_str() {
            "connection" => nominated(value, &mut found),
            "te" => trailers |= tokens(value).any(|token| token.eq_ignore_ascii_case("trailers")),
            _ => {}
        }
        if REQUEST_HOPS.contains(&name.as_str()) || is_forwarding(name) {
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
    if let Some(host) = headers.get(HOST).cloned() {
        let port = port_of(&host).filter(|port| *port != forwarded.port.as_bytes());
        let port = port.and_then(|port| HeaderValue::from_bytes(port).ok());
        headers.insert(&X_FORWARDED_PORT, port.unwrap_or_else(|| forwarded.port.clone()));
        headers.insert(&X_FORWARDED_HOST, host);
    } else {
        headers.insert(&X_FORWARDED_PORT, forwarded.port.clone());
    }
    headers.insert(&X_FORWARDED_PROTO, HeaderValue::from_static(proto));
    headers.insert(&X_FORWARDED_SERVER, forwarded.server.clone());
    headers.insert(&X_REAL_IP, forwarded.peer.clone());
    headers.insert(&X_FORWARDED_FOR, forwarded.peer.clone());
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
/// would mean something else.
fn nominated(connection: &HeaderValue, names: &mut Vec<HeaderName>) {
    for token in tokens(connection) {
        let known = ["close", "keep-alive", "upgrade", "te", "host", "content-length"];
        if known.iter().any(|known| token.eq_ignore_ascii_case(known)) {
            continue;
        }
        names.extend(HeaderName::from_bytes(token.as_bytes()).ok());
    }
}

pub(super) fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    let text = value.to_str().unwrap_or_default();
    text.split(',').map(str::trim).filter(|token| !token.is_empty())
}

fn is_forwarding(name: &HeaderName) -> bool {
    let name = name.as_str().as_bytes();
    if !matches!(name, [b'x', b'-' | b'_', ..]) {
        return false;
    }
    let same = |known: &str| {
        let dashed = name.iter().map(|byte| if *byte == b'_' { b'-' } else { *byte });
        known.len() == name.len() && dashed.eq(known.bytes())
    };
    FORWARDING.into_iter().any(same)
}

/// The port in a `Host` header.
fn port_of(host: &HeaderValue) -> Option<&[u8]> {
    let host = host.as_bytes();
    let colon = host.iter().rposition(|byte| *byte == b':')?;
    let port = &host[colon + 1..];
    let number = str::from_utf8(port).ok()?.parse::<u16>();
    (number.is_ok() && port[0].is_ascii_digit()).then_some(port)
}
