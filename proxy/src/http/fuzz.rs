//! Requests' heads with bytes changed at random.

use std::net::Ipv4Addr;

use http::{HeaderName, HeaderValue, Method, Request, Uri, Version, header::HOST, request::Parts};
use weir_model::fuzz::fuzz;

use super::{forwarded::Forwarded, headers, path, proxy_protocol::header_length, request};
use crate::router::RequestView;

const HEADS: [&str; 7] = [
    "GET /foo/%2e%2e/bar%2Fbaz/./a//b?c=d;e&f HTTP/1.1\r\nHost: example.com:80\r\nAccept: */*\r\n\r\n",
    "POST http://user:secret@real.example/a?b HTTP/1.1\r\nHost: other\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: [::1]:8443\r\nConnection: close, X-Forwarded-For\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n",
    "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    "GET /chat HTTP/1.1\r\nHost: a.\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\nHTTP2-Settings: AAA\r\nTE: trailers\r\n\r\n",
    "HEAD / HTTP/1.0\r\nX_Forwarded_Proto: https\r\nX-Real-Ip: ::1\r\nKeep-Alive: 1\r\nProxy-Connection: x\r\n\r\n",
    "GET /\u{e4}%00%zz HTTP/1.1\r\nHost: b\u{fc}cher.example\r\nCookie: a=b; a=c\r\n\r\n",
];

/// As hyper would hand it over; none: it would refuse it.
fn parsed(bytes: &[u8]) -> Option<Parts> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Request::new(&mut headers);
    head.parse(bytes).ok()?.is_complete().then_some(())?;
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(head.method?.as_bytes()).ok()?;
    *request.uri_mut() = Uri::try_from(head.path?).ok()?;
    *request.version_mut() = if head.version? == 0 {
        Version::HTTP_10
    } else {
        Version::HTTP_11
    };
    for header in &*head.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        request
            .headers_mut()
            .append(name, HeaderValue::from_bytes(header.value).ok()?);
    }
    Some(request.into_parts().0)
}

#[test]
fn what_passes_is_sound() {
    let examples = HEADS.map(|head| head.as_bytes().to_vec());
    let (peer, port, server) = ("192.0.2.1", "80", "weir");
    fuzz(&examples, |bytes| {
        let Some(mut parts) = parsed(&bytes) else {
            return;
        };
        if request::normalize(&mut parts).is_err() {
            return;
        }
        assert!(parts.headers.get_all(HOST).iter().count() <= 1);
        assert!(parts.uri.authority().is_none());
        let target = parts.uri.path();
        assert!(target == "*" || target.starts_with('/'), "{target}");
        let plain = target.replace("%2e", ".").replace("%2E", ".");
        assert!(
            !plain.split('/').any(|segment| segment == ".." || segment == "."),
            "{target}"
        );
        // nothing is left to be done
        assert!(
            target == "*" || path::sanitized(target).unwrap() == target,
            "{target}"
        );
        let host = parts
            .headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default();
        let (query, method) = (parts.uri.query(), parts.method.as_str());
        let view = RequestView::new(
            method,
            host,
            target,
            query,
            &parts.headers,
            Ipv4Addr::LOCALHOST.into(),
        );
        assert!(view.is_ok(), "{target}");
        let forwarded = Forwarded {
            peer: &HeaderValue::from_static(peer),
            port: &HeaderValue::from_static(port),
            secure: false,
            server: &HeaderValue::from_static(server),
            trusted: false,
            upgrade: None,
        };
        headers::prepare_request(&mut parts.headers, &forwarded);
        for name in [
            "connection",
            "upgrade",
            "http2-settings",
            "keep-alive",
            "proxy-connection",
            "x_forwarded_proto",
        ] {
            assert!(!parts.headers.contains_key(name), "{name}");
        }
        for name in ["x-forwarded-for", "x-real-ip"] {
            assert!(parts.headers.get_all(name).iter().eq([peer]), "{name}");
        }
        assert!(parts.headers.get_all("x-forwarded-proto").iter().eq(["http"]));
    });
}

#[test]
fn a_proxy_header_is_never_longer_than_what_is_there_and_announced() {
    let examples = [
        b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nGET / HTTP/1.1\r\n".to_vec(),
        b"PROXY UNKNOWN\r\n".to_vec(),
        [
            &b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..],
            &[192, 0, 2, 1, 192, 0, 2, 2, 1, 2, 3, 4],
            b"GET /",
        ]
        .concat(),
        [&b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24"[..], &[1; 36]].concat(),
    ];
    fuzz(&examples, |bytes| {
        if let Some(length) = header_length(&bytes) {
            assert!((15..=16 + 65_535).contains(&length), "{length}");
        }
    });
}
