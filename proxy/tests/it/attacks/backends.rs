//! Answers with a body where there is none: what is too much must not become the next answer.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{
    Documents, Fixture, RawBackend,
    frames::{Raw, Said, request},
};

/// Answers every request on a connection with the same bytes.
async fn saying(answer: &'static str) -> RawBackend {
    RawBackend::start(move |mut stream| async move {
        let mut bytes = [0; 4096];
        while let Ok(1..) = stream.read(&mut bytes).await {
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}

#[tokio::test]
async fn an_answer_without_a_body_has_none_and_its_connection_is_not_used_again() {
    for (status, answer) in [
        (
            204,
            "HTTP/1.1 204 No Content\r\nContent-Length: 41\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        ),
        (
            204,
            "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        ),
        (
            204,
            "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n",
        ),
        (304, "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil"),
        (
            304,
            "HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        ),
    ] {
        let backend = saying(answer).await;
        let fixture = Fixture::start(&Documents::one(backend.address)).await;
        let mut client = fixture.client().await;
        for round in 0..3 {
            let response = client.get("/").await;
            assert_eq!(
                (response.status, response.text()),
                (status, ""),
                "{round} of {answer}"
            );
        }
        let mut client = Raw::connect(fixture.web).await;
        for stream in [1, 3] {
            assert_eq!(
                client.ask(stream, &request("GET", "/", &[])).await,
                Said::Status(status)
            );
        }
    }
}

#[tokio::test]
async fn an_answer_to_head_has_a_length_and_no_body() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        // though it has none, its server sends one
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ] {
        let backend = saying(answer).await;
        let fixture = Fixture::start(&Documents::one(backend.address)).await;
        let mut client = fixture.client().await;
        for _ in 0..3 {
            client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            let response = client.head_response().await;
            assert_eq!(
                (response.status, response.header("content-length")),
                (200, Some("5"))
            );
        }
    }
}
