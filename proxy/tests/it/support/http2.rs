//! A client that speaks HTTP/2, and a server that streams as gRPC does.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use bytes::Bytes;
use futures::channel::mpsc::{self, UnboundedReceiver, UnboundedSender};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Either, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    client::conn::http2::{SendRequest, handshake},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(20);

type Frames = UnboundedReceiver<Result<Frame<Bytes>, Infallible>>;
pub type Body = Either<Full<Bytes>, StreamBody<Frames>>;

/// A connection that speaks HTTP/2.
#[derive(Clone)]
pub struct Http2 {
    pub sender: SendRequest<Body>,
}

/// A request's body that is sent bit by bit.
pub struct Pieces(UnboundedSender<Result<Frame<Bytes>, Infallible>>);

impl Pieces {
    pub fn send(&self, piece: impl Into<Bytes>) {
        self.0.unbounded_send(Ok(Frame::data(piece.into()))).unwrap();
    }

    /// Ends it with trailers.
    pub fn end_with<const N: usize>(self, trailers: [(&'static str, &'static str); N]) {
        let mut all = HeaderMap::new();
        for (name, value) in trailers {
            all.insert(name, HeaderValue::from_static(value));
        }
        self.0.unbounded_send(Ok(Frame::trailers(all))).unwrap();
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// A GET of a path.
pub fn get(path: &str) -> Request<Body> {
    with(path, Body::Left(Full::default()))
}

/// A POST to a path.
pub fn post(path: &str, body: impl Into<Bytes>) -> Request<Body> {
    let mut request = with(path, Body::Left(Full::new(body.into())));
    *request.method_mut() = http::Method::POST;
    request
}

/// A POST whose body comes bit by bit.
pub fn streaming(path: &str) -> (Request<Body>, Pieces) {
    let (sender, receiver) = mpsc::unbounded();
    let mut request = with(path, Body::Right(StreamBody::new(receiver)));
    *request.method_mut() = http::Method::POST;
    (request, Pieces(sender))
}

fn with(path: &str, body: Body) -> Request<Body> {
    let target = format!("http://test.example{path}");
    Request::builder().uri(target).body(body).unwrap()
}

impl Http2 {
    /// Without TLS.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream).await
    }

    pub async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let shaking = handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = shaking.await.unwrap();
        tokio::spawn(async move {
            // who sent a request hears of it
            let _ = connection.await;
        });
        Self { sender }
    }

    /// Sends a request and reads its answer.
    pub async fn ask(&mut self, request: Request<Body>) -> Answer {
        self.try_ask(request).await.unwrap()
    }

    pub async fn try_ask(&mut self, request: Request<Body>) -> hyper::Result<Answer> {
        timeout(PATIENCE, async {
            self.sender.ready().await?;
            read(self.sender.send_request(request).await?).await
        })
        .await
        .expect("an answer in time")
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.ask(get(path)).await
    }

    /// Whether the other side has closed. Waits for it.
    pub async fn is_closed(&mut self) -> bool {
        timeout(PATIENCE, async {
            while !self.sender.is_closed() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .is_ok()
    }
}

/// Reads an answer to its end.
pub async fn read(response: Response<Incoming>) -> hyper::Result<Answer> {
    let (parts, body) = response.into_parts();
    let collected = body.collect().await?;
    let trailers = collected.trailers().cloned();
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: collected.to_bytes(),
        trailers,
    })
}

/// A server without TLS that gives every body back while it comes, with trailers after it; at `/refuse` it has nothing
/// but headers to say, at `/announced` it announces them.
pub struct Echo {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

type Answered = UnsyncBoxBody<Bytes, hyper::Error>;

impl Echo {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let service = service_fn(async |request| Ok::<_, Infallible>(echo(request)));
                tokio::spawn(
                    http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { address, task }
    }
}

fn echo(request: Request<Incoming>) -> Response<Answered> {
    let status = HeaderValue::from_static("7");
    if request.uri().path() == "/refuse" {
        let body = Empty::new()
            .map_err(|never: Infallible| match never {})
            .boxed_unsync();
        let mut response = Response::new(body);
        response.headers_mut().insert("grpc-status", status);
        return response;
    }
    let announced = request.uri().path() == "/announced";
    let mut trailers = HeaderMap::new();
    let body = request.into_body();
    trailers.insert("grpc-status", status);
    let body = body.with_trailers(async { Some(Ok(trailers)) });
    let mut response = Response::new(body.boxed_unsync());
    if announced {
        let name = HeaderValue::from_static("grpc-status");
        response.headers_mut().insert("trailer", name);
    }
    response
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}
