//! A client that sends bytes and takes answers apart, and hides nothing in between.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// For anything that should come at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection.
pub struct Client<S = TcpStream> {
    pub stream: S,
    buffer: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub reason: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the body came to the end that its framing promised.
    pub complete: bool,
    /// Names and values after a chunked body.
    pub trailers: Vec<(String, String)>,
}

/// Asks once, on a connection of its own.
pub async fn get(address: SocketAddr, path: &str) -> Response {
    Client::connect(address).await.get(path).await
}

/// Connects with TLS, asking for a host.
pub async fn secure(
    address: SocketAddr,
    host: &str,
    config: &Arc<ClientConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let host = ServerName::try_from(host.to_owned()).unwrap();
    let shaking = TlsConnector::from(config.clone()).connect(host, stream);
    timeout(PATIENCE, shaking).await.expect("a handshake in time")
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub fn over(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        timeout(PATIENCE, self.stream.write_all(bytes.as_ref()))
            .await
            .unwrap()
            .unwrap();
    }

    /// Sends a GET and reads its answer.
    pub async fn get(&mut self, path: &str) -> Response {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: test.example\r\n\r\n"))
            .await
    }

    /// Sends a POST and reads its answer.
    pub async fn post(&mut self, path: &str, body: &[u8]) -> Response {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: test.example\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.send(head).await;
        self.send(body).await;
        self.response().await
    }

    /// Sends anything and reads its answer.
    pub async fn ask(&mut self, bytes: impl AsRef<[u8]>) -> Response {
        self.send(bytes).await;
        self.response().await
    }

    pub async fn response(&mut self) -> Response {
        self.try_response(true).await.expect("a response")
    }

    /// The answer to a HEAD.
    pub async fn head_response(&mut self) -> Response {
        self.try_response(false).await.expect("a response")
    }

    /// Reads an answer; none: the connection ended before its head.
    pub async fn try_response(&mut self, with_body: bool) -> Option<Response> {
        timeout(PATIENCE, self.read_response(with_body))
            .await
            .expect("an answer in time")
    }

    /// Whether the other side has closed. Waits for it, and expects nothing else to come.
    pub async fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !timeout(PATIENCE, self.fill()).await.expect("an end in time")
    }

    async fn read_response(&mut self, with_body: bool) -> Option<Response> {
        let mut response = loop {
            let response = self.read_head().await?;
            if response.status >= 200 || response.status == 101 {
                break response;
            }
        };
        let length = response
            .header("content-length")
            .map(|length| length.parse().unwrap());
        if !with_body || matches!(response.status, 101 | 204 | 304) {
            response.complete = true;
        } else if response.header("transfer-encoding") == Some("chunked") {
            response.complete = self.read_chunks(&mut response).await;
        } else if let Some(length) = length {
            response.complete = self.fill_to(length).await;
            response.body = self.take(length.min(self.buffer.len()));
        } else {
            while self.fill().await {}
            response.body = std::mem::take(&mut self.buffer);
            response.complete = true;
        }
        Some(response)
    }

    async fn read_head(&mut self) -> Option<Response> {
        let mut lines = Vec::new();
        loop {
            match self.line().await? {
                line if line.is_empty() => break,
                line => lines.push(line),
            }
        }
        let mut words = lines[0].splitn(3, ' ').skip(1);
        Some(Response {
            status: words.next().unwrap().parse().unwrap(),
            reason: words.next().unwrap_or_default().to_owned(),
            headers: lines[1..].iter().map(|line| header(line)).collect(),
            body: Vec::new(),
            complete: false,
            trailers: Vec::new(),
        })
    }

    async fn read_chunks(&mut self, response: &mut Response) -> bool {
        loop {
            let Some(size) = self.line().await else {
                return false;
            };
            let size = usize::from_str_radix(&size, 16).unwrap();
            if size == 0 {
                break;
            }
            let whole = self.fill_to(size + 2).await;
            response.body.extend(self.take(size.min(self.buffer.len())));
            if !whole {
                return false;
            }
            self.take(2);
        }
        loop {
            match self.line().await {
                None => return false,
                Some(line) if line.is_empty() => return true,
                Some(line) => response.trailers.push(header(&line)),
            }
        }
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|bytes| bytes == b"\r\n") {
                let line = String::from_utf8(self.take(end)).unwrap();
                self.take(2);
                return Some(line);
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        self.buffer.drain(..length).collect()
    }

    async fn fill_to(&mut self, length: usize) -> bool {
        while self.buffer.len() < length {
            if !self.fill().await {
                return false;
            }
        }
        true
    }

    async fn fill(&mut self) -> bool {
        self.stream
            .read_buf(&mut self.buffer)
            .await
            .is_ok_and(|read| read > 0)
    }
}

fn header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap();
    (name.to_ascii_lowercase(), value.trim().to_owned())
}

impl Response {
    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// All values of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
