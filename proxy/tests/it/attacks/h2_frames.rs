//! Requests that HTTP/2 can carry and HTTP/1.1 must not.

use super::Scene;
use crate::support::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, Raw, SETTINGS, Said, WINDOW_UPDATE, block,
    frame, request,
};

type Fields<'a> = Vec<(&'a [u8], &'a [u8])>;

/// What becomes of a request without a body, on a connection of its own; and the next one on it is served, if there is
/// still a connection.
async fn said(scene: &Scene, fields: &[(&[u8], &[u8])]) -> Said {
    let mut client = Raw::connect(scene.fixture.web).await;
    let said = client.ask(1, fields).await;
    if said != Said::End {
        assert_eq!(
            client.ask(3, &request("GET", "/next", &[])).await,
            Said::Status(200)
        );
    }
    said
}

#[tokio::test]
async fn headers_of_http1_and_odd_bytes_are_refused() {
    let scene = Scene::start().await;
    for (name, value) in [
        (&b"transfer-encoding"[..], &b"chunked"[..]),
        (b"connection", b"close"),
        (b"connection", b"x-own"),
        (b"keep-alive", b"5"),
        (b"proxy-connection", b"x"),
        (b"upgrade", b"h2c"),
        (b"te", b"gzip"),
        (b"x", b"y\r\nevil: 1"),
        (b"x", b"y\nevil: 1"),
        (b"x", b"y\rz"),
        (b"x", b"y\0z"),
        (b"X", b"y"),
        (b"x y", b"z"),
        (b"x:", b"y"),
        (b"x\r\nevil", b"y"),
        (b"", b"y"),
        (b":unknown", b"y"),
        (b":path", b"/again"),
        (b":method", b"POST"),
        (b":status", b"200"),
        (b"content-length", b"5"),
    ] {
        let mut fields = request("GET", "/first", &[]);
        fields.push((name, value));
        let said = said(&scene, &fields).await;
        let case = format!("{}: {}", name.escape_ascii(), value.escape_ascii());
        assert!(
            matches!(said, Said::Reset | Said::End | Said::Status(400)),
            "{case}: {said:?}"
        );
    }
    let seen = scene.upstream.all();
    assert!(!seen.contains("/first") && !seen.contains("evil"), "{seen}");
    assert_eq!(
        said(&scene, &request("GET", "/", &[("te", "trailers")])).await,
        Said::Status(200)
    );
}

#[tokio::test]
async fn the_request_itself_is_no_place_for_another_one() {
    let scene = Scene::start().await;
    let with = |method, scheme, authority, path| -> Fields<'static> {
        let fields: [(&[u8], &[u8]); 4] = [
            (b":method", method),
            (b":scheme", scheme),
            (b":authority", authority),
            (b":path", path),
        ];
        fields.into()
    };
    let (get, http, a): (&[u8], &[u8], &[u8]) = (b"GET", b"http", b"a");
    for fields in [
        with(b"GET /first HTTP/1.1\r\nx: y", http, a, b"/first"),
        with(b"GET x", http, a, b"/first"),
        with(b"", http, a, b"/first"),
        with(get, http, a, b"/first HTTP/1.1\r\nx: y"),
        with(get, http, a, b"/first x"),
        with(get, http, a, b""),
        with(get, http, a, b"first"),
        with(get, http, a, b"*"),
        with(get, http, a, b"http://b/first"),
        with(get, http, b"a\r\nevil: 1", b"/first"),
        with(get, http, b"a b", b"/first"),
        with(get, http, b"a/b", b"/first"),
        with(get, http, b"", b"/first"),
        with(get, b"http://b/first?", a, b"/first"),
        with(b"CONNECT", http, a, b"/first"),
        [&with(get, http, a, b"/first")[1..]].concat(),
        [&with(get, http, a, b"/first")[..3]].concat(),
    ] {
        let said = said(&scene, &fields).await;
        let refused = matches!(said, Said::Reset | Said::End | Said::Status(400 | 404 | 501));
        assert!(refused, "{said:?} of {fields:?}");
    }
    let seen = scene.upstream.all();
    assert!(!seen.contains("first") && !seen.contains("evil"), "{seen}");
}

#[tokio::test]
async fn the_authority_is_the_host() {
    for (authority, host, seen) in [
        ("a", Some("b"), Some("a")),
        ("user:secret@a", None, Some("a")),
        ("a:81", None, Some("a:81")),
        ("a", Some("a"), Some("a")),
    ] {
        let scene = Scene::start().await;
        let mut fields: Fields<'_> = vec![
            (b":method", b"GET"),
            (b":scheme", b"http"),
            (b":authority", authority.as_bytes()),
            (b":path", b"/first"),
        ];
        fields.extend(host.map(|host| (&b"host"[..], host.as_bytes())));
        let said = said(&scene, &fields).await;
        let Some(seen) = seen else {
            assert!(matches!(said, Said::Reset | Said::Status(400)), "{said:?}");
            continue;
        };
        assert_eq!(said, Said::Status(200));
        let all = scene.upstream.all();
        let first = all.split("GET /next").next().unwrap();
        assert_eq!(
            first.matches("host: ").count() - first.matches("x-forwarded-host: ").count(),
            1,
            "{all}"
        );
        assert!(first.contains(&format!("\r\nhost: {seen}\r\n")), "{all}");
    }
    // without one, the headers have to say one, and one only
    let scene = Scene::start().await;
    let mut fields: Fields<'_> = vec![(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/first")];
    fields.extend([(&b"host"[..], &b"a"[..]), (b"host", b"b")]);
    assert!(matches!(
        said(&scene, &fields).await,
        Said::Reset | Said::Status(400)
    ));
    assert!(!scene.upstream.all().contains("/first"));
}

#[tokio::test]
async fn a_body_has_the_length_that_was_announced() {
    for (length, body, fits) in [
        ("5", &b"hello"[..], true),
        ("5", b"hell", false),
        ("5", b"hello!", false),
        ("0", b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", false),
        ("+5", b"hello", false),
        ("5,5", b"hello", false),
        ("0x5", b"hello", false),
        ("", b"hello", false),
        ("18446744073709551616", b"hello", false),
    ] {
        let scene = Scene::start().await;
        let mut client = Raw::connect(scene.fixture.web).await;
        let head = block(&request("POST", "/first", &[("content-length", length)]));
        client.send(&frame(HEADERS, END_HEADERS, 1, &head)).await;
        client.send(&frame(DATA, END_STREAM, 1, body)).await;
        let said = client.answer(1).await;
        if fits {
            assert_eq!(said, Said::Status(200));
            continue;
        }
        assert!(
            matches!(said, Said::Reset | Said::End | Said::Status(400)),
            "{length} {said:?}"
        );
        // what its upstream has seen of it is no whole request
        scene
            .fixture
            .metric_becomes("weir_upstream_connections", 0.0)
            .await;
        let seen = scene.upstream.all();
        let body = seen.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        assert!(body.len() < 5 && !seen.contains("smuggled"), "{seen}");
    }
    // several lengths that differ
    let scene = Scene::start().await;
    let fields = request(
        "POST",
        "/first",
        &[("content-length", "0"), ("content-length", "5")],
    );
    assert!(matches!(
        said(&scene, &fields).await,
        Said::Reset | Said::Status(400)
    ));
    assert!(!scene.upstream.all().contains("/first"));
}

#[tokio::test]
async fn a_body_that_looks_like_chunks_is_none() {
    let scene = Scene::start().await;
    let mut client = Raw::connect(scene.fixture.web).await;
    let body = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    client
        .send(&frame(
            HEADERS,
            END_HEADERS,
            1,
            &block(&request("POST", "/", &[])),
        ))
        .await;
    client.send(&frame(DATA, END_STREAM, 1, body)).await;
    assert_eq!(client.answer(1).await, Said::Status(200));
    let seen = scene.upstream.all();
    assert!(seen.contains("\r\ntransfer-encoding: chunked\r\n"), "{seen}");
    let framed = format!("\r\n\r\n{:x}\r\n0\r\n\r\nGET /smuggled", body.len()).to_uppercase();
    assert!(seen.to_uppercase().contains(&framed), "{seen}");
}

#[tokio::test]
async fn trailers_never_become_headers() {
    let scene = Scene::start().await;
    let mut client = Raw::connect(scene.fixture.web).await;
    client
        .send(&frame(
            HEADERS,
            END_HEADERS,
            1,
            &block(&request("POST", "/", &[])),
        ))
        .await;
    client.send(&frame(DATA, 0, 1, b"hello")).await;
    let trailers = block(&[(b"host", b"evil"), (b"x-own", b"evil")]);
    client
        .send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &trailers))
        .await;
    assert_eq!(client.answer(1).await, Said::Status(200));
    let seen = scene.upstream.all();
    assert!(
        !seen.contains("evil") && seen.ends_with("5\r\nhello\r\n0\r\n\r\n"),
        "{seen}"
    );
}

#[tokio::test]
async fn frames_out_of_place_end_the_connection() {
    let scene = Scene::start().await;
    let head = block(&request("GET", "/first", &[]));
    for (name, frames) in [
        ("DATA before HEADERS", frame(DATA, 0, 1, b"x")),
        (
            "HEADERS on stream 0",
            frame(HEADERS, END_HEADERS | END_STREAM, 0, &head),
        ),
        (
            "HEADERS on an even stream",
            frame(HEADERS, END_HEADERS | END_STREAM, 2, &head),
        ),
        (
            "CONTINUATION without HEADERS",
            frame(CONTINUATION, END_HEADERS, 1, &head),
        ),
        ("a PING of 7 bytes", frame(PING, 0, 0, &[0; 7])),
        ("a PING on a stream", frame(PING, 0, 1, &[0; 8])),
        ("SETTINGS of 5 bytes", frame(SETTINGS, 0, 0, &[0; 5])),
        ("SETTINGS on a stream", frame(SETTINGS, 0, 1, &[])),
        ("a window of nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        (
            "a window that overflows",
            frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
        ),
        (
            "a frame of 16 MiB",
            [&[0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1][..], b"x"].concat(),
        ),
        (
            "broken HPACK",
            frame(
                HEADERS,
                END_HEADERS | END_STREAM,
                1,
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            ),
        ),
        ("something between HEADERS and CONTINUATION", {
            [
                frame(HEADERS, END_STREAM, 1, &head[..5]),
                frame(PING, 0, 0, &[0; 8]),
            ]
            .concat()
        }),
    ] {
        let mut client = Raw::connect(scene.fixture.web).await;
        client.send(&frames).await;
        assert_eq!(client.answer(1).await, Said::End, "{name}");
        assert!(client.is_closed().await);
    }
    assert_eq!(scene.upstream.all(), "");
    scene.fixture.metric_becomes("weir_connections", 0.0).await;
}
