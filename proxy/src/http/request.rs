//! What a request must be before anything else looks at it.

use std::borrow::Cow;

use http::{
    HeaderValue, Method, Uri, Version,
    header::{HOST, TRANSFER_ENCODING},
    request::Parts,
};

use super::path::sanitized;
use crate::error::Failure;

/// Checks a request's head and brings it into origin form: one `Host`, and a target that is a path.
///
/// hyper has parsed it before, and frames the body: of `Content-Length` beside `Transfer-Encoding` it drops the
/// former and closes the connection afterwards (RFC 9112, section 6.1), of lengths that differ it refuses all.
pub(super) fn normalize(parts: &mut Parts) -> Result<(), Failure> {
    if parts.method == Method::CONNECT || !is_plainly_framed(parts) {
        return Err(Failure::NotImplemented);
    }
    // may hold a promise to upgrade, which the upstream's connection must not see
    parts.extensions.clear();
    let mut hosts = parts.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => return Err(Failure::BadRequest),
        // with HTTP/2 the target's is enough
        (None, None) if parts.version == Version::HTTP_11 => return Err(Failure::BadRequest),
        _ => {}
    }
    if let Some(authority) = parts.uri.authority() {
        // a user's name and password are not part of the host; a second `@` could be taken for either
        let host = match authority.as_str().split_once('@') {
            Some((_, host)) if host.contains('@') => return Err(Failure::BadRequest),
            Some((_, host)) => host,
            None => authority.as_str(),
        };
        let host = HeaderValue::try_from(host).map_err(|_| Failure::BadRequest)?;
        let target = parts.uri.path_and_query().cloned().ok_or(Failure::BadRequest)?;
        parts.headers.insert(HOST, host);
        parts.uri = Uri::from(target);
    }
    match parts.headers.get(HOST) {
        Some(host) if is_host(host.as_bytes()) => {}
        None if parts.version < Version::HTTP_11 => {}
        _ => return Err(Failure::BadRequest),
    }
    let path = match parts.uri.path() {
        "*" if parts.method == Method::OPTIONS => return Ok(()),
        path if path.starts_with('/') => sanitized(path).map_err(|_| Failure::BadRequest)?,
        _ => return Err(Failure::BadRequest),
    };
    let query = parts.uri.query().map(separated);
    if matches!(path, Cow::Owned(_)) || matches!(query, Some(Cow::Owned(_))) {
        parts.uri = target(path.into_owned(), query.as_deref())?;
    }
    Ok(())
}

/// A query whose pairs are separated by `&` alone: as in Traefik, a `;` becomes one, so that the upstream
/// reads the pairs that the rules have looked at.
fn separated(query: &str) -> Cow<'_, str> {
    if query.contains(';') {
        Cow::Owned(query.replace(';', "&"))
    } else {
        Cow::Borrowed(query)
    }
}

fn target(mut path: String, query: Option<&str>) -> Result<Uri, Failure> {
    if let Some(query) = query {
        path.push('?');
        path.push_str(query);
    }
    Uri::try_from(path).map_err(|_| Failure::BadRequest)
}

/// Whether no other transfer coding than `chunked` is used: hyper takes the chunks apart, and what
/// lies below could not be told to the upstream.
fn is_plainly_framed(parts: &Parts) -> bool {
    let mut codings = parts.headers.get_all(TRANSFER_ENCODING).iter();
    let plain = |coding: &HeaderValue| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
    codings.next().is_none_or(plain) && codings.next().is_none()
}

/// Whether all bytes may stand in a host with a port (RFC 3986, section 3.2.2). Empty is allowed.
fn is_host(host: &[u8]) -> bool {
    host.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"!$%&'()*+,-.:;=[]_~".contains(byte))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(request: http::request::Builder) -> Parts {
        request.body(()).unwrap().into_parts().0
    }

    fn normalized(request: http::request::Builder) -> Result<Parts, Failure> {
        let mut parts = parts(request);
        normalize(&mut parts).map(|()| parts)
    }

    fn get(target: &str) -> http::request::Builder {
        Request::get(target)
    }

    #[test]
    fn a_plain_request_passes_unchanged() {
        let parts = normalized(get("/a%2Fb?c=d&e").header(HOST, "example.com:80")).unwrap();
        assert_eq!(parts.uri, "/a%2Fb?c=d&e");
    }

    #[test]
    fn the_pairs_of_a_query_get_one_separator() {
        let parts = normalized(get("/a;b?c=d;e;f").header(HOST, "a")).unwrap();
        assert_eq!(parts.uri, "/a;b?c=d&e&f");
    }

    #[test]
    fn a_detour_in_the_path_is_removed_before_any_rule_looks() {
        let parts = normalized(get("/public/%2e%2e/admin?a=../b").header(HOST, "a")).unwrap();
        assert_eq!(parts.uri, "/admin?a=../b");
        assert!(normalized(get("/%zz").header(HOST, "a")).is_err());
    }

    #[test]
    fn an_absolute_target_gives_the_host() {
        let parts =
            normalized(get("http://user:secret@real.example:81/path?q").header(HOST, "other")).unwrap();
        assert_eq!(
            (parts.uri.to_string().as_str(), &parts.headers[HOST]),
            ("/path?q", &HeaderValue::from_static("real.example:81"))
        );
    }

    #[test]
    fn exactly_one_sound_host_is_asked_for() {
        assert!(normalized(get("/")).is_err());
        assert!(normalized(get("/").version(Version::HTTP_10)).is_ok());
        assert!(normalized(get("/").header(HOST, "a").header(HOST, "a")).is_err());
        assert!(normalized(get("/").header(HOST, "a b")).is_err());
        assert!(normalized(get("/").header(HOST, "a/b")).is_err());
        assert!(normalized(get("/").header(HOST, "[::1]:80")).is_ok());
    }

    #[test]
    fn other_framing_than_chunks_is_not_implemented() {
        let coded =
            |coding: &str| normalized(get("/").header(HOST, "a").header(TRANSFER_ENCODING, coding)).err();
        assert_eq!(coded("Chunked"), None);
        assert_eq!(coded("gzip, chunked"), Some(Failure::NotImplemented));
        assert_eq!(
            normalized(Request::connect("a:1").header(HOST, "a:1")).err(),
            Some(Failure::NotImplemented)
        );
    }

    #[test]
    fn a_star_is_for_options() {
        assert!(normalized(Request::options("*").header(HOST, "a")).is_ok());
        assert!(normalized(get("*").header(HOST, "a")).is_err());
    }
}
