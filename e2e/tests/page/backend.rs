//! Servers that remember what they are asked.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request, Response, Version, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{CipherSuite, ProtocolVersion, ServerConfig, ServerConnection, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::watch,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// What a server speaks.
#[derive(Clone)]
pub enum Speaks {
    Http,
    H2c,
    /// TLS, and in it what is agreed on.
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

/// How TLS was spoken.
#[derive(Clone, Debug)]
pub struct Tls {
    pub server_name: Option<String>,
    pub version: ProtocolVersion,
    pub suite: CipherSuite,
}

impl From<&ServerConnection> for Tls {
    fn from(connection: &ServerConnection) -> Self {
        Self {
            server_name: connection.server_name().map(str::to_owned),
            version: connection.protocol_version().unwrap(),
            suite: connection.negotiated_cipher_suite().unwrap().suite(),
        }
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
    pub tls: Option<Tls>,
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
    /// Lets requests for [`HELD`] go.
    release: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Where answers wait until they are released.
pub const HELD: &str = "/held";

struct State {
    name: String,
    seen: Mutex<Vec<Seen>>,
    health: AtomicU16,
    connections: AtomicUsize,
    released: watch::Receiver<bool>,
}

impl Backend {
    pub async fn start(name: &str) -> Self {
        Self::speaking(Speaks::Http, name).await
    }

    pub async fn speaking(speaks: Speaks, name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (release, released) = watch::channel(false);
        let state = Arc::new(State {
            name: name.to_owned(),
            seen: Mutex::default(),
            health: AtomicU16::new(200),
            connections: AtomicUsize::default(),
            released,
        });
        let task = tokio::spawn(serve(listener, speaks, state.clone()));
        Self {
            address,
            state,
            release,
            task,
        }
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

    /// The status of answers to `/health`; of gRPC's, whether it is 200.
    pub fn set_health(&self, status: u16) {
        self.state.health.store(status, Ordering::Relaxed);
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// Lets go what is held.
    pub fn release(&self) {
        self.release.send_replace(true);
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
        state.connections.fetch_add(1, Ordering::Relaxed);
        let (speaks, state) = (speaks.clone(), state.clone());
        tokio::spawn(async move {
            match speaks {
                Speaks::Http => talk(stream, false, None, state).await,
                Speaks::H2c => talk(stream, true, None, state).await,
                Speaks::Https(config) => {
                    if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                        let connection = stream.get_ref().1;
                        let http2 = connection.alpn_protocol() == Some(b"h2");
                        let tls = Tls::from(connection);
                        talk(stream, http2, Some(tls), state).await;
                    }
                }
            }
        });
    }
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    http2: bool,
    tls: Option<Tls>,
    state: Arc<State>,
) {
    let service = service_fn(move |request| {
        let (tls, state) = (tls.clone(), state.clone());
        async move { Ok::<_, Infallible>(answer(request, tls, &state).await) }
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

async fn answer(request: Request<Incoming>, tls: Option<Tls>, state: &State) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Response::new(Full::from("cut off"));
    };
    let health = state.health.load(Ordering::Relaxed);
    let mut response = Response::new(Full::from(state.name.clone()));
    if parts.uri.path() == "/health" {
        *response.status_mut() = health.try_into().unwrap();
    }
    if parts.uri.path() == "/grpc.health.v1.Health/Check" {
        // a message of two bytes: field 1 is SERVING or NOT_SERVING
        let serving = if health == 200 { 1 } else { 2 };
        response = Response::new(Full::from(vec![0, 0, 0, 0, 2, 8, serving]));
        response.headers_mut().insert("grpc-status", 0.into());
    }
    let target = parts.uri.path_and_query().map_or("*", |target| target.as_str());
    let held = target == HELD;
    state.seen.lock().unwrap().push(Seen {
        method: parts.method.to_string(),
        target: target.to_owned(),
        version: parts.version,
        headers: parts.headers,
        body: body.to_bytes(),
        tls,
    });
    if held {
        // an error is that the test is over
        drop(state.released.clone().wait_for(|released| *released).await);
    }
    response
}
