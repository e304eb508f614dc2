//! Servers that remember what they are asked.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request, Response, Version, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// What a server speaks.
#[derive(Clone)]
pub enum Speaks {
    Http,
    H2c,
    Https(Arc<ServerConfig>),
}

impl Speaks {
    /// TLS, with a certificate that nobody knows.
    pub fn https() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["backend.example".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Self::Https(Arc::new(config))
    }
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub version: Version,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    /// A header's value; empty if there is none. HTTP/2 says its host elsewhere.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A server on a port of its own, which answers with its name. It ends with this value.
pub struct Backend {
    pub address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    name: String,
    seen: Mutex<Vec<Seen>>,
    health: AtomicU16,
}

impl Backend {
    pub async fn start(name: &str) -> Self {
        Self::speaking(Speaks::Http, name).await
    }

    pub async fn speaking(speaks: Speaks, name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            name: name.to_owned(),
            seen: Mutex::default(),
            health: AtomicU16::new(200),
        });
        let task = tokio::spawn(serve(listener, speaks, state.clone()));
        Self { address, state, task }
    }

    /// What has arrived so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// What has arrived at paths that start so.
    pub fn seen_at(&self, prefix: &str) -> Vec<Seen> {
        let mut seen = self.seen();
        seen.retain(|seen| seen.target.starts_with(prefix));
        seen
    }

    /// The status of answers to `/health`.
    pub fn set_health(&self, status: u16) {
        self.state.health.store(status, Ordering::Relaxed);
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, speaks: Speaks, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        let (speaks, state) = (speaks.clone(), state.clone());
        tokio::spawn(async move {
            match speaks {
                Speaks::Http => talk(stream, false, state).await,
                Speaks::H2c => talk(stream, true, state).await,
                Speaks::Https(config) => {
                    if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                        talk(stream, false, state).await;
                    }
                }
            }
        });
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, http2: bool, state: Arc<State>) {
    let service = service_fn(move |request| {
        let state = state.clone();
        async move { Ok::<_, Infallible>(answer(request, &state).await) }
    });
    let stream = TokioIo::new(stream);
    // how a connection ends is its client's affair
    if http2 {
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        drop(connection.serve_connection(stream, service).await);
    } else {
        let connection = hyper::server::conn::http1::Builder::new();
        drop(connection.serve_connection(stream, service).await);
    }
}

async fn answer(request: Request<Incoming>, state: &State) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Response::new(Full::from("cut off"));
    };
    let mut response = Response::new(Full::from(state.name.clone()));
    if parts.uri.path() == "/health" {
        *response.status_mut() = state.health.load(Ordering::Relaxed).try_into().unwrap();
    }
    let target = parts.uri.path_and_query().map_or("*", |target| target.as_str());
    state.seen.lock().unwrap().push(Seen {
        method: parts.method.to_string(),
        target: target.to_owned(),
        version: parts.version,
        headers: parts.headers,
        body: body.to_bytes(),
    });
    response
}
