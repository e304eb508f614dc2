//! What ends a request or a connection.

use std::time::Duration;

use http::HeaderValue;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{
    Backend, Documents, Fixture, RawBackend,
    http2::{Echo, Http2, get, read, streaming},
};

use super::{PREFACE, SHORT, h2c};

#[tokio::test]
async fn a_client_that_resets_a_request_ends_it_and_no_other() {
    let hanging = RawBackend::silent().await;
    let quick = Backend::named("quick").await;
    let documents = Documents::one(hanging.address)
        .service("quick", &[quick.address])
        .route("/quick", "quick");
    let fixture = Fixture::start(&documents).await;
    let mut client = Http2::connect(fixture.web).await;
    assert_eq!(client.get("/quick").await.status, 200);
    let asking = tokio::spawn({
        let mut client = client.clone();
        async move { client.get("/").await.status }
    });
    fixture.metric_becomes("weir_upstream_connections", 2.0).await;
    asking.abort();
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
    fixture
        .metric_becomes("weir_failures_total{reason=\"client_gone\"}", 1.0)
        .await;
    assert_eq!(client.get("/quick").await.text(), "quick");
    // and when the whole connection goes, all of it goes
    let asking = tokio::spawn({
        let mut client = client.clone();
        async move { client.get("/").await.status }
    });
    fixture.metric_becomes("weir_upstream_connections", 2.0).await;
    asking.abort();
    drop(client);
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
    fixture.metric_becomes("weir_connections", 0.0).await;
}

#[tokio::test]
async fn a_client_that_resets_nothing_but_is_cut_off() {
    let hanging = RawBackend::silent().await;
    let fixture = Fixture::start(&Documents::one(hanging.address)).await;
    let mut client = Http2::connect(fixture.web).await;
    let mut sent = 0;
    while !client.sender.is_closed() && sent < 2_000 {
        let _ = tokio::time::timeout(Duration::from_millis(1), client.try_ask(get("/"))).await;
        sent += 1;
    }
    assert!((300..1_500).contains(&sent), "{sent}");
    fixture.metric_becomes("weir_connections", 0.0).await;
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
}

#[tokio::test]
async fn no_more_requests_at_a_time_than_allowed() {
    let hanging = RawBackend::silent().await;
    let fixture = Fixture::with(&Documents::one(hanging.address), |options| {
        options.limits.max_concurrent_streams = 3;
    })
    .await;
    let mut client = Http2::connect(fixture.web).await;
    // the limit is known with the first answer
    let mut star = get("/");
    star.headers_mut().insert("host", HeaderValue::from_static("a b"));
    let asking: Vec<_> = (0..10)
        .map(|_| {
            let mut client = client.clone();
            tokio::spawn(async move { client.get("/").await.status })
        })
        .collect();
    fixture.metric_becomes("weir_upstream_connections", 3.0).await;
    tokio::time::sleep(SHORT).await;
    assert!(fixture.metric("weir_upstream_connections").await < 3.5);
    for task in asking {
        task.abort();
    }
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
    assert!(!client.sender.is_closed() && client.sender.ready().await.is_ok());
}

#[tokio::test]
async fn an_unused_connection_ends_and_one_that_never_asks_sooner() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.limits.idle_timeout = SHORT * 3;
        options.limits.park_after = Duration::from_millis(10);
    })
    .await;
    let mut client = Http2::connect(fixture.web).await;
    assert_eq!(client.get("/").await.status, 200);
    assert!(client.is_closed().await);
    fixture
        .metric_becomes("weir_connections_closed_total{reason=\"idle\"}", 1.0)
        .await;
    fixture.metric_becomes("weir_connections", 0.0).await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.limits.head_timeout = SHORT;
    })
    .await;
    let mut mute = Http2::connect(fixture.web).await;
    assert!(mute.is_closed().await);
    let mut half = fixture.client().await;
    half.send(&PREFACE[..10]).await;
    assert!(half.is_closed().await);
    fixture
        .metric_becomes("weir_connections_closed_total{reason=\"head_timeout\"}", 2.0)
        .await;
}

#[tokio::test]
async fn silence_in_a_body_ends_its_request_alone() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.limits.body_timeout = SHORT;
    })
    .await;
    let mut client = Http2::connect(fixture.web).await;
    let (request, pieces) = streaming("/");
    pieces.send("part");
    assert!(client.try_ask(request).await.is_err());
    fixture
        .metric_becomes("weir_connections_closed_total{reason=\"body_timeout\"}", 1.0)
        .await;
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
    assert_eq!(client.get("/").await.status, 200);
    drop(pieces);
}

#[tokio::test]
async fn silence_in_a_conversation_is_nothing_bad() {
    let echo = Echo::start().await;
    let fixture = Fixture::with(&h2c(echo.address), |options| {
        options.limits.body_timeout = SHORT;
        options.limits.head_timeout = SHORT;
        options.limits.idle_timeout = SHORT;
        options.limits.write_timeout = SHORT;
    })
    .await;
    let mut client = Http2::connect(fixture.web).await;
    let (request, pieces) = streaming("/");
    client.sender.ready().await.unwrap();
    let response = client.sender.send_request(request).await.unwrap();
    for _ in 0..2 {
        tokio::time::sleep(SHORT * 3).await;
        pieces.send("piece");
    }
    drop(pieces);
    let answer = read(response).await.unwrap();
    assert_eq!(answer.text(), "piecepiece");
}

#[tokio::test]
async fn an_answer_that_is_not_taken_is_given_up() {
    let endless = RawBackend::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            .await;
        while stream.write_all(&[b'x'; 16_384]).await.is_ok() {}
    })
    .await;
    let backend = Backend::named("ok").await;
    let documents = Documents::one(endless.address)
        .service("quick", &[backend.address])
        .route("/quick", "quick");
    let fixture = Fixture::with(&documents, |options| options.limits.write_timeout = SHORT).await;
    let mut client = Http2::connect(fixture.web).await;
    client.sender.ready().await.unwrap();
    let response = client.sender.send_request(get("/")).await.unwrap();
    fixture
        .metric_becomes("weir_connections_closed_total{reason=\"write_timeout\"}", 1.0)
        .await;
    assert_eq!(client.get("/quick").await.status, 200);
    assert!(read(response).await.is_err());
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
}
