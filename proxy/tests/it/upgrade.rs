//! Requests that ask to leave HTTP: WebSocket and others.

use std::{net::SocketAddr, time::Duration};

use futures::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{
    WebSocketStream, accept_async, client_async,
    tungstenite::{Error, Message, error::ProtocolError, protocol::CloseFrame},
};
use weir_model::document::Scheme;
use weir_proxy::access_log::Format;

use crate::support::{
    Authority, Backend, Client, Documents, Fixture, Logged, RawBackend, Response, answer, secret_id, secure,
    until,
};

const UPGRADED: &str = "weir_connections_upgraded";
const ASK: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n";
const AGREE: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n";

/// Reads to the end of a head.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn exact(stream: &mut (impl AsyncRead + Unpin), expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    let read = stream.read_exact(&mut bytes);
    timeout(Duration::from_secs(20), read)
        .await
        .expect("bytes in time")
        .unwrap();
    assert_eq!(bytes, expected);
}

/// Agrees to what [`ASK`] asks for, and then gives every byte back.
async fn echo() -> RawBackend {
    RawBackend::start(|mut stream| async move {
        head(&mut stream).await;
        stream.write_all(AGREE.as_bytes()).await.unwrap();
        let (mut read, mut write) = stream.split();
        let _ = tokio::io::copy(&mut read, &mut write).await;
    })
    .await
}

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
async fn bytes_beside_the_heads_are_not_lost() {
    let backend = RawBackend::start(|mut stream| async move {
        head(&mut stream).await;
        stream
            .write_all(format!("{AGREE}from upstream").as_bytes())
            .await
            .unwrap();
        exact(&mut stream, b"from client").await;
        stream.write_all(b"done").await.unwrap();
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client.send(format!("{ASK}from client")).await;
    assert!(head(&mut client.stream).await.starts_with("HTTP/1.1 101 "));
    exact(&mut client.stream, b"from upstreamdone").await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn each_way_ends_by_itself() {
    let backend = RawBackend::start(|mut stream| async move {
        head(&mut stream).await;
        stream.write_all(AGREE.as_bytes()).await.unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).await.unwrap();
        stream.write_all(format!("all: {all}").as_bytes()).await.unwrap();
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    assert_eq!(client.ask(ASK).await.status, 101);
    client.send("one two").await;
    client.stream.shutdown().await.unwrap();
    exact(&mut client.stream, b"all: one two").await;
    assert!(client.is_closed().await);
    fixture.metric_becomes("weir_connections", 0.0).await;
}

#[tokio::test]
async fn an_end_of_the_upstream_leaves_the_client_its_say() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let backend = RawBackend::start(move |mut stream| {
        let tell = tell.clone();
        async move {
            head(&mut stream).await;
            stream.write_all(AGREE.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut all = String::new();
            stream.read_to_string(&mut all).await.unwrap();
            tell.send(all).unwrap();
        }
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    assert_eq!(client.ask(ASK).await.status, 101);
    assert!(client.is_closed().await);
    client.send("last words").await;
    client.stream.shutdown().await.unwrap();
    assert_eq!(told.recv().await.unwrap(), "last words");
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
async fn silence_is_no_reason_to_end() {
    let backend = echo().await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        let limits = &mut options.limits;
        for timeout in [
            &mut limits.head_timeout,
            &mut limits.body_timeout,
            &mut limits.write_timeout,
            &mut limits.idle_timeout,
            &mut limits.park_after,
        ] {
            *timeout = Duration::from_millis(50);
        }
    })
    .await;
    let mut client = fixture.client().await;
    assert_eq!(client.ask(ASK).await.status, 101);
    fixture.metric_becomes(UPGRADED, 1.0).await;
    // a second connection shows that time enough has passed
    for _ in 0..3 {
        let mut other = fixture.client().await;
        other.send("GET").await;
        assert!(other.is_closed().await);
    }
    client.send("still there").await;
    exact(&mut client.stream, b"still there").await;
    assert_eq!(fixture.metric("weir_connections_parked").await.to_bits(), 0);
}

#[tokio::test]
async fn a_side_that_takes_nothing_is_not_read_for() {
    let (tell, told) = tokio::sync::watch::channel(0);
    let backend = RawBackend::start(move |mut stream| {
        let tell = tell.clone();
        async move {
            head(&mut stream).await;
            stream.write_all(AGREE.as_bytes()).await.unwrap();
            let chunk = vec![1; 1 << 16];
            while stream.write_all(&chunk).await.is_ok() {
                tell.send_modify(|sent| *sent += chunk.len());
            }
        }
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    assert_eq!(client.ask(ASK).await.status, 101);
    // what the kernels hold comes to an end, and nothing else is held
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = *told.borrow();
        if now == before && now > 0 {
            break;
        }
        before = now;
    }
    assert!(before < 32 << 20, "{before}");
    let mut read = 0;
    let mut sink = vec![0; 1 << 16];
    while read < 64 << 20 {
        read += client.stream.read(&mut sink).await.unwrap();
    }
}

#[tokio::test]
async fn a_reset_on_one_side_ends_the_other() {
    let backend = echo().await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    assert_eq!(client.ask(ASK).await.status, 101);
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
    client.stream.set_zero_linger().unwrap();
    drop(client);
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
    fixture.metric_becomes(UPGRADED, 0.0).await;
    fixture.metric_becomes("weir_connections", 0.0).await;
}

#[tokio::test]
async fn connections_count_as_long_as_they_last() {
    let backend = echo().await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.threads = 1;
        options.limits.max_connections = 1;
    })
    .await;
    let mut client = fixture.client().await;
    assert_eq!(client.ask(ASK).await.status, 101);
    // another one waits until it ends
    let mut waiting = fixture.client().await;
    waiting.send(ASK).await;
    fixture
        .metric_becomes(r#"weir_accept_pauses_total{reason="limit"}"#, 2.0)
        .await;
    client.send("x").await;
    exact(&mut client.stream, b"x").await;
    drop(client);
    assert_eq!(waiting.response().await.status, 101);
}

async fn agreed(address: SocketAddr) -> Client<TcpStream> {
    let mut client = Client::connect(address).await;
    assert_eq!(client.ask(ASK).await.status, 101);
    client
}

#[tokio::test]
async fn a_drain_lets_them_go_on_until_they_end() {
    let backend = echo().await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.grace_period = Duration::from_mins(1);
    })
    .await;
    let mut client = agreed(fixture.web).await;
    fixture.running.stopper().drain();
    until("listeners to be closed", async || {
        TcpStream::connect(fixture.web).await.is_err()
    })
    .await;
    client.send("on").await;
    exact(&mut client.stream, b"on").await;
    drop(client);
    let Fixture { running, .. } = fixture;
    tokio::task::spawn_blocking(|| running.join())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn the_end_of_the_grace_period_ends_them_and_they_are_logged() {
    let backend = echo().await;
    let logged = Logged::new();
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.grace_period = Duration::from_millis(300);
        logged.log(options, Format::Json);
    })
    .await;
    let mut client = agreed(fixture.web).await;
    fixture.running.stopper().drain();
    assert!(client.is_closed().await);
    let Fixture { running, .. } = fixture;
    tokio::task::spawn_blocking(|| running.join())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(logged.objects(1).await[0]["DownstreamStatus"], 101);
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

#[tokio::test]
async fn what_an_upstream_says_last_arrives_though_it_takes_nothing_any_more() {
    let backend = RawBackend::start(|mut stream| async move {
        head(&mut stream).await;
        stream.write_all(AGREE.as_bytes()).await.unwrap();
        exact(&mut stream, b"a").await;
        stream.write_all(&vec![b'x'; 100_000]).await.unwrap();
        // with bytes of the client unread, which resets the connection
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    for _ in 0..10 {
        let mut client = agreed(fixture.web).await;
        client.send(format!("a{}", "b".repeat(1000))).await;
        exact(&mut client.stream, &vec![b'x'; 1000]).await;
        client.send("c").await;
    }
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
}
