//! Bodies pass piece by piece: nothing waits for more, whatever `flushInterval` says.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::stream;
use http::Response;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{body::Frame, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Mutex, mpsc},
    time::timeout,
};
use weir_model::{document::Scheme, duration::GoDuration};

use crate::support::{
    Authority, Backend, Documents, Fixture, RawBackend, answer,
    http2::{Http2, get, streaming},
    secure,
};

const PIECES: [&str; 3] = ["data: one\n\n", "data: two\n\n", "data: three\n\n"];

/// Says when the next piece is to be made.
type Next = mpsc::UnboundedSender<()>;

/// How an answer is framed.
#[derive(Clone, Copy, Debug)]
enum Framing {
    /// Server-sent events in chunks, as they come from everywhere.
    Events,
    Chunks,
    Length,
    /// By the connection's end.
    Close,
}

/// An upstream of HTTP/1.1 that makes each piece when told to.
async fn pieces(framing: Framing) -> (RawBackend, Next) {
    let (next, told) = mpsc::unbounded_channel::<()>();
    let told = Arc::new(Mutex::new(told));
    let backend = RawBackend::start(move |mut stream| {
        let told = told.clone();
        async move {
            let mut told = told.lock().await;
            let _ = stream.read(&mut [0; 4096]).await;
            let length: usize = PIECES.iter().map(|piece| piece.len()).sum();
            let framed = match framing {
                Framing::Events => {
                    "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n".to_owned()
                }
                Framing::Chunks => "Transfer-Encoding: chunked\r\n".to_owned(),
                Framing::Length => format!("Content-Length: {length}\r\n"),
                Framing::Close => String::new(),
            };
            let head = format!("HTTP/1.1 200 OK\r\n{framed}\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            for piece in PIECES {
                told.recv().await;
                let piece = match framing {
                    Framing::Events | Framing::Chunks => format!("{:x}\r\n{piece}\r\n", piece.len()),
                    Framing::Length | Framing::Close => piece.to_owned(),
                };
                stream.write_all(piece.as_bytes()).await.unwrap();
            }
            if matches!(framing, Framing::Events | Framing::Chunks) {
                stream.write_all(b"0\r\n\r\n").await.unwrap();
            }
        }
    })
    .await;
    (backend, next)
}

/// The same with HTTP/2.
async fn pieces_of_http2() -> (RawBackend, Next) {
    let (next, told) = mpsc::unbounded_channel::<()>();
    let told = Arc::new(Mutex::new(told));
    let backend = RawBackend::start(move |stream| {
        let told = told.clone();
        let service = service_fn(move |_| {
            let told = told.clone();
            let pieces = stream::unfold(0, move |place| {
                let told = told.clone();
                async move {
                    let piece = *PIECES.get(place)?;
                    told.lock().await.recv().await;
                    Some((Ok::<_, Infallible>(Frame::data(Bytes::from(piece))), place + 1))
                }
            });
            async { Ok::<_, Infallible>(Response::new(StreamBody::new(pieces))) }
        });
        async move {
            let _ = http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    })
    .await;
    (backend, next)
}

async fn until_it_ends_with(seen: &mut Vec<u8>, stream: &mut (impl AsyncRead + Unpin), end: &str) {
    while !seen.windows(end.len()).any(|bytes| bytes == end.as_bytes()) {
        let read = timeout(Duration::from_secs(20), stream.read_buf(seen));
        assert!(
            read.await.expect("the piece before the next is made").unwrap() > 0,
            "{end}"
        );
    }
}

/// Reads with HTTP/1.1; each piece is asked for when the one before is there.
async fn read_pieces(mut stream: impl AsyncRead + tokio::io::AsyncWrite + Unpin, next: &Next) {
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: test.example\r\n\r\n")
        .await
        .unwrap();
    let mut seen = Vec::new();
    until_it_ends_with(&mut seen, &mut stream, "\r\n\r\n").await;
    for piece in PIECES {
        next.send(()).unwrap();
        until_it_ends_with(&mut seen, &mut stream, piece).await;
    }
}

/// The same with HTTP/2.
async fn read_frames(mut client: Http2, next: &Next) {
    client.sender.ready().await.unwrap();
    let response = client.sender.send_request(get("/")).await.unwrap();
    let mut body = response.into_body();
    for piece in PIECES {
        next.send(()).unwrap();
        let frame = timeout(Duration::from_secs(20), body.frame()).await;
        let frame = frame
            .expect("the piece before the next is made")
            .unwrap()
            .unwrap();
        assert_eq!(frame.into_data().unwrap(), piece);
    }
}

fn documents(address: SocketAddr, scheme: Scheme, flush_interval: GoDuration) -> Documents {
    Documents::default()
        .service_with("main", &[address], |leaf| {
            leaf.scheme = scheme;
            leaf.flush_interval = flush_interval;
        })
        .route("/", "main")
}

#[tokio::test]
async fn every_piece_arrives_before_the_next_is_made() {
    let authority = Authority::new();
    let certified = authority.sign(&["a.example"]);
    for millis in [-1, 0, 100, 3_600_000] {
        let interval = GoDuration::from_millis(millis);
        for framing in [Framing::Events, Framing::Chunks, Framing::Length, Framing::Close] {
            let (backend, next) = pieces(framing).await;
            let documents = documents(backend.address, Scheme::Http, interval);
            let fixture = Fixture::start(&documents).await;
            read_pieces(fixture.client().await.stream, &next).await;
            read_frames(Http2::connect(fixture.web).await, &next).await;
            let secured = documents.secret("own", certified.entry()).tls("/", Some("own"));
            let fixture = Fixture::secure(&secured, |_| {}).await;
            let stream = secure(fixture.web, "a.example", &authority.client(&["http/1.1"])).await;
            read_pieces(stream.unwrap(), &next).await;
            let stream = secure(fixture.web, "a.example", &authority.client(&["h2"])).await;
            read_frames(Http2::over(stream.unwrap()).await, &next).await;
        }
        let (backend, next) = pieces_of_http2().await;
        let fixture = Fixture::start(&documents(backend.address, Scheme::H2c, interval)).await;
        read_pieces(fixture.client().await.stream, &next).await;
        read_frames(Http2::connect(fixture.web).await, &next).await;
    }
}

#[tokio::test]
async fn bodies_go_up_piece_by_piece_as_well() {
    let (tell, mut told) = mpsc::unbounded_channel::<Vec<u8>>();
    let backend = RawBackend::start(move |mut stream| {
        let tell = tell.clone();
        async move {
            let mut buffer = vec![0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                if tell.send(buffer[..read].to_vec()).is_err() {
                    break;
                }
            }
        }
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut until = async |end: &str| {
        let mut seen = Vec::new();
        while !seen.windows(end.len()).any(|bytes| bytes == end.as_bytes()) {
            let came = timeout(Duration::from_secs(20), told.recv()).await;
            seen.extend(came.expect("the piece before the next is sent").unwrap());
        }
    };
    let mut client = fixture.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    for piece in PIECES {
        client.send(format!("{:x}\r\n{piece}\r\n", piece.len())).await;
        until(piece).await;
    }
    let mut client = Http2::connect(fixture.web).await;
    let (request, body) = streaming("/");
    client.sender.ready().await.unwrap();
    let _answer = tokio::spawn(client.sender.send_request(request));
    for piece in PIECES {
        body.send(piece);
        until(piece).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_ends_it() {
    let (backend, next) = pieces(Framing::Events).await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut stream = TcpStream::connect(fixture.web).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    next.send(()).unwrap();
    let mut seen = Vec::new();
    until_it_ends_with(&mut seen, &mut stream, PIECES[0]).await;
    drop(stream);
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
    fixture.metric_becomes("weir_connections", 0.0).await;
}

#[tokio::test]
async fn an_answer_may_come_while_the_body_is_still_sent() {
    let backend = RawBackend::start(|mut stream| async move {
        let mut seen = Vec::new();
        while !seen.ends_with(b"first\r\n") {
            assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
        }
        let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n";
        stream.write_all(answer).await.unwrap();
        while !seen.ends_with(b"0\r\n\r\n") {
            assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
        }
        stream.write_all(b"4\r\nlate\r\n0\r\n\r\n").await.unwrap();
        let _ = stream.read_u8().await;
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        .await;
    let mut seen = Vec::new();
    until_it_ends_with(&mut seen, &mut client.stream, "early\r\n").await;
    client.send("6\r\nsecond\r\n0\r\n\r\n").await;
    until_it_ends_with(&mut seen, &mut client.stream, "late\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn a_stream_and_others_share_a_connection_of_http2() {
    let (backend, next) = pieces(Framing::Events).await;
    let quick = Backend::start(|_| answer("quick")).await;
    let documents = Documents::one(backend.address)
        .service("quick", &[quick.address])
        .route("/quick", "quick");
    let fixture = Fixture::start(&documents).await;
    let mut client = Http2::connect(fixture.web).await;
    client.sender.ready().await.unwrap();
    let response = client.sender.send_request(get("/")).await.unwrap();
    let mut body = response.into_body();
    for piece in PIECES {
        assert_eq!(client.get("/quick").await.text(), "quick");
        next.send(()).unwrap();
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), piece);
    }
}
