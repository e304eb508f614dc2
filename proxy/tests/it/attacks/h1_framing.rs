//! Where does a body end? Whoever is of two minds about it can be made to take a body for a request.

use super::{passed, refused};
use crate::support::{Documents, Fixture, RawBackend};

fn chunked(header: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{header}\r\n\r\n5\r\nhello\r\n0\r\n\r\n").into_bytes()
}

fn with_length(header: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{header}\r\n\r\nhello").into_bytes()
}

fn chunks(body: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}").into_bytes()
}

/// What the upstream is sent for `hello` in a chunk.
const ONE_CHUNK: &str =
    "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
/// And with its length.
const WITH_LENGTH: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello";

#[tokio::test]
async fn chunked_is_the_only_coding_and_has_one_spelling() {
    for header in [
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: chunked\t",
        "Transfer-Encoding:\t chunked ",
        "transfer-encoding:ChUnKeD",
    ] {
        assert_eq!(
            passed(header, &chunked(header), true).await,
            ONE_CHUNK,
            "{header}"
        );
    }
    let cases: Vec<_> = [
        ("Transfer-Encoding: chunked,", 400),
        ("Transfer-Encoding: ,chunked", 501),
        ("Transfer-Encoding: chunked, gzip", 400),
        ("Transfer-Encoding: gzip, chunked", 501),
        ("Transfer-Encoding: chunked, chunked", 501),
        ("Transfer-Encoding: xchunked", 400),
        ("Transfer-Encoding: chunkedx", 400),
        ("Transfer-Encoding: chunk", 400),
        ("Transfer-Encoding: \"chunked\"", 400),
        ("Transfer-Encoding: chunked;q=1", 400),
        ("Transfer-Encoding: identity", 400),
        ("Transfer-Encoding:", 400),
        ("Transfer-Encoding: \u{b}chunked", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 501),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", 400),
        ("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", 501),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: x", 400),
        ("Transfer-Encoding : chunked", 400),
        (" Transfer-Encoding: chunked", 400),
        ("Transfer-Encoding\r\n : chunked", 400),
        ("Transfer-Encoding:\r\n chunked", 400),
        ("X: y\rTransfer-Encoding: chunked", 400),
    ]
    .map(|(header, status)| (header, chunked(header), status))
    .into();
    let cases: Vec<_> = cases
        .iter()
        .map(|(name, bytes, status)| (*name, &bytes[..], *status))
        .collect();
    refused(&cases).await;
}

#[tokio::test]
async fn a_length_beside_chunks_is_dropped_and_the_connection_ends() {
    for header in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: chunked\r\nContent-Length: 500",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
    ] {
        assert_eq!(
            passed(header, &chunked(header), false).await,
            ONE_CHUNK,
            "{header}"
        );
    }
    let old = b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    refused(&[("HTTP/1.0 has no chunks", old, 400)]).await;
}

#[tokio::test]
async fn there_is_one_length_of_digits() {
    for header in [
        "Content-Length: 5",
        "Content-Length:\t5 ",
        "Content-Length: 00005",
        "Content-Length: 5\r\nContent-Length: 5",
    ] {
        let seen = passed(header, &with_length(header), true).await;
        assert_eq!(seen.replace("00005", "5"), WITH_LENGTH, "{header}");
    }
    let cases: Vec<_> = [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 6\r\nContent-Length: 5",
        "Content-Length: 5,5",
        "Content-Length: 5, 6",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5.0",
        "Content-Length: 5 5",
        "Content-Length: 5a",
        "Content-Length:",
        "Content-Length: 18446744073709551616",
        "Content-Length : 5",
        "Content-Length: \u{b}5",
        "Content-Length: 5\r\n 6",
    ]
    .map(|header| (header, with_length(header)))
    .into();
    let cases: Vec<_> = cases
        .iter()
        .map(|(name, bytes)| (*name, &bytes[..], 400))
        .collect();
    refused(&cases).await;
    // a number, but no length that anything could have
    let largest = with_length("Content-Length: 18446744073709551615");
    refused(&[("the largest number", &largest, 431)]).await;
}

#[tokio::test]
async fn an_odd_chunk_breaks_the_request() {
    let cases: Vec<_> = [
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "3\r\nhello\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5,\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        ";\r\nhello\r\n0\r\n\r\n",
    ]
    .map(|body| (body, chunks(body)))
    .into();
    let cases: Vec<_> = cases
        .iter()
        .map(|(name, bytes)| (*name, &bytes[..], 400))
        .collect();
    refused(&cases).await;
}

#[tokio::test]
async fn what_an_odd_chunk_breaks_does_not_look_whole_to_its_upstream() {
    let scene = super::Scene::start().await;
    let statuses = scene
        .statuses(&chunks("5\r\nhello\r\n5;a\nb\r\nhello\r\n0\r\n\r\n"))
        .await;
    assert_eq!(statuses, [400]);
    let seen = scene.upstream.all();
    assert!(!seen.contains("0\r\n\r\n"), "{seen}");
}

#[tokio::test]
async fn chunks_pass_without_what_hangs_on_them() {
    for body in [
        "5\r\nhello\r\n0\r\n\r\n",
        "05\r\nhello\r\n000\r\n\r\n",
        "5;name=value\r\nhello\r\n0;last\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: y\r\n\r\n",
    ] {
        assert_eq!(passed(body, &chunks(body), true).await, ONE_CHUNK, "{body}");
    }
}

#[tokio::test]
async fn trailers_never_become_headers() {
    let body = "5\r\nhello\r\n0\r\nContent-Length: 50\r\nHost: evil\r\nTransfer-Encoding: chunked\r\n\
        X-Forwarded-For: 6.6.6.6\r\nAuthorization: evil\r\n\r\n";
    let seen = passed("trailers", &chunks(body), true).await;
    assert_eq!(seen, ONE_CHUNK);
    let announced = "POST / HTTP/1.1\r\nHost: a\r\nTrailer: Host\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\nhello\r\n0\r\nHost: evil\r\n\r\n";
    assert_eq!(passed("announced", announced.as_bytes(), true).await, ONE_CHUNK);
}

#[tokio::test]
async fn trailers_and_extensions_have_their_bounds() {
    let endless_trailers = chunks(&format!("5\r\nhello\r\n0\r\nX: {}\r\n\r\n", "y".repeat(100_000)));
    let many_trailers = chunks(&format!("5\r\nhello\r\n0\r\n{}\r\n", "X: y\r\n".repeat(10_000)));
    let endless_extension = chunks(&format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(100_000)));
    let many_extensions = chunks(&format!("{}0\r\n\r\n", "1;xxxxxxxxxx\r\na\r\n".repeat(10_000)));
    refused(&[
        ("endless trailers", &endless_trailers, 400),
        ("many trailers", &many_trailers, 400),
        ("endless extension", &endless_extension, 400),
        ("many extensions", &many_extensions, 400),
    ])
    .await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_whole_to_its_upstream() {
    use tokio::io::AsyncWriteExt as _;
    for (bytes, end) in [
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel",
            "hello",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "0\r\n\r\n",
        ),
    ] {
        let scene = super::Scene::start().await;
        let mut client = scene.fixture.client().await;
        client.send(bytes).await;
        client.stream.shutdown().await.unwrap();
        let answer = client.try_response(true).await;
        assert!(answer.is_none_or(|answer| answer.status == 400));
        assert!(!scene.upstream.all().contains(end));
        scene
            .fixture
            .metric_becomes("weir_upstream_connections", 0.0)
            .await;
    }
}

#[tokio::test]
async fn a_client_that_closes_its_half_has_gone() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    // as for Traefik: whoever hangs up is not waited for, and the upstream's work ends
    let hanging =
        RawBackend::start(
            |mut stream| async move { while let Ok(1..) = stream.read(&mut [0; 4096]).await {} },
        )
        .await;
    let fixture = Fixture::start(&Documents::one(hanging.address)).await;
    let gone = "weir_failures_total{reason=\"client_gone\"}";
    let requests = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
    ];
    for (place, bytes) in requests.into_iter().enumerate() {
        let mut client = fixture.client().await;
        client.send(bytes).await;
        fixture.metric_becomes("weir_upstream_connections", 1.0).await;
        client.stream.shutdown().await.unwrap();
        assert!(client.is_closed().await);
        fixture.metric_becomes(gone, (place + 1) as f64).await;
        fixture.metric_becomes("weir_upstream_connections", 0.0).await;
    }
}
