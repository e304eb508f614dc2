//! A server that keeps every byte that it is sent.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::RawBackend;

/// Answers whatever looks like a whole request with `ok`, and says in which bytes it came.
pub struct Recorder {
    backend: RawBackend,
    connections: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Recorder {
    pub async fn start() -> Self {
        let connections = Arc::new(Mutex::new(Vec::new()));
        let backend = RawBackend::start({
            let connections = connections.clone();
            move |stream| {
                let place = {
                    let mut all = connections.lock().unwrap();
                    all.push(Vec::new());
                    all.len() - 1
                };
                serve(stream, connections.clone(), place)
            }
        })
        .await;
        Self { backend, connections }
    }

    pub fn address(&self) -> SocketAddr {
        self.backend.address
    }

    /// What has come, connection by connection.
    pub fn bytes(&self) -> Vec<String> {
        let all = self.connections.lock().unwrap();
        all.iter()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .collect()
    }

    /// The same in one.
    pub fn all(&self) -> String {
        self.bytes().concat()
    }
}

async fn serve(mut stream: TcpStream, connections: Arc<Mutex<Vec<Vec<u8>>>>, place: usize) {
    let mut unanswered = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        connections.lock().unwrap()[place].extend_from_slice(&buffer[..read]);
        unanswered.extend_from_slice(&buffer[..read]);
        while let Some(length) = length(&unanswered) {
            unanswered.drain(..length);
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
    }
}

/// The length of a whole request that bytes begin with.
fn length(bytes: &[u8]) -> Option<usize> {
    let find = |what: &[u8]| bytes.windows(what.len()).position(|part| part == what);
    let head = find(b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    if text.contains("\r\ntransfer-encoding: chunked\r\n") {
        let body = &bytes[head..];
        if body.starts_with(b"0\r\n\r\n") {
            return Some(head + 5);
        }
        let end = b"\r\n0\r\n\r\n";
        let at = body.windows(end.len()).position(|part| part == end)?;
        return Some(head + at + end.len());
    }
    let body = match text.split_once("\r\ncontent-length: ") {
        Some((_, rest)) => rest.split("\r\n").next()?.parse().ok()?,
        None => 0,
    };
    (bytes.len() >= head + body).then_some(head + body)
}
