//! The headers that tell an upstream who asked, in Traefik's way. A client's own are believed where its entry point
//! trusts its address, and replaced otherwise.

use http::{HeaderMap, HeaderName, HeaderValue, header::HOST};
use weir_model::entry_point::RedirectScheme;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(super) static X_FORWARDED_SERVER: HeaderName = HeaderName::from_static("x-forwarded-server");
static X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

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
    /// What the client says itself is believed.
    pub(super) trusted: bool,
    /// Protocols that the client wants to go on with.
    pub(super) upgrade: Option<&'a HeaderValue>,
}

impl Forwarded<'_> {
    /// Writes them. Of a client that is not trusted, its own have been removed.
    pub(super) fn write(&self, headers: &mut HeaderMap, websocket: bool) {
        headers.insert(&X_FORWARDED_SERVER, self.server.clone());
        if self.trusted {
            return self.complete(headers, websocket);
        }
        if let Some(host) = headers.get(HOST).cloned() {
            headers.insert(&X_FORWARDED_PORT, self.port_beside(&host));
            headers.insert(&X_FORWARDED_HOST, host);
        } else {
            headers.insert(&X_FORWARDED_PORT, self.port.clone());
        }
        headers.insert(&X_FORWARDED_PROTO, self.proto(websocket));
        headers.insert(&X_REAL_IP, self.peer.clone());
        headers.insert(&X_FORWARDED_FOR, self.peer.clone());
    }

    /// Adds what a trusted client has not said.
    fn complete(&self, headers: &mut HeaderMap, websocket: bool) {
        let host = headers.get(HOST).cloned();
        if is_missing(headers, &X_FORWARDED_PORT) {
            let port = match host.as_ref().and_then(port_of) {
                Some(port) => HeaderValue::from_bytes(port).unwrap_or_else(|_| self.port.clone()),
                // TLS has ended before, at a port of which nothing is known here
                None if claimed_scheme(headers) == Some(RedirectScheme::Https) && !self.secure => {
                    HeaderValue::from_static("443")
                }
                None => self.port.clone(),
            };
            headers.insert(&X_FORWARDED_PORT, port);
        }
        if is_missing(headers, &X_FORWARDED_PROTO) {
            headers.insert(&X_FORWARDED_PROTO, self.proto(websocket));
        }
        if let Some(host) = host.filter(|_| is_missing(headers, &X_FORWARDED_HOST)) {
            headers.insert(&X_FORWARDED_HOST, host);
        }
        if is_missing(headers, &X_REAL_IP) {
            headers.insert(&X_REAL_IP, self.peer.clone());
        }
        let before = headers
            .get_all(&X_FORWARDED_FOR)
            .iter()
            .map(HeaderValue::as_bytes);
        let way: Vec<_> = before
            .filter(|line| !line.is_empty())
            .chain([self.peer.as_bytes()])
            .collect();
        let way = HeaderValue::from_bytes(&way.join(&b", "[..]));
        headers.insert(&X_FORWARDED_FOR, way.unwrap_or_else(|_| self.peer.clone()));
    }

    fn proto(&self, websocket: bool) -> HeaderValue {
        HeaderValue::from_static(match (self.secure, websocket) {
            (false, false) => "http",
            (true, false) => "https",
            (false, true) => "ws",
            (true, true) => "wss",
        })
    }

    fn port_beside(&self, host: &HeaderValue) -> HeaderValue {
        let port = port_of(host).filter(|port| *port != self.port.as_bytes());
        let port = port.and_then(|port| HeaderValue::from_bytes(port).ok());
        port.unwrap_or_else(|| self.port.clone())
    }
}

/// The scheme that a client says was used where it came from.
pub(super) fn claimed_scheme(headers: &HeaderMap) -> Option<RedirectScheme> {
    let proto = headers.get(&X_FORWARDED_PROTO)?.as_bytes();
    let is = |names: [&str; 2]| {
        names
            .iter()
            .any(|name| proto.eq_ignore_ascii_case(name.as_bytes()))
    };
    if is(["https", "wss"]) {
        Some(RedirectScheme::Https)
    } else {
        is(["http", "ws"]).then_some(RedirectScheme::Http)
    }
}

/// Whether a header is one that tells who asked.
pub(super) fn is_forwarding(name: &HeaderName) -> bool {
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

fn is_missing(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get(name).is_none_or(|value| value.as_bytes().is_empty())
}

/// The port in a `Host` header.
fn port_of(host: &HeaderValue) -> Option<&[u8]> {
    let host = host.as_bytes();
    let colon = host.iter().rposition(|byte| *byte == b':')?;
    let port = &host[colon + 1..];
    let number = str::from_utf8(port).ok()?.parse::<u16>();
    (number.is_ok() && port[0].is_ascii_digit()).then_some(port)
}
