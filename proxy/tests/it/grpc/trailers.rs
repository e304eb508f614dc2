//! Trailers, from one version of HTTP to another.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{
    Documents, Fixture, RawBackend,
    http2::{Http2, post},
};

use super::h2c;

/// Answers in chunks, with trailers that are announced, and asserts that none came.
async fn with_trailers() -> RawBackend {
    RawBackend::start(|mut stream| async move {
        let mut seen = Vec::new();
        while !seen.ends_with(b"0\r\n\r\n") {
            assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
        }
        let text = String::from_utf8(seen).unwrap();
        assert!(
            text.contains("\r\nte: trailers\r\n") && !text.contains("x-request"),
            "{text}"
        );
        let answer = "HTTP/1.1 200 OK\r\nTrailer: grpc-status, x-sum\r\nTransfer-Encoding: chunked\r\n\r\n\
                      2\r\nok\r\n0\r\ngrpc-status: 7\r\nx-sum: 42\r\n\r\n";
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.read_u8().await;
    })
    .await
}

#[tokio::test]
async fn trailers_of_http1_arrive_with_http2() {
    let backend = with_trailers().await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = Http2::connect(fixture.web).await;
    let (mut request, body) = crate::support::http2::streaming("/");
    request.headers_mut().insert("te", "trailers".parse().unwrap());
    body.send("body");
    body.end_with([("x-request", "1")]);
    let answer = client.ask(request).await;
    assert_eq!(answer.text(), "ok");
    let trailers = answer.trailers.unwrap();
    assert_eq!(
        (&trailers["grpc-status"], &trailers["x-sum"]),
        (&"7".parse().unwrap(), &"42".parse().unwrap())
    );
}

#[tokio::test]
async fn trailers_of_a_request_end_here_with_http2_as_well() {
    let echo = crate::support::http2::Echo::start().await;
    let fixture = Fixture::start(&h2c(echo.address)).await;
    let mut client = Http2::connect(fixture.web).await;
    let (request, body) = crate::support::http2::streaming("/");
    body.send("body");
    body.end_with([("x-request", "1")]);
    let answer = client.ask(request).await;
    assert_eq!(answer.text(), "body");
    let trailers = answer.trailers.unwrap();
    assert_eq!(
        (trailers.len(), &trailers["grpc-status"]),
        (1, &"7".parse().unwrap())
    );
}

#[tokio::test]
async fn trailers_of_http2_arrive_with_http1_where_they_are_announced() {
    let echo = crate::support::http2::Echo::start().await;
    let fixture = Fixture::start(&h2c(echo.address)).await;
    let ask = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
        )
    };
    let mut client = fixture.client().await;
    let response = client.ask(ask("/announced")).await;
    assert_eq!((response.text(), response.complete), ("body", true));
    assert_eq!(response.header("trailer"), Some("grpc-status"));
    assert_eq!(response.trailers, [("grpc-status".to_owned(), "7".to_owned())]);
    // of others hyper does not know where they belong
    let response = client.ask(ask("/")).await;
    assert_eq!((response.text(), response.complete), ("body", true));
    assert!(response.trailers.is_empty());
    assert_eq!(client.ask(ask("/announced")).await.trailers.len(), 1);
    // who does not want them gets none
    let response = client.post("/announced", b"body").await;
    assert_eq!((response.text(), response.complete), ("body", true));
    assert!(response.trailers.is_empty());
    let mut other = Http2::connect(fixture.web).await;
    assert_eq!(
        other.ask(post("/", "x")).await.trailers.unwrap()["grpc-status"],
        "7"
    );
}
