//! A request's head as HTTP/2 has it (RFC 9113, section 8), and back.

use http::{
    HeaderValue, Request, Uri, Version,
    header::{CONNECTION, EXPECT, HOST, TRANSFER_ENCODING},
    uri::{Authority, Scheme},
};

use crate::http::RequestBody;

/// From origin form with a `Host` to a target with an authority. Where the host is none that an authority can be, the
/// request stays as it is, and is refused by who has to write it.
pub(super) fn to_http2(request: &mut Request<RequestBody>, secure: bool) {
    let host = request.headers_mut().remove(HOST);
    let authority = host
        .as_ref()
        .and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut target = request.uri().clone().into_parts();
    target.scheme = Some(if secure { Scheme::HTTPS } else { Scheme::HTTP });
    target.authority = authority;
    if let Ok(target) = Uri::from_parts(target) {
        *request.uri_mut() = target;
    }
    // its frames say where a body ends
    request.headers_mut().remove(TRANSFER_ENCODING);
    request.headers_mut().remove(CONNECTION);
    // hyper would not hear the permission
    if request.headers_mut().remove(EXPECT).is_some() {
        request.body_mut().go_on();
    }
    *request.version_mut() = Version::HTTP_2;
}

/// What [`to_http2`] has changed, undone.
pub(super) fn to_http1(request: &mut Request<RequestBody>) {
    let target = std::mem::take(request.uri_mut()).into_parts();
    let host = target
        .authority
        .and_then(|authority| HeaderValue::try_from(authority.as_str()).ok());
    if let Some(host) = host {
        request.headers_mut().insert(HOST, host);
    }
    if let Some(path) = target.path_and_query {
        *request.uri_mut() = Uri::from(path);
    }
    *request.version_mut() = Version::HTTP_11;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_goes_there_and_back() {
        let mut request = Request::get("/a?b=c")
            .header(HOST, "example.com:81")
            .body(RequestBody::Empty)
            .unwrap();
        to_http2(&mut request, true);
        assert_eq!(request.uri(), "https://example.com:81/a?b=c");
        assert_eq!((request.headers().len(), request.version()), (0, Version::HTTP_2));
        to_http1(&mut request);
        assert_eq!(request.uri(), "/a?b=c");
        assert_eq!(request.headers()[HOST], "example.com:81");
        assert_eq!(
            (request.headers().len(), request.version()),
            (1, Version::HTTP_11)
        );
    }
}
