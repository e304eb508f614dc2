//! Small servers behind the proxy.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::{HttpService, service_fn},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub version: Version,
    pub method: String,
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A server that answers every request by a function and remembers it.
pub struct Backend {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

/// What a [`Backend`] speaks.
#[derive(Clone)]
pub enum Speaks {
    Http1,
    /// HTTP/2 without TLS.
    H2c,
    /// What is agreed on by ALPN.
    Tls(Arc<ServerConfig>),
}

async fn serve<S>(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, http2: bool, service: S)
where
    S: HttpService<Incoming, ResBody = Full<Bytes>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
{
    let io = TokioIo::new(stream);
    // how it ends is the other side's matter
    if http2 {
        let _ = http2::Builder::new(TokioExecutor::new())
            .max_concurrent_streams(4)
            .serve_connection(io, service)
            .await;
    } else {
        let _ = http1::Builder::new().serve_connection(io, service).await;
    }
}

/// A plain answer.
pub fn answer(text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    Response::new(Full::new(text.into()))
}

impl Backend {
    /// Answers with its name.
    pub async fn named(name: &'static str) -> Self {
        Self::start(move |_| answer(name)).await
    }

    /// Answers by a function.
    pub async fn start(respond: impl Fn(&Received) -> Response<Full<Bytes>> + Send + Sync + 'static) -> Self {
        Self::speaking(Speaks::Http1, respond).await
    }

    /// The same in another protocol.
    pub async fn speaking(
        speaks: Speaks,
        respond: impl Fn(&Received) -> Response<Full<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, speaks, respond)
    }

    /// The same on a socket.
    pub fn on(
        listener: TcpListener,
        speaks: Speaks,
        respond: impl Fn(&Received) -> Response<Full<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let respond = Arc::new(respond);
        let task = tokio::spawn({
            let (received, connections) = (received.clone(), connections.clone());
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    connections.fetch_add(1, Ordering::Relaxed);
                    let (received, respond) = (received.clone(), respond.clone());
                    let service = service_fn(move |request: Request<Incoming>| {
                        let (received, respond) = (received.clone(), respond.clone());
                        async move {
                            let request = remember(request).await;
                            let response = request.as_ref().map_or_else(|| answer("cut off"), |r| respond(r));
                            received.lock().unwrap().extend(request);
                            Ok::<_, Infallible>(response)
                        }
                    });
                    let speaks = speaks.clone();
                    tokio::spawn(async move {
                        match speaks {
                            Speaks::Http1 => serve(stream, false, service).await,
                            Speaks::H2c => serve(stream, true, service).await,
                            Speaks::Tls(config) => {
                                let accepted = TlsAcceptor::from(config).accept(stream).await;
                                if let Ok(stream) = accepted {
                                    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                                    serve(stream, http2, service).await;
                                }
                            }
                        }
                    });
                }
            }
        });
        Self {
            address,
            received,
            connections,
            task,
        }
    }

    /// What has arrived so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// How many requests have arrived.
    pub fn count(&self) -> usize {
        self.received.lock().unwrap().len()
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn remember(request: Request<Incoming>) -> Option<Received> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    let (method, target) = (parts.method.to_string(), parts.uri.to_string());
    Some(Received {
        version: parts.version,
        method,
        target,
        headers: parts.headers,
        body,
    })
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server that does with each connection what a function says.
pub struct RawBackend {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl RawBackend {
    pub async fn start<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::at("127.0.0.1:0".parse().unwrap(), serve).await
    }

    /// Reads, and never says anything.
    pub async fn silent() -> Self {
        Self::start(|mut stream| async move { while let Ok(1..) = stream.read(&mut [0; 16_384]).await {} })
            .await
    }

    /// Answers the first request when it is told to, others at once, and closes after each.
    pub async fn slow() -> (Self, oneshot::Sender<()>) {
        let (go, wait) = oneshot::channel();
        let wait = Mutex::new(Some(wait));
        let backend = Self::start(move |mut stream| {
            let wait = wait.lock().unwrap().take();
            async move {
                let _ = stream.read(&mut [0; 4096]).await;
                if let Some(wait) = wait {
                    let _ = wait.await;
                }
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
                    .await;
            }
        })
        .await;
        (backend, go)
    }

    /// Serves at an address.
    pub async fn at<F>(address: SocketAddr, serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream));
            }
        });
        Self { address, task }
    }
}

impl Drop for RawBackend {
    fn drop(&mut self) {
        self.task.abort();
    }
}
