//! What a client sees when a request cannot be answered by an upstream.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use weir_model::{
    document::{Scheme, Target},
    duration::GoDuration,
};

use crate::support::{Backend, Documents, Fixture, RawBackend, refusing, until};

#[tokio::test]
async fn no_route_is_404_as_in_traefik() {
    let fixture = Fixture::start(&Documents::default()).await;
    let mut client = fixture.client().await;
    for _ in 0..2 {
        let response = client.get("/").await;
        assert_eq!((response.status, response.text()), (404, "404 page not found\n"));
        assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    }
    assert!(fixture.metric("weir_failures_total{reason=\"no_route\"}").await > 1.0);
}

#[tokio::test]
async fn nothing_usable_is_503_as_in_traefik() {
    let documents = Documents::default()
        .service("empty", &[])
        .weighted("all-empty", &[("empty", 1)])
        .route("/", "all-empty")
        .route_to("/refused", Target::Unavailable("UnsupportedFeature".into()));
    let fixture = Fixture::start(&documents).await;
    for path in ["/", "/refused"] {
        let response = fixture.get(path).await;
        assert_eq!((response.status, response.text()), (503, "no available server\n"));
        assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    }
}

#[tokio::test]
async fn a_refused_connection_is_502() {
    let closed = refusing();
    let fixture = Fixture::start(&Documents::one(closed)).await;
    let response = fixture.get("/").await;
    assert_eq!((response.status, response.text()), (502, "Bad Gateway"));
    assert_eq!(response.header("content-type"), None);
    fixture
        .metric_becomes("weir_failures_total{reason=\"connect\"}", 1.0)
        .await;
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_502() {
    let backend = Backend::named("never").await;
    let documents = Documents::one(backend.address).address("main", "nowhere.invalid:80");
    let fixture = Fixture::start(&documents).await;
    assert_eq!(fixture.get("/").await.status, 502);
    fixture
        .metric_becomes("weir_failures_total{reason=\"resolve\"}", 1.0)
        .await;
}

#[tokio::test]
async fn a_name_that_resolves_is_reached() {
    let backend = Backend::named("by name").await;
    let documents =
        Documents::one(backend.address).address("main", &format!("localhost:{}", backend.address.port()));
    let fixture = Fixture::start(&documents).await;
    assert_eq!(fixture.get("/").await.text(), "by name");
}

/// What becomes of a POST whose upstream does this instead of answering.
async fn status_when(upstream: &'static [u8]) -> (u16, String) {
    let backend = RawBackend::start(move |mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(upstream).await;
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let response = fixture.client().await.post("/", b"").await;
    (response.status, response.text().to_owned())
}

#[tokio::test]
async fn an_upstream_that_closes_without_an_answer_is_502() {
    assert_eq!(status_when(b"").await, (502, "Bad Gateway".into()));
    assert_eq!(status_when(b"HTTP/1.1 200").await, (502, "Bad Gateway".into()));
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_500() {
    assert_eq!(
        status_when(b"220 mail.example ESMTP\r\n\r\n").await,
        (500, "Internal Server Error".into())
    );
}

#[tokio::test]
async fn a_switch_of_protocols_that_nobody_asked_for_is_500() {
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n";
    assert_eq!(status_when(switch).await, (500, "Internal Server Error".into()));
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_504() {
    let backend = RawBackend::silent().await;
    let documents = Documents::one(backend.address).transport("main", |transport| {
        transport.response_header_timeout = GoDuration::from_millis(50);
    });
    let fixture = Fixture::start(&documents).await;
    let response = fixture.client().await.post("/", b"body").await;
    assert_eq!((response.status, response.text()), (504, "Gateway Timeout"));
    fixture
        .metric_becomes("weir_failures_total{reason=\"response_timeout\"}", 1.0)
        .await;
}

#[tokio::test]
async fn an_endpoint_that_wants_another_protocol_never_gets_plain_http() {
    let backend = Backend::named("plain").await;
    for (scheme, status, reason) in [(Scheme::Https, 500, "tls"), (Scheme::H2c, 502, "closed")] {
        let documents = Documents::default()
            .service_with("main", &[backend.address], |leaf| leaf.scheme = scheme)
            .route("/", "main");
        let fixture = Fixture::start(&documents).await;
        assert_eq!(fixture.get("/").await.status, status);
        fixture
            .metric_becomes(&format!("weir_failures_total{{reason=\"{reason}\"}}"), 1.0)
            .await;
    }
    assert_eq!(backend.count(), 0);
}

#[tokio::test]
async fn requests_that_break_the_rules_are_refused() {
    let backend = Backend::named("never").await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            501,
        ),
        ("GARBAGE\r\n\r\n", 400),
    ] {
        let response = fixture.client().await.ask(request).await;
        assert_eq!(response.status, status, "{request}");
    }
    assert_eq!(backend.count(), 0);
}

#[tokio::test]
async fn a_body_that_is_malformed_is_400_and_ends_both_connections() {
    let backend = Backend::named("never").await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
        .await;
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
    let response = client.ask("not a chunk\r\n").await;
    assert_eq!((response.status, response.text()), (400, "Bad Request"));
    assert!(client.is_closed().await);
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
    fixture
        .metric_becomes("weir_failures_total{reason=\"request_body\"}", 1.0)
        .await;
}

#[tokio::test]
async fn what_could_smuggle_a_second_request_does_not() {
    let backend = Backend::start(|request| crate::support::answer(request.body.clone())).await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    // both framings: the chunks count, the length is gone, and the connection ends after it
    let mut client = fixture.client().await;
    let response = client
        .ask(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n\
             2\r\nhi\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        )
        .await;
    assert_eq!(
        (response.text(), response.header("connection")),
        ("hi", Some("close"))
    );
    let request = backend.received().remove(0);
    assert_eq!(
        (
            request.header("content-length"),
            request.header("transfer-encoding")
        ),
        (None, Some("chunked"))
    );
    // two lengths
    let two = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab";
    assert_eq!(fixture.client().await.ask(two).await.status, 400);
    assert_eq!(backend.count(), 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_upstream_is_never_ended_as_if_it_were_whole() {
    for (head, version) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart", "1.1"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
            "1.1",
        ),
    ] {
        let backend = RawBackend::start(move |mut stream| async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(head.as_bytes()).await;
        })
        .await;
        let fixture = Fixture::start(&Documents::one(backend.address)).await;
        let request = format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n");
        let response = fixture.client().await.ask(request).await;
        assert_eq!((response.status, response.complete), (200, false), "{head}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_reset_where_its_end_is_the_connections() {
    let backend = RawBackend::start(move |mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n")
            .await;
        // the client has the first part when it sends something
        let _ = stream.read(&mut [0; 1]).await;
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client
        .send("POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
        .await;
    let mut seen = Vec::new();
    while !seen.ends_with(b"part") {
        assert!(client.stream.read_buf(&mut seen).await.unwrap() > 0);
    }
    client.send("x").await;
    let end = client.stream.read_buf(&mut seen).await;
    assert!(end.is_err(), "an orderly end would look like the body's: {end:?}");
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_request_upstream() {
    let backend = RawBackend::start(|mut stream| async move {
        // ends when the proxy closes
        while let Ok(1..) = stream.read(&mut [0; 4096]).await {}
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
    drop(client);
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
    fixture
        .metric_becomes("weir_failures_total{reason=\"client_gone\"}", 1.0)
        .await;
    until("the connection to be gone", async || {
        fixture.metric("weir_connections").await < 0.5
    })
    .await;
}
