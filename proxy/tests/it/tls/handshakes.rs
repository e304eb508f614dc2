//! Who gets in.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Backend, Client, Documents, Fixture, anybody, secure};

use super::{HOST, SHORT, client, served};

#[tokio::test]
async fn routes_with_tls_are_served_with_tls_alone() {
    let backend = Backend::named("ok").await;
    let documents = Documents::one(backend.address)
        .route("/secret", "main")
        .tls("/secret", None);
    let plain = Fixture::start(&documents).await;
    assert_eq!(plain.get("/secret").await.text(), "ok");
    let only = Documents::one(backend.address).tls("/", None);
    let plain = Fixture::start(&only).await;
    assert_eq!(plain.get("/").await.status, 404);
    let fixture = Fixture::secure(&documents, |_| {}).await;
    let stream = secure(fixture.web, HOST, &anybody()).await.unwrap();
    let mut client = Client::over(stream);
    assert_eq!(client.get("/secret").await.status, 200);
    assert_eq!(client.get("/").await.status, 200);
}

#[tokio::test]
async fn who_speaks_no_tls_is_told_so() {
    let backend = Backend::named("ok").await;
    let (fixture, authority) = served(backend.address, |_| {}).await;
    let mut plain = fixture.client().await;
    let response = plain.get("/").await;
    assert_eq!(
        (response.status, response.text()),
        (400, "Client sent an HTTP request to an HTTPS server.\n")
    );
    assert!(plain.is_closed().await);
    let mut garbage = fixture.client().await;
    garbage.send([0; 100]).await;
    garbage.stream.shutdown().await.unwrap();
    assert!(garbage.is_closed().await);
    // looks like the beginning of TLS
    let mut garbage = fixture.client().await;
    garbage.send([22; 100]).await;
    let mut rest = Vec::new();
    let _ = garbage.stream.read_to_end(&mut rest).await;
    assert!(rest.len() < 10, "no more than an alert: {rest:?}");
    fixture
        .metric_becomes("weir_tls_handshakes_failed_total", 3.0)
        .await;
    fixture.metric_becomes("weir_connections", 0.0).await;
    assert_eq!(client(&fixture, &authority).await.get("/").await.status, 200);
    assert_eq!(backend.count(), 1);
}

#[tokio::test]
async fn a_handshake_that_does_not_come_to_its_end_is_cut_off() {
    let backend = Backend::named("ok").await;
    let (fixture, authority) = served(backend.address, |options| {
        options.limits.head_timeout = SHORT;
    })
    .await;
    let mut silent = fixture.client().await;
    assert!(silent.is_closed().await);
    // a record that promises more than comes
    let mut half = fixture.client().await;
    half.send([22, 3, 1, 1, 0, 1, 0]).await;
    assert!(half.is_closed().await);
    // nobody asks for anything
    let mut mute = client(&fixture, &authority).await;
    assert!(mute.is_closed().await);
    fixture
        .metric_becomes("weir_connections_closed_total{reason=\"head_timeout\"}", 3.0)
        .await;
    let mut slow = client(&fixture, &authority).await;
    slow.send("GET / HTTP/1.1\r\nHost").await;
    assert!(slow.is_closed().await);
    fixture.metric_becomes("weir_connections", 0.0).await;
}
