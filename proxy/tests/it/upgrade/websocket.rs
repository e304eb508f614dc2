//! WebSocket, as its own clients and servers speak it.

use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{
    WebSocketStream, accept_async, client_async,
    tungstenite::{Error, Message, error::ProtocolError, protocol::CloseFrame},
};
use weir_model::document::Scheme;

use crate::support::{Authority, Documents, Fixture, RawBackend, secret_id, secure};

use super::UPGRADED;

/// Gives every message of WebSocket back.
async fn websocket_echo(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let Ok(mut socket) = accept_async(stream).await else {
        return;
    };
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            break;
        }
    }
    let _ = socket.get_mut().shutdown().await;
}

/// Has a conversation over a connection to the proxy.
async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let (mut socket, response) = client_async("ws://a.example/chat", stream).await.unwrap();
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers()["upgrade"], "websocket");
    assert!(response.headers().contains_key("sec-websocket-accept"));
    let large = vec![7; 300_000];
    for message in [
        Message::text("hello"),
        Message::binary(large),
        Message::text("and again"),
    ] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    socket.send(Message::Ping("alive?".into())).await.unwrap();
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::Pong("alive?".into())
    );
    let close = CloseFrame {
        code: 4000.into(),
        reason: "enough".into(),
    };
    socket.close(Some(close.clone())).await.unwrap();
    let closed = socket.next().await.unwrap().unwrap();
    assert_eq!(closed, Message::Close(Some(close)));
    assert!(socket.next().await.is_none());
}

#[tokio::test]
async fn websocket_works_without_tls() {
    let backend = RawBackend::start(websocket_echo).await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    converse(fixture.client().await.stream).await;
    fixture.metric_becomes(UPGRADED, 0.0).await;
    fixture.metric_becomes("weir_upgrades_total", 1.0).await;
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
    let responses = r#"weir_responses_total{entrypoint="web",code="1xx"}"#;
    fixture.metric_becomes(responses, 1.0).await;
}

#[tokio::test]
async fn websocket_works_with_tls_on_both_sides_where_http2_would_be_agreed_on() {
    let authority = Authority::new();
    let config = authority.sign(&["127.0.0.1"]).server(&["h2", "http/1.1"], None);
    let backend = RawBackend::start(move |stream| {
        let acceptor = TlsAcceptor::from(config.clone());
        async move {
            let stream = acceptor.accept(stream).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
            websocket_echo(stream).await;
        }
    })
    .await;
    let documents = Documents::default()
        .service_with("main", &[backend.address], |leaf| leaf.scheme = Scheme::Https)
        .secret("ca", authority.root())
        .transport("main", |transport| transport.root_cas = vec![secret_id("ca")])
        .route("/", "main")
        .secret("own", authority.sign(&["a.example"]).entry())
        .tls("/", Some("own"));
    let fixture = Fixture::secure(&documents, |_| {}).await;
    let stream = secure(fixture.web, "a.example", &authority.client(&["http/1.1"])).await;
    converse(stream.unwrap()).await;
}

#[tokio::test]
async fn an_upstream_of_h2c_is_asked_in_http1() {
    let backend = RawBackend::start(websocket_echo).await;
    let documents = Documents::default()
        .service_with("main", &[backend.address], |leaf| leaf.scheme = Scheme::H2c)
        .route("/", "main");
    let fixture = Fixture::start(&documents).await;
    converse(fixture.client().await.stream).await;
}

#[tokio::test]
async fn a_websocket_that_is_cut_off_does_not_look_closed() {
    let backend = RawBackend::start(|stream| async move {
        let mut socket: WebSocketStream<_> = accept_async(stream).await.unwrap();
        socket.send(Message::text("one")).await.unwrap();
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let client = fixture.client().await;
    let (mut socket, _) = client_async("ws://a/", client.stream).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("one"));
    assert!(matches!(
        socket.next().await,
        Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)))
    ));
}
