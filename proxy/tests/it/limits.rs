//! Nobody can make the proxy hold or wait for more than it is told to.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use crate::support::{Backend, Documents, Fixture, RawBackend, http2};

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_head_that_does_not_come_to_its_end_is_cut_off() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.limits.head_timeout = SHORT;
    })
    .await;
    for start in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        let mut client = fixture.client().await;
        client.send(start).await;
        assert!(client.is_closed().await, "{start}");
    }
    // dripping does not help
    let mut client = fixture.client().await;
    client.send("GET / HTTP/1.1\r\nX: ").await;
    while client.stream.write_all(b"x").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    fixture
        .metric_becomes("weir_connections_closed_total{reason=\"head_timeout\"}", 4.0)
        .await;
    // nor does it matter for who has sent a request before
    let mut client = fixture.client().await;
    assert_eq!(client.get("/").await.text(), "ok");
    client.send("GET").await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn an_unused_connection_is_closed_in_time_parked_or_not() {
    let backend = Backend::named("ok").await;
    for park_after in [Duration::from_millis(20), Duration::from_mins(1)] {
        let fixture = Fixture::with(&Documents::one(backend.address), |options| {
            options.limits.idle_timeout = Duration::from_millis(300);
            options.limits.park_after = park_after;
        })
        .await;
        let mut client = fixture.client().await;
        client.get("/").await;
        assert!(client.is_closed().await);
        fixture
            .metric_becomes("weir_connections_closed_total{reason=\"idle\"}", 1.0)
            .await;
        fixture.metric_becomes("weir_connections", 0.0).await;
    }
}

#[tokio::test]
async fn a_silent_client_inside_its_body_is_cut_off() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.limits.body_timeout = SHORT;
    })
    .await;
    let mut client = fixture.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\npart")
        .await;
    assert!(client.try_response(true).await.is_none());
    fixture
        .metric_becomes("weir_connections_closed_total{reason=\"body_timeout\"}", 1.0)
        .await;
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
}

#[tokio::test]
async fn what_was_cut_off_does_not_look_whole_to_who_has_answered_it() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let backend = RawBackend::start(move |mut stream| {
        let tell = tell.clone();
        async move {
            let mut seen = Vec::new();
            while !seen.ends_with(b"part\r\n") {
                stream.read_buf(&mut seen).await.unwrap();
            }
            let early = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(early).await.unwrap();
            seen.clear();
            let _ = stream.read_to_end(&mut seen).await;
            tell.send(seen).unwrap();
        }
    })
    .await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.limits.body_timeout = SHORT;
    })
    .await;
    let mut client = fixture.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n")
        .await;
    assert_eq!(client.response().await.text(), "ok");
    let rest = timeout(Duration::from_secs(20), told.recv()).await;
    assert_eq!(rest.expect("an end").unwrap().escape_ascii().to_string(), "");
}

#[tokio::test]
async fn a_slow_upstream_is_not_taken_for_a_silent_client() {
    let backend = RawBackend::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        tokio::time::sleep(SHORT * 5).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .await;
        let _ = stream.read(&mut [0; 4096]).await;
    })
    .await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.limits.body_timeout = SHORT;
        options.limits.write_timeout = SHORT;
        options.limits.head_timeout = SHORT;
        options.limits.idle_timeout = SHORT;
    })
    .await;
    assert_eq!(fixture.client().await.post("/", b"body").await.text(), "ok");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off() {
    let backend = RawBackend::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            .await;
        while stream.write_all(&[b'x'; 16_384]).await.is_ok() {}
    })
    .await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.limits.write_timeout = SHORT;
    })
    .await;
    let mut client = fixture.client().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    fixture
        .metric_becomes("weir_connections_closed_total{reason=\"write_timeout\"}", 1.0)
        .await;
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.limits.max_header_bytes = 8_192;
    })
    .await;
    let large = |size| {
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\nX-Large: {}\r\n\r\n",
            "x".repeat(size)
        )
    };
    assert_eq!(fixture.client().await.ask(large(7_000)).await.status, 200);
    assert_eq!(fixture.client().await.ask(large(9_000)).await.status, 431);
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(101));
    assert_eq!(fixture.client().await.ask(many).await.status, 431);
}

#[tokio::test]
async fn as_many_headers_pass_as_may_either_way() {
    let backend = RawBackend::start(|mut stream| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.is_ok() {}
        let many = "Y: z\r\n".repeat(200);
        let _ = stream
            .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{many}\r\n").as_bytes())
            .await;
    })
    .await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.limits.max_headers = 300;
    })
    .await;
    let with = |count| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(count));
    assert_eq!(fixture.client().await.ask(with(200)).await.status, 200);
    assert_eq!(fixture.client().await.ask(with(300)).await.status, 431);
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_their_turn() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.threads = 1;
        options.limits.max_connections = 2;
    })
    .await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = fixture.client().await;
        client.get("/").await;
        clients.push(client);
    }
    let mut waiting = fixture.client().await;
    waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    fixture.metric_becomes("weir_connections", 2.0).await;
    clients.pop();
    assert_eq!(waiting.response().await.text(), "ok");
    assert!(fixture.metric("weir_accept_pauses_total{reason=\"limit\"}").await > 0.5);
}

/// Says that it listens and then hears a request's body, of which it waits for `later`; then says the rest.
async fn listener() -> RawBackend {
    RawBackend::start(|mut stream| async move {
        let mut seen = Vec::new();
        while !seen.ends_with(b"part\r\n") && !seen.ends_with(b"part") {
            if !matches!(stream.read_buf(&mut seen).await, Ok(1..)) {
                return;
            }
        }
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n";
        let _ = stream.write_all(head).await;
        while !seen.ends_with(b"later\r\n0\r\n\r\n") {
            if !matches!(stream.read_buf(&mut seen).await, Ok(1..)) {
                return;
            }
        }
        let _ = stream.write_all(b"3\r\nbye\r\n0\r\n\r\n").await;
    })
    .await
}

async fn in_a_hurry(backend: &RawBackend) -> Fixture {
    Fixture::with(&Documents::one(backend.address), |options| {
        let limits = &mut options.limits;
        limits.head_timeout = SHORT;
        limits.body_timeout = SHORT;
        limits.write_timeout = SHORT;
        limits.idle_timeout = SHORT;
    })
    .await
}

const BODY_TIMEOUT: &str = "weir_connections_closed_total{reason=\"body_timeout\"}";

#[tokio::test]
async fn a_conversation_may_be_silent_in_both_versions_of_http() {
    let backend = listener().await;
    let fixture = in_a_hurry(&backend).await;
    let mut client = fixture.client().await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n";
    client.send(head).await;
    tokio::time::sleep(SHORT * 6).await;
    client.send("5\r\nlater\r\n0\r\n\r\n").await;
    assert_eq!(client.response().await.text(), "hibye");
    let mut client = http2::Http2::connect(fixture.web).await;
    let (request, pieces) = http2::streaming("/");
    pieces.send("part");
    client.sender.ready().await.unwrap();
    let response = client.sender.send_request(request).await.unwrap();
    tokio::time::sleep(SHORT * 6).await;
    pieces.send("later");
    drop(pieces);
    let read = timeout(Duration::from_secs(20), http2::read(response)).await;
    assert_eq!(read.unwrap().unwrap().text(), "hibye");
    assert_eq!(fixture.metric(BODY_TIMEOUT).await.to_bits(), 0);
}

#[tokio::test]
async fn who_owes_the_rest_of_a_body_is_cut_off_though_it_is_answered() {
    let backend = listener().await;
    let fixture = in_a_hurry(&backend).await;
    let mut client = fixture.client().await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\npart";
    let response = client.ask(head).await;
    assert_eq!((response.text(), response.complete), ("hi", false));
    fixture.metric_becomes(BODY_TIMEOUT, 1.0).await;
    let mut client = http2::Http2::connect(fixture.web).await;
    let (mut request, pieces) = http2::streaming("/");
    request.headers_mut().insert("content-length", 100.into());
    pieces.send("part");
    client.sender.ready().await.unwrap();
    let response = client.sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let read = timeout(Duration::from_secs(20), http2::read(response)).await;
    assert!(read.expect("an end in time").is_err());
    fixture.metric_becomes(BODY_TIMEOUT, 2.0).await;
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
}

#[tokio::test]
async fn an_answer_may_be_silent_as_long_as_it_likes() {
    let backend = RawBackend::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\none")
            .await;
        tokio::time::sleep(SHORT * 6).await;
        let _ = stream.write_all(b"two").await;
    })
    .await;
    let fixture = in_a_hurry(&backend).await;
    assert_eq!(fixture.get("/").await.text(), "onetwo");
    let mut client = http2::Http2::connect(fixture.web).await;
    assert_eq!(client.get("/").await.text(), "onetwo");
}
