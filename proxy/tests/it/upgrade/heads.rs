//! What is asked for and agreed to.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Backend, Documents, Fixture, RawBackend, Response, answer, until};

use super::{AGREE, ASK, exact, head};

#[tokio::test]
async fn both_heads_keep_what_the_protocols_need() {
    let backend = RawBackend::start(|mut stream| async move {
        let head = head(&mut stream).await;
        let head = head.replace("\r\n", "|");
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade, x-hop\r\nx-hop: 1\r\nUpgrade: two\r\n\
             Content-Length: 5\r\nSec-WebSocket-Protocol: chat\r\nSet-Cookie: a=b\r\nx-head: {head}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        let _ = stream.read_u8().await;
    })
    .await;
    let documents = Documents::default()
        .service("a", &[backend.address])
        .sticky("main", &[("a", 1)], "stick")
        .route("/", "main");
    let fixture = Fixture::start(&documents).await;
    let mut client = fixture.client().await;
    let response = client
        .ask(
            "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade, HTTP2-Settings\r\nHTTP2-Settings: x\r\n\
             Upgrade: h2c, one\r\nUpgrade: two\r\nSec-WebSocket-Key: k\r\n\r\n",
        )
        .await;
    assert_eq!(response.status, 101);
    assert_eq!(response.all("connection"), ["Upgrade"]);
    assert_eq!(response.all("upgrade"), ["two"]);
    assert_eq!(response.header("sec-websocket-protocol"), Some("chat"));
    assert_eq!(response.header("content-length"), None);
    assert_eq!(response.header("x-hop"), None);
    let cookies = response.all("set-cookie");
    assert_eq!((cookies.len(), cookies[0]), (2, "a=b"));
    assert!(cookies[1].starts_with("stick="), "{cookies:?}");
    let sent = response.header("x-head").unwrap();
    for line in ["connection: Upgrade", "upgrade: one, two", "sec-websocket-key: k"] {
        assert_eq!(sent.matches(&format!("|{line}|")).count(), 1, "{line} in {sent}");
    }
    for name in ["http2-settings", "keep-alive", "h2c"] {
        assert!(!sent.contains(name), "{name} in {sent}");
    }
}

#[tokio::test]
async fn what_asks_for_h2c_only_asks_for_nothing() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    for _ in 0..2 {
        let response = client
            .ask(
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                 HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n",
            )
            .await;
        assert_eq!((response.status, response.text()), (200, "ok"));
    }
    for request in backend.received() {
        for name in ["connection", "upgrade", "http2-settings"] {
            assert_eq!(request.header(name), None);
        }
    }
    assert_eq!(backend.connections(), 1, "it has one of the pool");
}

#[tokio::test]
async fn another_answer_is_passed_on_and_the_connection_goes_on() {
    let backend = Backend::start(|request| {
        let mut response = answer(request.header("upgrade").unwrap_or("none").to_owned());
        *response.status_mut() = http::StatusCode::FORBIDDEN;
        response
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    for _ in 0..2 {
        let response = client.ask(ASK).await;
        assert_eq!((response.status, response.text()), (403, "other"));
        assert_eq!(client.get("/").await.text(), "none");
    }
    // one for each that asks, and one for the others
    assert_eq!(backend.connections(), 3);
    until("what is of no use to be closed", async || {
        fixture.metric("weir_upstream_connections").await < 2.0
    })
    .await;
}

async fn switching_to(answer: &'static str, ask: &'static str) -> Response {
    let backend = RawBackend::start(move |mut stream| async move {
        head(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        let _ = stream.read_u8().await;
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let response = fixture.client().await.ask(ask).await;
    fixture
        .metric_becomes(r#"weir_failures_total{reason="switched"}"#, 1.0)
        .await;
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
    response
}

#[tokio::test]
async fn an_upstream_switches_to_nothing_else() {
    const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const H2C: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    const TO_H2C: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    const TO_NOTHING: &str = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    for (answer, ask) in [(AGREE, GET), (TO_H2C, ASK), (TO_H2C, H2C), (TO_NOTHING, ASK)] {
        let response = switching_to(answer, ask).await;
        assert_eq!(
            (response.status, response.text()),
            (500, "Internal Server Error"),
            "{ask}{answer}"
        );
    }
}

#[tokio::test]
async fn a_body_goes_before_the_switch() {
    let backend = RawBackend::start(|mut stream| async move {
        let head = head(&mut stream).await;
        assert!(head.contains("content-length: 4\r\n"), "{head}");
        exact(&mut stream, b"body").await;
        stream.write_all(AGREE.as_bytes()).await.unwrap();
        exact(&mut stream, b"after").await;
        stream.write_all(b"seen").await.unwrap();
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client
        .send("POST /exec HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: other\r\nContent-Length: 4\r\n\r\nbody")
        .await;
    assert!(head(&mut client.stream).await.starts_with("HTTP/1.1 101 "));
    client.send("after").await;
    exact(&mut client.stream, b"seen").await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn an_agreement_before_a_body_that_never_comes_comes_to_nothing() {
    let backend = RawBackend::start(|mut stream| async move {
        head(&mut stream).await;
        stream.write_all(AGREE.as_bytes()).await.unwrap();
        let _ = stream.read_u8().await;
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: other\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert!(head(&mut client.stream).await.starts_with("HTTP/1.1 101 "));
    // whatever the client does: nothing of it stays
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
    fixture.metric_becomes("weir_connections", 0.0).await;
}
