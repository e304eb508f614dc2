//! Heads that are no heads, or two at a time.

use super::{passed, refused};

#[tokio::test]
async fn a_malformed_line_is_refused() {
    refused(&[
        (
            "obs-fold",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n folded\r\n\r\n",
            400,
        ),
        (
            "obs-fold by a tab",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tfolded\r\n\r\n",
            400,
        ),
        (
            "a space before the first name",
            b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
            400,
        ),
        (
            "a space before the colon",
            b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            400,
        ),
        (
            "a tab before the colon",
            b"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n",
            400,
        ),
        (
            "a space in a name",
            b"GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n",
            400,
        ),
        ("no name", b"GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n", 400),
        ("no colon", b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 400),
        (
            "a bare CR in a value",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n",
            400,
        ),
        (
            "a bare CR before a name",
            b"GET / HTTP/1.1\r\nHost: a\r\n\rX: y\r\n\r\n",
            400,
        ),
        ("a bare CR as a line's end", b"GET / HTTP/1.1\rHost: a\r\r", 400),
        (
            "NUL in a value",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n",
            400,
        ),
        (
            "NUL in a name",
            b"GET / HTTP/1.1\r\nHost: a\r\nX\0: y\r\n\r\n",
            400,
        ),
        ("NUL in a path", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("NUL in a host", b"GET / HTTP/1.1\r\nHost: a\0\r\n\r\n", 400),
        ("NUL in a method", b"GE\0T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (
            "DEL in a value",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n",
            400,
        ),
        (
            "a control character in a path",
            b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
        ),
        ("a space in a path", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (
            "a tab after the method",
            b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
        ),
        ("no version", b"GET /\r\nHost: a\r\n\r\n", 400),
        ("version 0.9", b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 400),
        ("version 1.2", b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 400),
        ("version 2.0", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400),
        ("version 1.10", b"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400),
        ("another protocol", b"GET / HTTQ/1.1\r\nHost: a\r\n\r\n", 400),
        (
            "a name in bytes beyond ASCII",
            b"GET / HTTP/1.1\r\nHost: a\r\nX\xc3\xa9: y\r\n\r\n",
            400,
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_bare_lf_ends_a_line_and_goes_no_further() {
    // RFC 9112, section 2.2, lets it; the upstream gets proper lines
    let seen = passed("bare LF", b"GET / HTTP/1.1\nHost: a\nX: y\n\n", true).await;
    assert_eq!(seen, "GET / HTTP/1.1\r\nhost: a\r\nx: y\r\n\r\n");
    let body = b"POST / HTTP/1.1\nHost: a\nContent-Length: 5\n\nhello";
    let seen = passed("bare LF before a body", body, true).await;
    assert_eq!(
        seen,
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello"
    );
}

#[tokio::test]
async fn there_is_one_host_and_it_is_a_host() {
    let mut cases = Vec::new();
    for host in [
        "Host: a\r\nHost: b",
        "Host: a\r\nHost: a",
        "Host: a\r\nhost: a",
        "X: y",
    ] {
        cases.push((host, format!("GET / HTTP/1.1\r\n{host}\r\n\r\n")));
    }
    for host in [
        "user@a",
        "user:secret@a",
        "a b",
        "a/b",
        "a?b",
        "a#b",
        "a\\b",
        "http://a",
        "a\"b",
        "a<b",
        "\u{e4}",
    ] {
        cases.push((host, format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")));
    }
    let cases: Vec<_> = cases
        .iter()
        .map(|(name, bytes)| (*name, bytes.as_bytes(), 400))
        .collect();
    // these connections go on: the message itself is understood
    for (name, bytes, status) in cases {
        let scene = super::Scene::start().await;
        let statuses = scene.statuses(bytes).await;
        assert!(
            statuses == [status] || statuses == [status, 200],
            "{name}: {statuses:?}"
        );
        assert!(!scene.upstream.all().starts_with("GET / "), "{name}");
    }
}

#[tokio::test]
async fn an_absolute_target_is_the_host_whatever_the_header_says() {
    for (target, host, seen) in [
        (
            "http://real.example/x?y",
            "other.example",
            "GET /x?y HTTP/1.1\r\nhost: real.example\r\n\r\n",
        ),
        (
            "http://real.example:81/",
            "other.example",
            "GET / HTTP/1.1\r\nhost: real.example:81\r\n\r\n",
        ),
        (
            "http://user:secret@real.example/",
            "other.example",
            "GET / HTTP/1.1\r\nhost: real.example\r\n\r\n",
        ),
        ("http://a@b@real.example/", "other.example", ""),
        (
            "http://real.example",
            "other.example",
            "GET / HTTP/1.1\r\nhost: real.example\r\n\r\n",
        ),
    ] {
        let bytes = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        if seen.is_empty() {
            let scene = super::Scene::start().await;
            assert_eq!(scene.statuses(bytes.as_bytes()).await, [400, 200], "{target}");
            assert!(!scene.upstream.all().contains("real.example"));
        } else {
            assert_eq!(passed(target, bytes.as_bytes(), true).await, seen, "{target}");
        }
    }
}

#[tokio::test]
async fn nobody_gets_a_tunnel() {
    let scene = super::Scene::start().await;
    for bytes in [
        &b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"[..],
        b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nContent-Length: 5\r\n\r\nhello",
        b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        let statuses = scene.statuses(bytes).await;
        assert!(statuses == [501] || statuses == [501, 200], "{statuses:?}");
    }
    assert!(!scene.upstream.all().contains("CONNECT"));
}

#[tokio::test]
async fn an_upgrade_to_h2c_is_not_forwarded() {
    let upgrade = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
        HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    let seen = passed("h2c", upgrade, true).await;
    assert_eq!(seen, "GET / HTTP/1.1\r\nhost: a\r\n\r\n");
}

#[tokio::test]
async fn names_with_underscores_pass_for_nothing_else() {
    let head =
        b"POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 50\r\nTransfer_Encoding: chunked\r\nX_Own: y\r\n\
        X_Forwarded_For: 6.6.6.6\r\nX-Real_Ip: 6.6.6.6\r\nContent-Length: 5\r\n\r\nhello";
    let seen = passed("underscores", head, true).await;
    // as in Traefik, only those that tell who asked are removed
    assert_eq!(
        seen,
        "POST / HTTP/1.1\r\nhost: a\r\ncontent_length: 50\r\ntransfer_encoding: chunked\r\nx_own: y\r\n\
         content-length: 5\r\n\r\nhello"
    );
}

#[tokio::test]
async fn many_requests_at_once_are_as_many_requests() {
    let scene = super::Scene::start().await;
    let one = "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 46\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n12345";
    let statuses = scene.statuses(one.repeat(3).as_bytes()).await;
    assert_eq!(statuses, [200; 4]);
    let seen = scene.upstream.all();
    let heads = seen.matches("POST /one").count();
    assert_eq!(
        (heads, seen.matches("content-length: 46\r\n").count()),
        (3, 3),
        "{seen}"
    );
}

#[tokio::test]
async fn an_early_answer_to_who_asks_before_sending_needs_no_body() {
    let scene = super::Scene::start().await;
    let mut client = scene.fixture.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a b\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        .await;
    assert_eq!(client.response().await.status, 400);
    assert!(
        client.is_closed().await,
        "what comes could be a body or a request"
    );
}
