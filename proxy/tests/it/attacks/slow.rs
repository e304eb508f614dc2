//! As little as keeps a connection.

use std::time::Duration;

use crate::support::{
    Backend, Documents, Fixture, RawBackend,
    frames::{DATA, END_HEADERS, HEADERS, Raw, Said, block, frame, request},
};

const SHORT: Duration = Duration::from_millis(100);
const BODY_TIMEOUT: &str = "weir_connections_closed_total{reason=\"body_timeout\"}";

/// A proxy that asks for 1,000 bytes in any second.
async fn impatient(backend: &Documents) -> Fixture {
    Fixture::with(backend, |options| {
        options.limits.body_timeout = SHORT * 5;
        options.limits.min_body_rate = 1_000;
    })
    .await
}

#[tokio::test]
async fn a_body_that_trickles_is_cut_off_though_it_is_never_silent() {
    let backend = Backend::named("ok").await;
    let fixture = impatient(&Documents::one(backend.address)).await;
    for framing in ["Content-Length: 1000000", "Transfer-Encoding: chunked"] {
        let mut client = fixture.client().await;
        client
            .send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n"))
            .await;
        let piece = if framing.starts_with('C') {
            "x"
        } else {
            "1\r\nx\r\n"
        };
        let mut sent = 0;
        while tokio::io::AsyncWriteExt::write_all(&mut client.stream, piece.as_bytes())
            .await
            .is_ok()
        {
            sent += 1;
            assert!(sent < 500, "{framing}");
            tokio::time::sleep(SHORT / 5).await;
        }
    }
    fixture.metric_becomes(BODY_TIMEOUT, 2.0).await;
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
}

#[tokio::test]
async fn over_http2_its_request_ends_and_no_other() {
    let backend = Backend::named("ok").await;
    let fixture = impatient(&Documents::one(backend.address)).await;
    let mut client = Raw::connect(fixture.web).await;
    client
        .send(&frame(
            HEADERS,
            END_HEADERS,
            1,
            &block(&request("POST", "/", &[])),
        ))
        .await;
    for _ in 0..100 {
        assert!(client.send(&frame(DATA, 0, 1, b"x")).await);
        tokio::time::sleep(SHORT / 5).await;
        if fixture.metric(BODY_TIMEOUT).await > 0.5 {
            break;
        }
    }
    assert_eq!(client.answer(1).await, Said::Reset);
    assert_eq!(client.ask(3, &request("GET", "/", &[])).await, Said::Status(200));
    fixture.metric_becomes(BODY_TIMEOUT, 1.0).await;
}

#[tokio::test]
async fn a_body_that_is_fast_enough_may_take_its_time() {
    let backend = Backend::start(|request| crate::support::answer(request.body.clone())).await;
    let fixture = impatient(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6000\r\n\r\n")
        .await;
    // three times the timeout, at four times the rate
    for _ in 0..15 {
        client.send([b'x'; 400]).await;
        tokio::time::sleep(SHORT).await;
    }
    assert_eq!(client.response().await.body.len(), 6_000);
}

#[tokio::test]
async fn a_slow_upstream_is_not_its_clients_fault() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let backend = RawBackend::start(|mut stream| async move {
        // takes little at a time, until it has all
        let mut read = 0;
        let mut bytes = vec![0; 64 << 10];
        while read < 8_000_000 {
            tokio::time::sleep(Duration::from_millis(15)).await;
            match stream.read(&mut bytes).await {
                Ok(n @ 1..) => read += n,
                _ => return,
            }
        }
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .await;
        while let Ok(1..) = stream.read(&mut bytes).await {}
    })
    .await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.limits.body_timeout = SHORT;
        // more than the upstream takes
        options.limits.min_body_rate = 1_000;
    })
    .await;
    let response = fixture.client().await.post("/", &vec![b'x'; 8_000_000]).await;
    assert_eq!(response.text(), "ok");
}

#[tokio::test]
async fn a_conversation_is_as_slow_as_it_is() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    // answers at once, and lets the body come
    let backend = RawBackend::start(|mut stream| async move {
        let mut bytes = [0; 4096];
        let _ = stream.read(&mut bytes).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
            .await;
        let mut body = 0;
        while body < 10 {
            match stream.read(&mut bytes).await {
                Ok(n @ 1..) => body += n,
                _ => return,
            }
        }
        let _ = stream.write_all(b"k").await;
    })
    .await;
    let fixture = impatient(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
        .await;
    for _ in 0..10 {
        tokio::time::sleep(SHORT).await;
        client.send("x").await;
    }
    assert_eq!(client.response().await.text(), "ok");
}
