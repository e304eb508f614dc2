//! What stands behind the proxies: as little work as an HTTP server can do.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Bytes of a small answer's body, and of a message on a WebSocket.
pub const SMALL: usize = 130;
/// The answer to the one key that our WebSocket clients send (RFC 6455, section 1.3).
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const HEAD: usize = 16 << 10;

/// Where the backends listen.
#[derive(Clone, Copy, Debug)]
pub struct Backends {
    /// HTTP/1.1, three of them.
    pub http1: [SocketAddr; 3],
    /// HTTP/2 without TLS.
    pub http2: SocketAddr,
}

/// Starts them on this runtime.
pub async fn start() -> Result<Backends> {
    let mut http1 = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); 3];
    for address in &mut http1 {
        let listener = TcpListener::bind(*address).await?;
        *address = listener.local_addr()?;
        tokio::spawn(accept(listener, |stream| async move {
            // a peer that leaves is no failure
            let _ = http1_connection(stream).await;
        }));
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let http2 = listener.local_addr()?;
    tokio::spawn(accept(listener, http2_connection));
    Ok(Backends { http1, http2 })
}

async fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(serve(stream));
        }
    }
}

/// What a request asks for.
enum Wanted {
    Incomplete,
    /// `GET /b/BYTES`, or a small body; after so many bytes of a body, of which some are in the buffer.
    Body {
        head: usize,
        length: usize,
        size: usize,
    },
    WebSocket,
}

fn wanted(bytes: &[u8]) -> Result<Wanted> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(bytes)? else {
        return Ok(Wanted::Incomplete);
    };
    let size = request.path.and_then(|path| path.strip_prefix("/b/"));
    let size = size.map_or(Ok(SMALL), str::parse)?;
    let mut length = 0;
    for header in &*request.headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            length = str::from_utf8(header.value)?.parse()?;
        }
        if header.name.eq_ignore_ascii_case("upgrade") {
            return Ok(Wanted::WebSocket);
        }
    }
    Ok(Wanted::Body { head, length, size })
}

async fn http1_connection(mut stream: TcpStream) -> Result<()> {
    let mut buffer = vec![0; 64 << 10];
    let mut filled = 0;
    let mut known: Option<(usize, Vec<u8>)> = None;
    loop {
        let (head, length, size) = match wanted(&buffer[..filled])? {
            Wanted::WebSocket => return echo(stream).await,
            Wanted::Body { head, length, size } => (head, length, size),
            Wanted::Incomplete => {
                anyhow::ensure!(filled < HEAD, "an endless head");
                match stream.read(&mut buffer[filled..]).await? {
                    0 => return Ok(()),
                    read => filled += read,
                }
                continue;
            }
        };
        let mut left = length.saturating_sub(filled - head);
        let rest = head + length.min(filled - head);
        buffer.copy_within(rest..filled, 0);
        filled -= rest;
        while left > 0 {
            let most = left.min(buffer.len());
            match stream.read(&mut buffer[..most]).await? {
                0 => return Ok(()),
                read => left -= read,
            }
        }
        if known.as_ref().is_none_or(|(known, _)| *known != size) {
            known = Some((size, answer(size)));
        }
        if let Some((_, answer)) = &known {
            stream.write_all(answer).await?;
        }
    }
}

fn answer(size: usize) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + size, b'x');
    answer
}

/// Sends every frame back, without its mask. Our clients mask with zeros.
async fn echo(mut stream: TcpStream) -> Result<()> {
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut frame = [0; 6 + crate::load::MESSAGE];
    loop {
        if stream.read_exact(&mut frame).await.is_err() {
            return Ok(());
        }
        let mut back = [0; 2 + crate::load::MESSAGE];
        back[0] = frame[0];
        back[1] = frame[1] & 0x7f;
        back[2..].copy_from_slice(&frame[6..]);
        stream.write_all(&back).await?;
    }
}

async fn http2_connection(stream: TcpStream) {
    let service = service_fn(|request: Request<Incoming>| async move {
        let is_grpc = request.headers().contains_key("te");
        let _ = request.into_body().collect().await;
        let body = Full::new(Bytes::from_static(&[0; SMALL]));
        let trailers = async move {
            let mut trailers = hyper::HeaderMap::new();
            trailers.insert("grpc-status", hyper::header::HeaderValue::from_static("0"));
            is_grpc.then_some(Ok(trailers))
        };
        let mut response = Response::new(body.with_trailers(trailers));
        let grpc = hyper::header::HeaderValue::from_static("application/grpc");
        response.headers_mut().insert("content-type", grpc);
        Ok::<_, std::convert::Infallible>(response)
    });
    let _ = http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(1000)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
