//! Answers before the answer: clients that ask for permission to send a body, and what upstreams say beforehand.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};
use weir_model::document::Scheme;

use crate::support::{
    Backend, Client, Documents, Fixture, RawBackend, Speaks, answer,
    http2::{Http2, post},
};

const ASK: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(
            timeout(Duration::from_secs(20), stream.read_u8())
                .await
                .expect("a head in time")
                .unwrap(),
        );
    }
    String::from_utf8(head).unwrap()
}

/// Nothing has come, nor does it for a moment.
async fn hears_nothing(client: &mut Client) {
    let read = timeout(Duration::from_millis(100), client.stream.read_u8());
    assert!(read.await.is_err(), "something came");
}

#[tokio::test]
async fn the_upstream_gives_the_permission() {
    let (seen, mut was_seen) = mpsc::unbounded_channel();
    let (allow, mut allowed) = mpsc::unbounded_channel::<()>();
    let allowed = std::sync::Mutex::new(Some({
        async move {
            allowed.recv().await;
        }
    }));
    let backend = RawBackend::start(move |mut stream| {
        let (seen, allowed) = (seen.clone(), allowed.lock().unwrap().take());
        async move {
            seen.send(head(&mut stream).await).unwrap();
            allowed.unwrap().await;
            stream.write_all(CONTINUE.as_bytes()).await.unwrap();
            let mut body = [0; 4];
            stream.read_exact(&mut body).await.unwrap();
            assert_eq!(&body, b"body");
            let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(ok).await.unwrap();
            let _ = stream.read_u8().await;
        }
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client.send(ASK).await;
    let sent = was_seen.recv().await.unwrap();
    assert!(sent.contains("\r\nexpect: 100-continue\r\n"), "{sent}");
    hears_nothing(&mut client).await;
    allow.send(()).unwrap();
    assert_eq!(head(&mut client.stream).await, CONTINUE);
    let response = client.ask("body").await;
    assert_eq!((response.status, response.text()), (200, "ok"));
    assert_eq!(response.header("connection"), None);
}

/// Refuses with an answer, having seen a head.
async fn refusing(answer: &'static str) -> RawBackend {
    RawBackend::start(move |mut stream| async move {
        head(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        // no body, whole or not
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(!String::from_utf8_lossy(&rest).contains("body"), "{rest:?}");
    })
    .await
}

#[tokio::test]
async fn who_is_refused_need_not_send() {
    for answer in [
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
    ] {
        for ask in [
            ASK,
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-Continue\r\n\r\n",
        ] {
            let backend = refusing(answer).await;
            let fixture = Fixture::start(&Documents::one(backend.address)).await;
            let mut client = fixture.client().await;
            client.send(ask).await;
            // the first that it hears
            let first = head(&mut client.stream).await;
            assert!(first.starts_with("HTTP/1.1 403 "), "{first}");
            assert!(first.contains("connection: close\r\n"), "{first}");
            let mut body = String::new();
            client.stream.read_to_string(&mut body).await.unwrap();
            assert!(body.contains("no"), "{body}");
            fixture.metric_becomes("weir_upstream_connections", 0.0).await;
            fixture.metric_becomes("weir_connections", 0.0).await;
        }
    }
}

#[tokio::test]
async fn who_is_refused_and_sends_all_the_same_reads_its_answer() {
    let backend = refusing("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client.send(ASK).await;
    let response = client.response().await;
    client.send("body").await;
    assert_eq!((response.status, response.text()), (403, "no"));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn the_proxys_own_answers_need_no_body() {
    let backend = Backend::named("ok").await;
    let documents = Documents::default()
        .service("main", &[backend.address])
        .route("/there", "main");
    let fixture = Fixture::start(&documents).await;
    let mut client = fixture.client().await;
    client.send(ASK).await;
    let first = head(&mut client.stream).await;
    assert!(first.starts_with("HTTP/1.1 404 "), "{first}");
    assert!(first.contains("connection: close\r\n"), "{first}");
    let mut rest = String::new();
    client.stream.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "404 page not found\n");
}

#[tokio::test]
async fn an_upstream_that_does_not_know_the_question_gets_the_body_all_the_same() {
    let backend = RawBackend::start(|mut stream| async move {
        loop {
            head(&mut stream).await;
            let mut body = [0; 4];
            stream.read_exact(&mut body).await.unwrap();
            let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(ok).await.unwrap();
        }
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client.send(ASK).await;
    assert_eq!(head(&mut client.stream).await, CONTINUE);
    assert_eq!(client.ask("body").await.text(), "ok");
    // as does one whose client does not wait
    let mut client = fixture.client().await;
    let response = client.ask(format!("{ASK}body")).await;
    assert_eq!(response.text(), "ok");
}

#[tokio::test]
async fn permission_is_asked_for_as_often_as_needed_on_one_connection() {
    let backend = Backend::start(|request| answer(request.body.clone())).await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    for _ in 0..3 {
        client.send(ASK).await;
        assert_eq!(head(&mut client.stream).await, CONTINUE);
        assert_eq!(client.ask("body").await.text(), "body");
        assert_eq!(client.post("/", b"other").await.text(), "other");
    }
    assert_eq!(backend.connections(), 1);
}

#[tokio::test]
async fn an_upstream_of_http2_is_not_asked() {
    let backend = Backend::speaking(Speaks::H2c, |request| answer(request.body.clone())).await;
    let documents = Documents::default()
        .service_with("main", &[backend.address], |leaf| leaf.scheme = Scheme::H2c)
        .route("/", "main");
    let fixture = Fixture::start(&documents).await;
    let mut client = fixture.client().await;
    client.send(ASK).await;
    assert_eq!(head(&mut client.stream).await, CONTINUE);
    assert_eq!(client.ask("body").await.text(), "body");
    assert_eq!(backend.received()[0].header("expect"), None);
}

#[tokio::test]
async fn a_client_of_http2_does_not_wait() {
    let backend = Backend::start(|request| answer(request.body.clone())).await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = Http2::connect(fixture.web).await;
    let mut request = post("/", "body");
    request
        .headers_mut()
        .insert("expect", "100-continue".parse().unwrap());
    assert_eq!(client.ask(request).await.text(), "body");
    assert_eq!(backend.received()[0].header("expect"), None);
}

/// What is written before each answer, a moment apart or all at once.
async fn talkative(apart: bool) -> RawBackend {
    RawBackend::start(move |mut stream| async move {
        loop {
            head(&mut stream).await;
            let all = [
                "HTTP/1.1 100 Continue\r\n\r\n",
                "HTTP/1.1 102 Processing\r\n\r\n",
                "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nContent-Length: 9\r\n\r\nHTTP/1.1 1",
                "99 Whatever\r\nTransfer-Encoding: chunked\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            ];
            if !apart {
                stream.write_all(all.concat().as_bytes()).await.unwrap();
                continue;
            }
            for part in all {
                stream.write_all(part.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn what_an_upstream_says_beforehand_is_passed_on() {
    for apart in [true, false] {
        let backend = talkative(apart).await;
        let fixture = Fixture::start(&Documents::one(backend.address)).await;
        let mut client = fixture.client().await;
        for _ in 0..2 {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            assert_eq!(head(&mut client.stream).await, "HTTP/1.1 102 Processing\r\n\r\n");
            assert_eq!(
                head(&mut client.stream).await,
                "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n"
            );
            assert_eq!(head(&mut client.stream).await, "HTTP/1.1 199 \r\n\r\n");
            let answer = head(&mut client.stream).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            let mut body = [0; 2];
            client.stream.read_exact(&mut body).await.unwrap();
            assert_eq!(&body, b"ok");
        }
    }
}

#[tokio::test]
async fn hints_come_before_a_slow_answer() {
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let gone = std::sync::Mutex::new(Some(gone));
    let backend = RawBackend::start(move |mut stream| {
        let gone = gone.lock().unwrap().take();
        async move {
            head(&mut stream).await;
            let hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
            stream.write_all(hints).await.unwrap();
            gone.unwrap().await.unwrap();
            let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(ok).await.unwrap();
        }
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(head(&mut client.stream).await.starts_with("HTTP/1.1 103 "));
    go.send(()).unwrap();
    assert!(head(&mut client.stream).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn who_cannot_be_told_beforehand_gets_the_answer_alone() {
    let backend = talkative(true).await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut http2 = Http2::connect(fixture.web).await;
    for _ in 0..2 {
        let answer = http2.get("/").await;
        assert_eq!((answer.status, answer.text()), (200, "ok"));
    }
    let mut ancient = fixture.client().await;
    let answer = ancient.ask("GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
    assert_eq!((answer.status, answer.text()), (200, "ok"));
    assert_eq!(answer.header("link"), None);
}

#[tokio::test]
async fn hints_of_an_upstream_over_http2_harm_nothing() {
    let backend = RawBackend::start(|mut stream| async move {
        let mut seen = vec![0; 4096];
        // the preface and SETTINGS, to be told how many requests may come
        assert!(stream.read(&mut seen).await.unwrap() > 0);
        let settings = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 9];
        stream.write_all(&settings).await.unwrap();
        // anything with HEADERS in it
        let mut all = Vec::new();
        while !headers_came(&all) {
            assert!(stream.read_buf(&mut all).await.unwrap() > 0);
        }
        // `:status` 103 (not indexed), and 204 (indexed) with the stream's end
        let hints = [0, 0, 5, 1, 4, 0, 0, 0, 1, 8, 3, b'1', b'0', b'3'];
        let answer = [0, 0, 1, 1, 5, 0, 0, 0, 1, 0x89];
        stream
            .write_all(&[&hints[..], &hints, &answer].concat())
            .await
            .unwrap();
        let _ = stream.read_to_end(&mut all).await;
    })
    .await;
    let documents = Documents::default()
        .service_with("main", &[backend.address], |leaf| leaf.scheme = Scheme::H2c)
        .route("/", "main");
    let fixture = Fixture::start(&documents).await;
    assert_eq!(fixture.get("/").await.status, 204);
}

/// Whether a frame with a request's head is there.
fn headers_came(mut frames: &[u8]) -> bool {
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = frames {
        if *kind == 1 {
            return true;
        }
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        let Some(next) = rest.get(length..) else {
            return false;
        };
        frames = next;
    }
    false
}
