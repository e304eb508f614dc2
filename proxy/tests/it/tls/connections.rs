//! What is different with TLS, and what is not.

use std::time::Duration;

use rustls::{
    HandshakeKind,
    version::{TLS12, TLS13},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Backend, Client, Documents, RawBackend, answer, secure};

use super::{Certifying, HOST, PARKED, SHORT, client, ends_orderly, served};

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_whole() {
    let breaking = RawBackend::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n")
            .await;
    })
    .await;
    let (fixture, authority) = served(breaking.address, |_| {}).await;
    for version in ["1.0", "1.1"] {
        let mut client = client(&fixture, &authority).await;
        client
            .send(format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n"))
            .await;
        let mut all = Vec::new();
        assert!(client.stream.read_to_end(&mut all).await.is_err(), "{version}");
    }
}

#[tokio::test]
async fn a_connection_is_parked_with_its_session_and_serves_again() {
    let backend = Backend::start(|request| answer(request.body.clone())).await;
    let (fixture, authority) = served(backend.address, |options| {
        options.limits.park_after = Duration::from_millis(20);
    })
    .await;
    let mut client = client(&fixture, &authority).await;
    for body in ["first", "second", "third"] {
        assert_eq!(client.post("/", body.as_bytes()).await.text(), body);
        fixture.metric_becomes(PARKED, 1.0).await;
    }
    // a request and the beginning of another one in one piece
    let request = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\n";
    assert_eq!(client.ask(request).await.status, 200);
    fixture.metric_becomes(PARKED, 0.0).await;
    assert_eq!(client.ask("Host: a\r\n\r\n").await.status, 200);
    fixture.metric_becomes(PARKED, 1.0).await;
    fixture
        .metric_becomes("weir_connections_accepted_total", 1.0)
        .await;
    client.stream.shutdown().await.unwrap();
    assert!(client.is_closed().await);
    fixture.metric_becomes("weir_connections", 0.0).await;
    assert_eq!((backend.connections(), backend.count()), (1, 5));
}

#[tokio::test]
async fn large_bodies_pass_both_ways() {
    let backend = Backend::start(|request| answer(request.body.clone())).await;
    let (fixture, authority) = served(backend.address, |_| {}).await;
    let body: Vec<_> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let mut client = client(&fixture, &authority).await;
    for _ in 0..3 {
        let response = client.post("/", &body).await;
        assert!(response.complete && response.body == body);
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_request() {
    let hanging = RawBackend::silent().await;
    let (fixture, authority) = served(hanging.address, |_| {}).await;
    for orderly in [true, false] {
        let mut client = client(&fixture, &authority).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        fixture.metric_becomes("weir_upstream_connections", 1.0).await;
        if orderly {
            client.stream.shutdown().await.unwrap();
        }
        drop(client);
        fixture.metric_becomes("weir_upstream_connections", 0.0).await;
        fixture.metric_becomes("weir_connections", 0.0).await;
    }
    fixture
        .metric_becomes("weir_failures_total{reason=\"client_gone\"}", 2.0)
        .await;
}

#[tokio::test]
async fn a_request_that_comes_early_is_no_end() {
    let slow = RawBackend::start(|mut stream| async move {
        while let Ok(1..) = stream.read(&mut [0; 4096]).await {
            tokio::time::sleep(SHORT).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .await;
        }
    })
    .await;
    let (fixture, authority) = served(slow.address, |options| {
        options.limits.park_after = Duration::from_millis(20);
    })
    .await;
    let mut client = client(&fixture, &authority).await;
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    tokio::time::sleep(SHORT / 2).await;
    client.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.response().await.text(), "ok");
    assert_eq!(client.response().await.text(), "ok");
    fixture.metric_becomes(PARKED, 1.0).await;
}

#[tokio::test]
async fn silence_and_taking_nothing_are_noticed_as_without_tls() {
    let endless = RawBackend::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            .await;
        while stream.write_all(&[b'x'; 16_384]).await.is_ok() {}
    })
    .await;
    let (fixture, authority) = served(endless.address, |options| {
        options.limits.write_timeout = SHORT;
        options.limits.body_timeout = SHORT;
        options.limits.idle_timeout = SHORT;
    })
    .await;
    let mut greedy = client(&fixture, &authority).await;
    greedy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    fixture
        .metric_becomes("weir_connections_closed_total{reason=\"write_timeout\"}", 1.0)
        .await;
    let backend = Backend::named("ok").await;
    fixture
        .publish(
            &Documents::one(backend.address)
                .certified("/", "own", &authority.sign(&[HOST]))
                .route("/other", "main"),
        )
        .await;
    let mut silent = client(&fixture, &authority).await;
    silent
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\npart")
        .await;
    assert!(silent.try_response(true).await.is_none());
    fixture
        .metric_becomes("weir_connections_closed_total{reason=\"body_timeout\"}", 1.0)
        .await;
    let mut idle = client(&fixture, &authority).await;
    assert_eq!(idle.get("/").await.status, 200);
    assert!(ends_orderly(&mut idle).await);
    fixture
        .metric_becomes("weir_connections_closed_total{reason=\"idle\"}", 1.0)
        .await;
    fixture.metric_becomes("weir_connections", 0.0).await;
}

#[tokio::test]
async fn sessions_are_resumed() {
    let backend = Backend::named("ok").await;
    let (fixture, authority) = served(backend.address, |_| {}).await;
    for version in [&TLS12, &TLS13] {
        let config = authority.client_with(&[], &[version]);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut client = Client::over(secure(fixture.web, HOST, &config).await.unwrap());
            assert_eq!(client.get("/").await.status, 200);
            let session = client.stream.get_ref().1;
            assert_eq!(session.protocol_version(), Some(version.version));
            assert_eq!(session.handshake_kind(), Some(kind), "{version:?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_while_a_proxy_drains_under_load() {
    let backend = Backend::named("ok").await;
    let (fixture, authority) = served(backend.address, |options| {
        options.drain_delay = Duration::from_millis(300);
        options.grace_period = Duration::from_mins(1);
        options.limits.park_after = Duration::from_millis(20);
    })
    .await;
    let mut parked = client(&fixture, &authority).await;
    assert_eq!(parked.get("/").await.status, 200);
    fixture.metric_becomes(PARKED, 1.0).await;
    let mut loads = Vec::new();
    for _ in 0..16 {
        let mut client = client(&fixture, &authority).await;
        loads.push(tokio::spawn(async move {
            // until the proxy says that it ends the connection
            for served in 1.. {
                let response = client.get("/").await;
                assert_eq!((response.status, response.complete), (200, true));
                if response.header("connection") == Some("close") {
                    assert!(ends_orderly(&mut client).await);
                    return served;
                }
            }
            0
        }));
    }
    fixture.drain_under(&backend, loads).await;
    assert!(ends_orderly(&mut parked).await);
    fixture.ended().await;
}
