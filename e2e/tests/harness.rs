//! Whether the harness itself can be believed: it counts right, and it notices what it has to notice.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use weir_e2e::{
    backend::Backend,
    http,
    load::{Load, Target},
};

fn target() -> Target {
    Target {
        host: "example.com".to_owned(),
        path: "/foo".to_owned(),
    }
}

#[tokio::test]
async fn what_is_sent_is_what_is_answered_and_seen() {
    let backend = Backend::start("svc1").await.unwrap();
    let mut load = Load::connect(backend.address, target(), 4).await.unwrap();
    let answers = load.send("a", 101).await;
    assert_eq!(
        (answers.good(), answers.failed),
        (101, 0),
        "{:?}",
        answers.failures
    );
    assert_eq!(answers.by_backend.keys().collect::<Vec<_>>(), ["svc1"]);
    assert_eq!((backend.seen("a"), backend.seen("b")), (101, 0));
}

#[tokio::test]
async fn load_runs_as_long_as_the_work_beside_it() {
    let backend = Backend::start("svc1").await.unwrap();
    let mut load = Load::connect(backend.address, target(), 4).await.unwrap();
    let work = backend.wait_for("a", 50, Duration::from_secs(10));
    let (seen, answers) = load.send_during("a", work).await;
    assert!(seen >= 50);
    assert_eq!((answers.good(), answers.failed), (backend.seen("a"), 0));
}

#[tokio::test]
async fn waiting_for_requests_that_never_come_ends() {
    let backend = Backend::start("svc1").await.unwrap();
    assert_eq!(backend.wait_for("a", 1, Duration::from_millis(20)).await, 0);
}

#[tokio::test]
async fn a_body_that_was_changed_on_the_way_is_refused() {
    let backend = Backend::start("svc1").await.unwrap();
    let mut connection = http::connect(backend.address).await.unwrap();
    let request = hyper::Request::post("/foo/a/1").header("host", "example.com");
    let request = request.body("2".into()).unwrap();
    let (status, _) = http::exchange(&mut connection, request).await.unwrap();
    assert_eq!((status.as_u16(), backend.seen("a")), (400, 0));
}

/// Answers every connection's first request with `answer` and closes it.
async fn server_that_answers(answer: &'static str) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                if stream.read(&mut [0; 1024]).await.is_ok() {
                    drop(stream.write_all(answer.as_bytes()).await);
                }
            });
        }
    });
    Ok(address)
}

#[tokio::test]
async fn an_error_status_a_cut_answer_and_a_closed_connection_are_failures() {
    let answers = [
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsvc1",
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\nsvc1",
        "",
    ];
    for answer in answers {
        let address = server_that_answers(answer).await.unwrap();
        let mut load = Load::connect(address, target(), 1).await.unwrap();
        let answers = load.send("a", 2).await;
        assert!(answers.failed >= 2, "{answer:?}: {answers:?}");
    }
}
