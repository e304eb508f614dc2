//! HTTP/2 with clients: the same as HTTP/1.1, many at a time.

use std::{net::SocketAddr, process::Command, time::Duration};

use http::{HeaderValue, Version, header::COOKIE};
use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use weir_model::document::Scheme;
use weir_proxy::app::Options;

use crate::support::{
    Authority, Backend, Client, Documents, Fixture, RawBackend, Speaks, answer,
    http2::{Echo, Http2, get, post, read, streaming},
    secure, until,
};

const HOST: &str = "a.example";
const SHORT: Duration = Duration::from_millis(100);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// With TLS, and a certificate for [`HOST`].
async fn secured(backend: SocketAddr, change: impl FnOnce(&mut Options)) -> (Fixture, Authority) {
    let authority = Authority::new();
    let documents = Documents::one(backend)
        .secret("own", authority.sign(&[HOST]).entry())
        .tls("/", Some("own"));
    (Fixture::secure(&documents, change).await, authority)
}

async fn over_tls(fixture: &Fixture, authority: &Authority) -> Http2 {
    let config = authority.client(&["h2", "http/1.1"]);
    let stream = secure(fixture.web, HOST, &config).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    Http2::over(stream).await
}

fn h2c(address: SocketAddr) -> Documents {
    Documents::default()
        .service_with("main", &[address], |leaf| leaf.scheme = Scheme::H2c)
        .route("/", "main")
}

/// Takes requests and never answers.
async fn hanging() -> RawBackend {
    RawBackend::start(|mut stream| async move { while let Ok(1..) = stream.read(&mut [0; 4096]).await {} })
        .await
}

#[tokio::test]
async fn over_tls_it_is_agreed_upon() {
    let backend = Backend::start(|request| answer(request.body.clone())).await;
    let (fixture, authority) = secured(backend.address, |_| {}).await;
    let mut client = over_tls(&fixture, &authority).await;
    for body in ["first", "second"] {
        let answer = client.ask(post("/a?b=c", body)).await;
        assert_eq!((answer.status, answer.text()), (200, body));
    }
    assert_eq!(client.get("/").await.text(), "");
    let received = backend.received();
    assert_eq!(received[0].version, Version::HTTP_11);
    assert_eq!(received[0].target, "/a?b=c");
    assert_eq!(received[0].header("host"), Some("test.example"));
    assert_eq!(received[0].header("x-forwarded-proto"), Some("https"));
    assert_eq!(received[0].header("x-forwarded-host"), Some("test.example"));
    assert_eq!(received[2].header("transfer-encoding"), None);
    assert_eq!(backend.connections(), 1);
    // who only offers the other one gets it
    let config = authority.client(&["http/1.1"]);
    let stream = secure(fixture.web, HOST, &config).await.unwrap();
    assert_eq!(Client::over(stream).get("/").await.status, 200);
}

#[tokio::test]
async fn without_tls_who_knows_that_it_is_spoken_speaks_it() {
    let backend = Backend::start(|request| answer(request.body.clone())).await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = Http2::connect(fixture.web).await;
    for body in ["first", "second"] {
        assert_eq!(client.ask(post("/", body)).await.text(), body);
    }
    assert_eq!(backend.received()[0].header("x-forwarded-proto"), Some("http"));
    // and all others what they spoke before, whatever the pieces that it comes in
    for (first, rest) in [
        ("P", "OST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"),
        (
            "PR",
            "OPFIND / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
        ),
        ("PUT ", "/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"),
    ] {
        let mut client = fixture.client().await;
        client.send(first).await;
        tokio::time::sleep(SHORT / 5).await;
        let response = client.ask(rest).await;
        assert_eq!((response.status, response.text()), (200, "hi"), "{first}");
        assert_eq!(client.get("/").await.status, 200);
    }
}

#[tokio::test]
async fn a_preface_in_pieces_is_one() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut stream = TcpStream::connect(fixture.web).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in PREFACE.chunks(5) {
        stream.write_all(piece).await.unwrap();
        tokio::time::sleep(SHORT / 10).await;
    }
    stream.write_all(SETTINGS).await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "SETTINGS");
    // nearly one
    let mut other = fixture.client().await;
    let response = other.ask("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").await;
    assert_eq!(response.status, 400);
}

#[tokio::test]
async fn many_requests_at_a_time_keep_their_shares() {
    let [a, b, c] = [
        Backend::named("a").await,
        Backend::named("b").await,
        Backend::named("c").await,
    ];
    let documents = Documents::default()
        .service("a", &[a.address])
        .service("b", &[b.address])
        .service("c", &[c.address])
        .weighted("main", &[("a", 5), ("b", 3), ("c", 2)])
        .route("/", "main");
    let fixture = Fixture::start(&documents).await;
    let client = Http2::connect(fixture.web).await;
    let asking: Vec<_> = (0..100)
        .map(|_| {
            let mut client = client.clone();
            tokio::spawn(async move { client.get("/").await.status })
        })
        .collect();
    for status in asking {
        assert_eq!(status.await.unwrap(), 200);
    }
    assert_eq!((a.count(), b.count(), c.count()), (50, 30, 20));
    fixture
        .metric_becomes("weir_connections_accepted_total", 1.0)
        .await;
}

#[tokio::test]
async fn streams_pass_as_they_come_and_trailers_after_them() {
    let echo = Echo::start().await;
    let fixture = Fixture::start(&h2c(echo.address)).await;
    let mut client = Http2::connect(fixture.web).await;
    let (request, pieces) = streaming("/service/method");
    pieces.send("first");
    client.sender.ready().await.unwrap();
    let response = client.sender.send_request(request).await.unwrap();
    assert_eq!(response.headers().get("grpc-status"), None);
    let mut body = response.into_body();
    for piece in ["second", "third"] {
        let frame = body.frame().await.unwrap().unwrap();
        assert!(frame.is_data());
        pieces.send(piece);
    }
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "third");
    drop(pieces);
    let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "7");
    assert!(body.frame().await.is_none());
    let answer = client.ask(post("/refuse", "request")).await;
    assert_eq!((answer.status, answer.text()), (200, ""));
    assert_eq!(answer.headers["grpc-status"], "7");
    assert!(answer.trailers.is_none());
    // trailers come to clients of HTTP/1.1 as well
    let response = fixture.client().await.post("/", b"x").await;
    assert_eq!(response.text(), "x");
}

#[tokio::test]
async fn large_bodies_pass_both_ways_at_a_time() {
    let backend = Backend::start(|request| answer(request.body.clone())).await;
    let (fixture, authority) = secured(backend.address, |_| {}).await;
    let client = over_tls(&fixture, &authority).await;
    let body: Vec<_> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let asking: Vec<_> = (0..8)
        .map(|_| {
            let (mut client, body) = (client.clone(), body.clone());
            tokio::spawn(async move { client.ask(post("/", body.clone())).await.body == body })
        })
        .collect();
    for same in asking {
        assert!(same.await.unwrap());
    }
}

#[tokio::test]
async fn what_the_proxy_says_itself_fits_the_request() {
    let backend = Backend::named("ok").await;
    let documents = Documents::default()
        .service("main", &[backend.address])
        .route("/there", "main");
    let fixture = Fixture::with(&documents, |options| options.limits.max_headers = 20).await;
    let mut client = Http2::connect(fixture.web).await;
    let missing = client.get("/").await;
    assert_eq!((missing.status, missing.text()), (404, "404 page not found\n"));
    let mut head = get("/");
    *head.method_mut() = http::Method::HEAD;
    let head = client.ask(head).await;
    assert_eq!((head.status, head.text()), (404, ""));
    let many = |number| {
        let mut request = get("/there");
        for _ in 0..number {
            request.headers_mut().append("x", HeaderValue::from_static("y"));
        }
        request
    };
    assert_eq!(client.ask(many(20)).await.status, 200);
    assert_eq!(client.ask(many(21)).await.status, 431);
    let mut large = get("/there");
    let value = HeaderValue::try_from("x".repeat(70_000)).unwrap();
    large.headers_mut().insert("x", value);
    assert_eq!(client.ask(large).await.status, 431);
    assert_eq!(client.get("/there").await.status, 200);
}

#[tokio::test]
async fn cookies_that_come_one_by_one_are_one_header() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = Http2::connect(fixture.web).await;
    let mut request = get("/");
    for cookie in ["a=1", "b=2"] {
        request
            .headers_mut()
            .append(COOKIE, HeaderValue::from_static(cookie));
    }
    client.ask(request).await;
    assert_eq!(backend.received()[0].header("cookie"), Some("a=1; b=2"));
}

#[tokio::test]
async fn a_client_that_resets_a_request_ends_it_and_no_other() {
    let hanging = hanging().await;
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
    let hanging = hanging().await;
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
    let hanging = hanging().await;
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

#[tokio::test]
async fn nothing_is_lost_while_a_proxy_drains_under_load() {
    let backend = Backend::named("ok").await;
    let (fixture, authority) = secured(backend.address, |options| {
        options.drain_delay = SHORT;
        options.grace_period = Duration::from_mins(1);
    })
    .await;
    let mut idle = over_tls(&fixture, &authority).await;
    assert_eq!(idle.get("/").await.status, 200);
    let mut loads = Vec::new();
    for _ in 0..4 {
        let client = over_tls(&fixture, &authority).await;
        for _ in 0..8 {
            let mut client = client.clone();
            loads.push(tokio::spawn(async move {
                let mut served = 0;
                while client.sender.ready().await.is_ok() {
                    match client.sender.try_send_request(get("/")).await {
                        Ok(response) => {
                            let answer = read(response).await.unwrap();
                            assert_eq!((answer.status, answer.text()), (200, "ok"));
                            served += 1;
                        }
                        // after GOAWAY, what was not sent comes back
                        Err(mut error) => {
                            assert!(error.take_message().is_some(), "{}", error.error());
                        }
                    }
                }
                served
            }));
        }
    }
    until("some load", async || backend.count() > 200).await;
    fixture.running.stopper().drain();
    for load in loads {
        assert!(load.await.unwrap() > 1);
    }
    assert!(idle.is_closed().await);
    let Fixture { running, .. } = fixture;
    tokio::task::spawn_blocking(|| running.join())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_request_under_way_is_finished_while_a_proxy_drains() {
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let wait = std::sync::Mutex::new(Some(wait));
    let slow = RawBackend::start(move |mut stream| {
        let wait = wait.lock().unwrap().take();
        async move {
            let _ = stream.read(&mut [0; 4096]).await;
            if let Some(wait) = wait {
                let _ = wait.await;
            }
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
                .await;
        }
    })
    .await;
    let fixture = Fixture::with(&Documents::one(slow.address), |options| {
        options.grace_period = Duration::from_mins(1);
    })
    .await;
    let client = Http2::connect(fixture.web).await;
    let asking = tokio::spawn({
        let mut client = client.clone();
        async move { client.get("/").await }
    });
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
    fixture.running.stopper().drain();
    until("listeners to be closed", async || {
        TcpStream::connect(fixture.web).await.is_err()
    })
    .await;
    // longer than a connection without a request stays
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    go.send(()).unwrap();
    assert_eq!(asking.await.unwrap().text(), "slow");
    let Fixture { running, .. } = fixture;
    tokio::task::spawn_blocking(|| running.join())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn it_is_the_same_on_both_sides() {
    let authority = Authority::new();
    let speaks = Speaks::Tls(authority.sign(&["127.0.0.1"]).server(&["h2"], None));
    let backend = Backend::speaking(speaks, |request| answer(request.body.clone())).await;
    let documents = Documents::default()
        .service_with("main", &[backend.address], |leaf| leaf.scheme = Scheme::Https)
        .secret("ca", authority.root())
        .transport("main", |transport| {
            transport.root_cas = vec![crate::support::secret_id("ca")];
        })
        .route("/", "main");
    let fixture = Fixture::start(&documents).await;
    let client = Http2::connect(fixture.web).await;
    let asking: Vec<_> = (0..50)
        .map(|number| {
            let mut client = client.clone();
            tokio::spawn(async move {
                let body = format!("body {number}");
                client.ask(post("/", body.clone())).await.text() == body
            })
        })
        .collect();
    for same in asking {
        assert!(same.await.unwrap());
    }
}

/// Where there is curl.
#[tokio::test]
async fn curl_speaks_it_with_and_without_tls() {
    let backend = Backend::named("ok").await;
    let (secured, authority) = secured(backend.address, |_| {}).await;
    let plain = Fixture::start(&Documents::one(backend.address)).await;
    let root = secured.dir.path().join("root.pem");
    std::fs::write(&root, &authority.pem).unwrap();
    let port = secured.web.port();
    let with_tls = [
        "--http2".to_owned(),
        "--cacert".to_owned(),
        root.display().to_string(),
        "--resolve".to_owned(),
        format!("{HOST}:{port}:127.0.0.1"),
        format!("https://{HOST}:{port}/"),
    ];
    let without = [
        "--http2-prior-knowledge".to_owned(),
        format!("http://{}/", plain.web),
    ];
    for arguments in [&with_tls[..], &without] {
        let arguments = arguments.to_vec();
        let ran = tokio::task::spawn_blocking(|| {
            Command::new("curl")
                .args([
                    "--silent",
                    "--show-error",
                    "--max-time",
                    "20",
                    "--write-out",
                    " %{http_version} %{http_code}",
                ])
                .args(arguments)
                .output()
        });
        let Ok(output) = ran.await.unwrap() else {
            return;
        };
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "ok 2 200", "{error}");
    }
}
