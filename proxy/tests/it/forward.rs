//! A request goes to its service and the answer comes back, unchanged.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Backend, Documents, Fixture, RawBackend, answer};

#[tokio::test]
async fn the_target_arrives_as_it_was_sent_but_for_its_spelling() {
    let backend = Backend::named("hello").await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    for (target, arrives) in [
        ("/", "/"),
        ("/?", "/?"),
        ("/a%2Fb/c?x=1;y=%20&z", "/a%2Fb/c?x=1&y=%20&z"),
        ("/a?b?c=/../d//%41", "/a?b?c=/../d//%41"),
        ("/%41//b/../c", "/A/c"),
    ] {
        let response = fixture.get(target).await;
        assert_eq!((response.status, response.text()), (200, "hello"));
        assert_eq!(backend.received().last().unwrap().target, arrives);
    }
}

#[tokio::test]
async fn bodies_pass_both_ways_whatever_their_framing() {
    let backend = Backend::start(|request| answer(request.body.clone())).await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    for size in [0, 1, 4_096, 300_000] {
        let body = vec![b'x'; size];
        assert_eq!(client.post("/", &body).await.body, body);
    }
    let response = client
        .ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        .await;
    assert_eq!(response.text(), "hello");
    let last = backend.received().pop().unwrap();
    assert_eq!(
        (last.header("transfer-encoding"), last.header("content-length")),
        (Some("chunked"), None)
    );
    assert_eq!(
        backend.connections(),
        1,
        "the upstream's connection is used again"
    );
}

#[tokio::test]
async fn a_get_keeps_its_body() {
    let backend = Backend::start(|request| answer(request.body.clone())).await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    for framed in [
        "Content-Length: 5\r\n\r\nquery",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nquery\r\n0\r\n\r\n",
    ] {
        let response = client.ask(format!("GET / HTTP/1.1\r\nHost: a\r\n{framed}")).await;
        assert_eq!(response.text(), "query", "{framed}");
    }
}

#[tokio::test]
async fn an_upstream_of_http_1_0_loses_no_body() {
    let backend = RawBackend::start(|mut stream| async move {
        let mut seen = Vec::new();
        while let Ok(1..) = stream.read_buf(&mut seen).await {
            if seen.ends_with(b"0\r\n\r\n") {
                let answer = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\n";
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream
                    .write_all(if seen.ends_with(b"5\r\nquery\r\n0\r\n\r\n") {
                        b"good"
                    } else {
                        b"lost"
                    })
                    .await;
                seen.clear();
            }
        }
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    for _ in 0..3 {
        let request =
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nquery\r\n0\r\n\r\n";
        assert_eq!(client.ask(request).await.text(), "good");
    }
}

#[tokio::test]
async fn a_response_streams_as_it_comes() {
    let backend = RawBackend::start(|mut stream| async move {
        let mut buffer = [0; 1024];
        let _ = stream.read(&mut buffer).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
            .await;
        // goes on only when the client has seen the first piece
        let _ = stream.read(&mut buffer).await;
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut seen = Vec::new();
    while !seen.ends_with(b"3\r\none\r\n") {
        assert!(client.stream.read_buf(&mut seen).await.unwrap() > 0);
    }
}

#[tokio::test]
async fn statuses_reasons_and_heads_without_bodies_pass() {
    let backend = RawBackend::start(|mut stream| async move {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            let answer: &[u8] = if buffer[..read].starts_with(b"HEAD") {
                b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"
            } else if buffer[..read].starts_with(b"GET /204") {
                b"HTTP/1.1 204 Nothing Here\r\n\r\n"
            } else {
                b"HTTP/1.1 299 Quite Special\r\nContent-Length: 2\r\n\r\nok"
            };
            let _ = stream.write_all(answer).await;
        }
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let response = client.head_response().await;
    assert_eq!(
        (response.status, response.header("content-length")),
        (200, Some("1234"))
    );
    let response = client.get("/204").await;
    assert_eq!((response.status, response.reason.as_str()), (204, "Nothing Here"));
    let response = client.get("/").await;
    assert_eq!(
        (response.status, response.reason.as_str(), response.text()),
        (299, "Quite Special", "ok")
    );
}

#[tokio::test]
async fn a_client_of_http_1_0_gets_a_response_that_it_understands() {
    let backend = RawBackend::start(|mut stream| async move {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        let request = String::from_utf8_lossy(&buffer[..read]).to_ascii_lowercase();
        assert!(
            request.starts_with("get / http/1.1\r\n") && request.contains("\r\nhost: 127.0.0.1:"),
            "{request}"
        );
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n")
            .await;
        let _ = stream.read(&mut buffer).await;
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let response = fixture.client().await.ask("GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(
        (response.header("transfer-encoding"), response.text()),
        (None, "one")
    );
}

#[tokio::test]
async fn trailers_pass_to_a_client_that_wants_them_and_not_to_the_upstream() {
    let backend = RawBackend::start(|mut stream| async move {
        let mut seen = Vec::new();
        while !seen.ends_with(b"0\r\n\r\n") {
            assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
        }
        let text = String::from_utf8(seen).unwrap().to_ascii_lowercase();
        assert!(
            text.contains("te: trailers") && !text.contains("x-request"),
            "{text}"
        );
        let answer = "HTTP/1.1 200 OK\r\nTrailer: x-checksum\r\nTransfer-Encoding: chunked\r\n\r\n\
                      2\r\nok\r\n0\r\nx-checksum: 42\r\n\r\n";
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.read(&mut [0; 64]).await;
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let request = "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: x-request\r\n\
                   Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-request: 1\r\n\r\n";
    let response = fixture.client().await.ask(request).await;
    assert_eq!(response.text(), "ok");
    assert_eq!(response.trailers, [("x-checksum".to_owned(), "42".to_owned())]);
}

#[tokio::test]
async fn a_client_that_asks_for_permission_gets_it_and_sends() {
    let backend = Backend::start(|request| answer(request.body.clone())).await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        .await;
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        assert!(client.stream.read_buf(&mut seen).await.unwrap() > 0);
    }
    assert!(seen.starts_with(b"HTTP/1.1 100 Continue"));
    assert_eq!(client.ask("ok").await.text(), "ok");
    assert_eq!(backend.received()[0].header("expect"), Some("100-continue"));
}

#[tokio::test]
async fn a_length_beside_chunks_never_frames_a_response() {
    let backend = RawBackend::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.read(&mut [0; 64]).await;
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let response = fixture.get("/").await;
    assert_eq!(
        (response.header("content-length"), response.text()),
        (None, "hello")
    );
}
