//! What of a request the rules look at.

use std::borrow::Cow;
use std::net::IpAddr;

use http::HeaderMap;

/// The parts of a request that a rule can match on, in the form in which Traefik compares them. Borrows from the
/// request; allocates only for what has to be rewritten (upper case in the host, encodings in the path).
#[derive(Debug)]
pub struct RequestView<'r> {
    pub(super) method: &'r str,
    pub(super) host: Cow<'r, str>,
    pub(super) path: Cow<'r, str>,
    pub(super) query: &'r str,
    pub(super) headers: &'r HeaderMap,
    pub(super) client_ip: IpAddr,
}

/// A `%` in the path that two hexadecimal digits do not follow; Traefik answers it with 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path has a broken percent-encoding")]
pub struct MalformedPath;

impl<'r> RequestView<'r> {
    /// `host` is the `Host` header or `:authority` as it came; empty if there is none. `path` and `query` are
    /// the target's, undecoded. `client_ip` is the peer of the TCP connection.
    pub fn new(
        method: &'r str,
        host: &'r str,
        path: &'r str,
        query: Option<&'r str>,
        headers: &'r HeaderMap,
        client_ip: IpAddr,
    ) -> Result<Self, MalformedPath> {
        Ok(Self {
            method,
            host: canonical_host(host),
            path: routing_path(path).ok_or(MalformedPath)?,
            query: query.unwrap_or_default(),
            headers,
            client_ip,
        })
    }

    /// The host without port, brackets and one trailing dot, in lower case.
    pub fn host(&self) -> &str {
        &self.host
    }
}

fn canonical_host(host: &str) -> Cow<'_, str> {
    if all_bytes(host, |byte| {
        byte.is_ascii_lowercase() || matches!(byte, b'-'..=b'9')
    }) {
        // nothing but a trailing dot to look for, as nearly always
        return Cow::Borrowed(host.strip_suffix('.').unwrap_or(host));
    }
    let name = without_port(host.trim_ascii());
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

fn without_port(host: &str) -> &str {
    if let Some((address, rest)) = host.strip_prefix('[').and_then(|inside| inside.split_once(']'))
        && (rest.is_empty() || rest.starts_with(':'))
    {
        return address;
    }
    match host.split_once(':') {
        Some((name, port)) if !port.contains(':') => name,
        // no port, or an IPv6 address without brackets
        _ => host,
    }
}

/// The path with its percent-encodings decoded, except for reserved characters (RFC 3986, section 2.2) and `%`,
/// which would change its structure; their encodings are in upper case. `None`: a broken encoding.
fn routing_path(path: &str) -> Option<Cow<'_, str>> {
    if all_bytes(path, |byte| byte != b'%') {
        return Some(Cow::Borrowed(path));
    }
    let mut rest = path.as_bytes();
    let mut decoded = Vec::with_capacity(path.len());
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        rest = after;
        match hexadecimal(digits)? {
            reserved if b":/?#[]@!$&'()*+,;=%".contains(&reserved) => {
                decoded.push(b'%');
                decoded.extend(digits.iter().map(u8::to_ascii_uppercase));
            }
            other => decoded.push(other),
        }
    }
    Some(Cow::Owned(lossy(decoded)))
}

/// Whether a condition holds for all bytes. Without an early exit, so that it needs no branch per byte.
fn all_bytes(text: &str, holds: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |all, byte| all & holds(byte))
}

/// The byte that two hexadecimal digits say.
pub(super) fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    match *digits {
        [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
        _ => None,
    }
}

/// Bytes as text; what is not UTF-8 becomes a replacement character, as which Go's expressions see it too.
pub(super) fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_loses_case_port_brackets_and_one_trailing_dot() {
        for (host, canonical) in [
            ("example.com", "example.com"),
            ("Example.COM:8080", "example.com"),
            ("example.com.", "example.com"),
            ("example.com.:80", "example.com"),
            ("example.com..", "example.com."),
            (" example.com ", "example.com"),
            ("192.0.2.1:80", "192.0.2.1"),
            ("[2001:DB8::1]:443", "2001:db8::1"),
            ("[::1]", "::1"),
            ("::1", "::1"),
            ("example.com:", "example.com"),
            ("[::1", "[::1"),
            ("[", "["),
            (":80", ""),
            ("", ""),
        ] {
            assert_eq!(canonical_host(host), canonical, "{host}");
        }
    }

    #[test]
    fn the_path_is_decoded_but_for_what_gives_it_its_structure() {
        for (path, routed) in [
            ("/foo%20bar", "/foo bar"),
            ("/foo%2Fbar%2fbaz", "/foo%2Fbar%2Fbaz"),
            ("/%41%7E%c3%A9", "/A~é"),
            ("/100%25", "/100%25"),
            ("/%3a%3B%5b%40", "/%3A%3B%5B%40"),
            ("/%ff", "/\u{fffd}"),
        ] {
            assert_eq!(routing_path(path).unwrap(), routed, "{path}");
        }
    }

    #[test]
    fn nothing_is_copied_when_nothing_is_encoded() {
        assert!(matches!(routing_path("/plain/path"), Some(Cow::Borrowed(_))));
        assert!(matches!(canonical_host("example.com:80"), Cow::Borrowed(_)));
    }

    #[test]
    fn broken_encodings_are_refused() {
        for path in ["/%", "/%2", "/%zz", "/%+1", "/a%é"] {
            assert_eq!(routing_path(path), None, "{path}");
        }
    }
}
