//! `forwardingTimeouts`. Where a timeout is long by default, that what it ends ends at all is the proof.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::mpsc,
    time::timeout,
};

use super::{
    super::{
        backend::{Backend, HELD, Speaks},
        stage::{LIMIT, until},
    },
    h2c, plain,
};

/// Connects to it until nobody more is let in: the kernel drops who else comes.
async fn full() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
    }
    (address, listener, waiting)
}

#[tokio::test]
async fn who_does_not_let_us_in_is_given_up() {
    let (address, _listener, _waiting) = full().await;
    for dial in ["100ms", "1"] {
        let stage = plain(&format!("forwardingTimeouts: {{dialTimeout: {dial}}}"), address).await;
        let answer = timeout(Duration::from_secs(10), stage.get("/")).await;
        assert_eq!(answer.unwrap().status, 504);
    }
}

#[tokio::test]
async fn who_does_not_answer_is_given_up_if_that_is_wanted() {
    let backend = Backend::start("svc1").await;
    let stage = plain(
        "forwardingTimeouts: {responseHeaderTimeout: 200ms}",
        backend.address,
    )
    .await;
    assert_eq!(stage.get(HELD).await.status, 504);
    assert_eq!(stage.get("/").await.status, 200);
    let patient = plain("forwardingTimeouts: {responseHeaderTimeout: 0}", backend.address).await;
    let before = backend.seen().len();
    let release = async {
        until("the request", async || backend.seen().len() > before).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        backend.release();
    };
    let (answer, ()) = tokio::join!(patient.get(HELD), release);
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn connections_that_nobody_uses_are_closed() {
    let (http, http2) = (
        Backend::start("svc1").await,
        Backend::speaking(Speaks::H2c, "svc1").await,
    );
    let fields = "forwardingTimeouts: {idleConnTimeout: 300ms}";
    for stage in [
        plain(fields, http.address).await,
        h2c(fields, http2.address).await,
    ] {
        assert_eq!(stage.get("/").await.status, 200);
        until("its connection to be closed", async || {
            stage.metric("weir_upstream_connections").await < 0.5
        })
        .await;
    }
}

/// What a server notes of the connection to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Noted {
    Ping,
    End,
}

/// A server that answers one request over HTTP/2, and then only pings, if it `answers` those.
async fn quiet(answers: bool) -> (SocketAddr, mpsc::UnboundedReceiver<Noted>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (note, noted) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 24]).await.unwrap();
        // an error is that the proxy has closed it
        drop(frames(&mut stream, answers, &note).await);
        let _ = note.send(Noted::End);
    });
    (address, noted)
}

async fn frames(
    stream: &mut TcpStream,
    answers: bool,
    note: &mpsc::UnboundedSender<Noted>,
) -> io::Result<()> {
    const ACK: u8 = 1;
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let [a, b, c, kind, flags, ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        stream.read_exact(&mut payload).await?;
        match kind {
            // HEADERS: `:status: 200` is the whole answer
            1 => stream.write_all(&[0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88]).await?,
            4 if flags & ACK == 0 => stream.write_all(&[0, 0, 0, 4, ACK, 0, 0, 0, 0]).await?,
            6 if flags & ACK == 0 => {
                let _ = note.send(Noted::Ping);
                if answers {
                    let head = [0, 0, 8, 6, ACK, 0, 0, 0, 0];
                    stream.write_all(&[&head[..], &payload].concat()).await?;
                }
            }
            _ => {}
        }
    }
}

async fn next(noted: &mut mpsc::UnboundedReceiver<Noted>) -> Noted {
    timeout(LIMIT, noted.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_silent_connection_is_pinged_and_closed_if_nobody_answers() {
    let (address, mut noted) = quiet(false).await;
    let fields = "forwardingTimeouts: {readIdleTimeout: 50ms, pingTimeout: 100ms}";
    let stage = h2c(fields, address).await;
    assert_eq!(stage.get("/").await.status, 200);
    assert_eq!(next(&mut noted).await, Noted::Ping);
    assert_eq!(next(&mut noted).await, Noted::End);
}

#[tokio::test]
async fn a_connection_whose_pings_are_answered_stays() {
    let (address, mut noted) = quiet(true).await;
    let fields = "forwardingTimeouts: {readIdleTimeout: 50ms, pingTimeout: 1s}";
    let stage = h2c(fields, address).await;
    assert_eq!(stage.get("/").await.status, 200);
    for _ in 0..5 {
        assert_eq!(next(&mut noted).await, Noted::Ping);
    }
}

#[tokio::test]
async fn a_silent_connection_is_left_alone_where_nobody_wants_otherwise() {
    // the answer to a ping has 15 s
    for (fields, first) in [
        ("", None),
        ("forwardingTimeouts: {pingTimeout: 50ms}", None),
        ("forwardingTimeouts: {readIdleTimeout: 50ms}", Some(Noted::Ping)),
    ] {
        let (address, mut noted) = quiet(false).await;
        let stage = h2c(fields, address).await;
        assert_eq!(stage.get("/").await.status, 200);
        if first.is_some() {
            assert_eq!(next(&mut noted).await, Noted::Ping);
        }
        let more = timeout(Duration::from_millis(500), noted.recv()).await;
        assert!(more.is_err(), "{fields}: {more:?}");
    }
}
