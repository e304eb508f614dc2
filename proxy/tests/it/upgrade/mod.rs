//! Requests that ask to leave HTTP: WebSocket and others.

mod bytes;
mod heads;
mod limits;
mod websocket;

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::support::{Client, RawBackend};

const UPGRADED: &str = "weir_connections_upgraded";
const ASK: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n";
const AGREE: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n";

/// Reads to the end of a head.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn exact(stream: &mut (impl AsyncRead + Unpin), expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    let read = stream.read_exact(&mut bytes);
    timeout(Duration::from_secs(20), read)
        .await
        .expect("bytes in time")
        .unwrap();
    assert_eq!(bytes, expected);
}

/// Agrees to what [`ASK`] asks for, and then gives every byte back.
async fn echo() -> RawBackend {
    RawBackend::start(|mut stream| async move {
        head(&mut stream).await;
        stream.write_all(AGREE.as_bytes()).await.unwrap();
        let (mut read, mut write) = stream.split();
        let _ = tokio::io::copy(&mut read, &mut write).await;
    })
    .await
}

async fn agreed(address: SocketAddr) -> Client<TcpStream> {
    let mut client = Client::connect(address).await;
    assert_eq!(client.ask(ASK).await.status, 101);
    client
}
