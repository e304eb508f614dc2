//! What comes after the head.

use crate::support::{Documents, Fixture};

use super::Answers::{Closes, Later, Resets, Stays};
use super::{BROKEN, Bad, case, run};

#[tokio::test]
async fn a_body_that_breaks_off_breaks_the_clients_connection() {
    let broke = Some("response_body");
    run([
        case(
            "a reset",
            Resets(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart"),
            (200, BROKEN),
            broke,
        )
        .with("part"),
        case(
            "fewer bytes",
            Closes(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart"),
            (200, BROKEN),
            broke,
        )
        .with("part"),
        case(
            "no last chunk",
            Closes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"),
            (200, BROKEN),
            broke,
        )
        .with("part"),
        case(
            "half a chunk",
            Closes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\npart"),
            (200, BROKEN),
            broke,
        )
        .with("part"),
        case(
            "a chunk without a size",
            Stays(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\nzz\r\n"),
            (200, BROKEN),
            broke,
        ),
        case(
            "a chunk that is too large to be true",
            Stays(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
            (200, BROKEN),
            broke,
        ),
        case(
            "a chunk that goes on",
            Stays(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npartmore\r\n"),
            (200, BROKEN),
            broke,
        ),
    ])
    .await;
}

#[tokio::test]
async fn bytes_after_an_answer_reach_nobody() {
    let twice = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none";
    let evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let at_once: &'static [u8] = Box::leak([&twice[..], evil].concat().into());
    run([
        case("more bytes than announced", Stays(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nonemore"), (200, true), None).with("one"),
        case("two answers at once", Stays(at_once), (200, true), None).with("one"),
        case("after the last chunk", Stays(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), (200, true), None).with("one"),
        case("a body of 204", Stays(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), (204, true), None),
        case("a length of 204", Stays(b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil"), (204, true), None),
        case("a body of 304", Stays(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil"), (304, true), None),
        case("a body after HEAD", Stays(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), (200, true), None).head(),
        case("chunks after HEAD", Stays(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n"), (200, true), None).head(),
    ])
    .await;
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_nobodys() {
    let backend = Bad::start(
        Later(
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none",
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        ),
        None,
    )
    .await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| options.threads = 1).await;
    let mut client = fixture.client().await;
    assert_eq!(client.get("/bad").await.text(), "one");
    // it comes while the connection waits
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
    assert_eq!(client.get("/good").await.text(), "good");
    assert_eq!(backend.asked(), [["/bad"], ["/good"]]);
}

#[tokio::test]
async fn chunks_count_where_there_is_a_length_as_well() {
    let both = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n";
    let backend = Bad::start(Stays(both), None).await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| options.threads = 1).await;
    let mut client = fixture.client().await;
    let response = client.get("/bad").await;
    assert_eq!((response.status, response.header("content-length")), (200, None));
    assert_eq!((response.text(), response.complete), ("0123456789", true));
    assert_eq!(client.get("/good").await.text(), "good");
}
