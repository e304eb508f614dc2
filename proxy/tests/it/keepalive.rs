//! Connections that stay: between requests they give their buffers back and lose nothing.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Backend, Documents, Fixture, RawBackend, answer};

const PARKED: &str = "weir_connections_parked";

/// A proxy that parks as soon as it can.
async fn parking(documents: &Documents) -> Fixture {
    Fixture::with(documents, |options| {
        options.limits.park_after = Duration::from_millis(20);
    })
    .await
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    for _ in 0..100 {
        assert_eq!(client.get("/").await.text(), "ok");
    }
    assert_eq!(backend.connections(), 1);
    fixture
        .metric_becomes("weir_connections_accepted_total", 1.0)
        .await;
}

#[tokio::test]
async fn a_parked_connection_serves_again() {
    let backend = Backend::start(|request| answer(request.body.clone())).await;
    let fixture = parking(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    for body in ["first", "second", "third"] {
        assert_eq!(client.post("/", body.as_bytes()).await.text(), body);
        fixture.metric_becomes(PARKED, 1.0).await;
    }
    fixture
        .metric_becomes("weir_connections_accepted_total", 1.0)
        .await;
}

#[tokio::test]
async fn a_parked_connection_ends_with_its_client() {
    let backend = Backend::named("ok").await;
    let fixture = parking(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client.get("/").await;
    fixture.metric_becomes(PARKED, 1.0).await;
    drop(client);
    fixture.metric_becomes("weir_connections", 0.0).await;
    fixture.metric_becomes(PARKED, 0.0).await;
}

#[tokio::test]
async fn a_head_that_has_begun_is_never_parked_away() {
    let backend = Backend::named("ok").await;
    let fixture = parking(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client.get("/").await;
    fixture.metric_becomes(PARKED, 1.0).await;
    client.send("GET /second HTTP/1.1\r\nHo").await;
    fixture.metric_becomes(PARKED, 0.0).await;
    // another connection comes and is parked: the ticker has looked at both
    let mut other = fixture.client().await;
    other.get("/").await;
    fixture.metric_becomes(PARKED, 1.0).await;
    assert_eq!(client.ask("st: a\r\n\r\n").await.text(), "ok");
}

#[tokio::test]
async fn a_head_that_came_with_the_request_before_is_served() {
    let backend = Backend::start(|request| answer(request.target.clone())).await;
    let fixture = parking(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    // two requests and the beginning of a third in one piece
    let response = client
        .ask("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\n")
        .await;
    assert_eq!(response.text(), "/1");
    assert_eq!(client.response().await.text(), "/2");
    let mut other = fixture.client().await;
    for _ in 0..3 {
        // each waits for a round of the ticker
        other.get("/").await;
        fixture.metric_becomes(PARKED, 1.0).await;
    }
    assert_eq!(client.ask("Host: a\r\n\r\n").await.text(), "/3");
    fixture.metric_becomes(PARKED, 2.0).await;
    assert_eq!(client.get("/4").await.text(), "/4");
}

#[tokio::test]
async fn a_connection_is_not_parked_while_its_response_comes() {
    let backend = RawBackend::start(|mut stream| async move {
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
            .await;
        // the rest when something comes, which is never, or when the test lets go
        tokio::time::sleep(Duration::from_millis(300)).await;
        let _ = stream.write_all(b"cd").await;
        let _ = stream.read(&mut buffer).await;
    })
    .await;
    let fixture = parking(&Documents::one(backend.address)).await;
    assert_eq!(fixture.get("/").await.text(), "abcd");
}

#[tokio::test]
async fn a_body_that_the_upstream_does_not_read_harms_nobody() {
    // answers as soon as it has the head, and reads no body
    let backend = RawBackend::start(|mut stream| async move {
        let mut seen = Vec::new();
        while !seen.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
            match stream.read_buf(&mut seen).await {
                Ok(1..) => {}
                _ => return,
            }
        }
        let _ = stream
            .write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
            .await;
        let _ = stream.shutdown().await;
        let _ = stream.read(&mut [0; 16]).await;
    })
    .await;
    let small = Backend::named("small").await;
    let documents = Documents::one(backend.address)
        .service("small", &[small.address])
        .route("/small", "small");
    let fixture = Fixture::start(&documents).await;
    for _ in 0..5 {
        let mut client = fixture.client().await;
        client
            .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n")
            .await;
        client.send("partly").await;
        let response = client.response().await;
        assert_eq!((response.status, response.text()), (413, "big"));
        // what comes now belongs to the body, not to a request
        let _ = client
            .stream
            .write_all(b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        assert!(client.try_response(true).await.is_none());
    }
    assert_eq!(small.count(), 0);
    assert_eq!(fixture.get("/small").await.text(), "small");
}

#[tokio::test]
async fn a_body_that_nobody_reads_leaves_the_connection_usable_when_it_is_there() {
    let fixture = Fixture::start(&Documents::default()).await;
    let mut client = fixture.client().await;
    for _ in 0..3 {
        let request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nunwanted";
        assert_eq!(client.ask(request).await.status, 404);
    }
}

#[tokio::test]
async fn a_client_that_wants_to_close_is_let_go() {
    let backend = Backend::named("ok").await;
    let documents = Documents::one(backend.address);
    let fixture = Fixture::with(&documents, |options| options.threads = 1).await;
    let mut client = fixture.client().await;
    let response = client
        .ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!(
        (response.text(), response.header("connection")),
        ("ok", Some("close"))
    );
    assert!(client.is_closed().await);
    let mut client = fixture.client().await;
    assert_eq!(client.ask("GET / HTTP/1.0\r\n\r\n").await.text(), "ok");
    assert!(client.is_closed().await);
    let mut client = fixture.client().await;
    for _ in 0..2 {
        let response = client
            .ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            .await;
        assert_eq!(response.header("connection"), Some("keep-alive"));
    }
    assert_eq!(backend.connections(), 1);
}
