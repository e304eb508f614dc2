//! What is spoken on a connection to an upstream: HTTP/1.1 or HTTP/2, over TLS or not.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::Waker,
    time::Duration,
};

use hyper::{client::conn::http2, rt::Executor};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, sync::oneshot, task::spawn_local, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use weir_model::document::Scheme;

use super::{
    connection::{About, Connection, Exclusive, Shared},
    http1::Http1,
    socket::Socket,
};
use crate::{
    error::Failure,
    http::RequestBody,
    limits::Limits,
    metrics::Shard,
    state::{Endpoint, Transport},
    tls::ClientTls,
    worker::Worker,
};

/// For a handshake of TLS, as in Go.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// For an upstream to say how many requests it takes at once. Until then it is one.
const SETTINGS: Duration = Duration::from_millis(100);
/// Bytes of a response that an upstream may send before its client has taken them, and of all responses on a connection.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;

/// Starts HTTP, as the endpoint's scheme wants it; for a request that asks to leave HTTP, in the version that one can leave.
/// One of HTTP/2 runs in a task of its own, which ends with it.
pub(super) async fn start(
    worker: &Rc<Worker>,
    endpoint: &Arc<Endpoint>,
    transport: &Transport,
    stream: TcpStream,
    switches: bool,
) -> Result<Connection, Failure> {
    let about = About::new(worker, endpoint, transport);
    match (&transport.tls, endpoint.scheme) {
        // no transport of https is without it
        (None, Scheme::Https) => Err(Failure::Tls),
        (None, Scheme::H2c) if !switches => http2(worker, about, transport, Socket::Plain(stream)).await,
        (None, _) => Ok(http1(worker, about, Socket::Plain(stream), switches)),
        (Some(tls), _) if switches => {
            let tls = tls.http1_only();
            let stream = Box::pin(secure(endpoint, &tls, stream)).await?;
            Ok(http1(worker, about, Socket::Tls(Box::new(stream)), switches))
        }
        (Some(tls), _) => {
            let stream = Box::pin(secure(endpoint, tls, stream)).await?;
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let socket = Socket::Tls(Box::new(stream));
            if is_http2 {
                http2(worker, about, transport, socket).await
            } else {
                Ok(http1(worker, about, socket, switches))
            }
        }
    }
}

/// As the process wants it, but for what transports say.
fn http2_builder(limits: &Limits, beside: Here) -> http2::Builder<Here> {
    let mut builder = http2::Builder::new(beside);
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
        // what an upstream may send ahead of its clients: much for each stream, as most are alone
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .initial_max_send_streams(1);
    builder
}

async fn secure(
    endpoint: &Endpoint,
    tls: &ClientTls,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, Failure> {
    let name = tls.server_name(&endpoint.address).ok_or(Failure::Tls)?;
    let shaking = TlsConnector::from(Arc::clone(&tls.config)).connect(name, stream);
    let shaken = timeout(HANDSHAKE, shaking)
        .await
        .map_err(|_| Failure::ConnectTimeout)?;
    shaken.map_err(|error| {
        tracing::debug!(endpoint = %endpoint.address, %error, "TLS with an upstream fails");
        // rustls's own errors come as this kind; others are the network's
        match error.kind() {
            std::io::ErrorKind::InvalidData => Failure::Tls,
            _ => Failure::Connect,
        }
    })
}

/// `switches` is whether it is for a request that asks to leave HTTP, and for no other.
fn http1(worker: &Rc<Worker>, about: About, socket: Socket, switches: bool) -> Connection {
    let bell = worker.upstreams.bell(about.endpoint);
    let http1 = Http1::new(socket, worker.upstreams.heads, !switches, Open::new(worker));
    Connection::Exclusive(Box::new(Exclusive::new(about, http1, bell)))
}

async fn http2(
    worker: &Rc<Worker>,
    about: About,
    transport: &Transport,
    socket: Socket,
) -> Result<Connection, Failure> {
    let beside = Here::default();
    let bell = beside.0.clone();
    let mut client = http2_builder(&worker.process.limits, beside);
    client
        .keep_alive_interval(transport.ping_after)
        .keep_alive_timeout(transport.ping_timeout)
        .keep_alive_while_idle(true);
    let handshake = client.handshake::<_, RequestBody>(TokioIo::new(socket)).await;
    let (sender, mut connection) = handshake.map_err(|_| Failure::Broken)?;
    let most = Rc::new(Cell::new(connection.current_max_send_streams()));
    let (tell, told) = oneshot::channel();
    let mut tell = Some(tell);
    run(worker, about.endpoint, {
        let most = most.clone();
        async move {
            let _ = poll_fn(|cx| {
                if tell.is_some() {
                    bell.replace(Some(cx.waker().clone()));
                }
                let polled = Pin::new(&mut connection).poll(cx);
                let now = connection.current_max_send_streams();
                if most.replace(now) != now
                    && let Some(tell) = tell.take()
                {
                    let _ = tell.send(());
                }
                polled
            })
            .await;
        }
    });
    // more than it allows, which is the first thing that it says, would be refused
    let _ = timeout(SETTINGS, told).await;
    let shared = Rc::new(Shared {
        about,
        secure: transport.tls.is_some(),
        sender,
        streams: Cell::new(0),
        most,
    });
    worker.upstreams.share(shared.clone(), &worker.clock);
    Ok(Connection::Shared(shared))
}

fn run(worker: &Rc<Worker>, endpoint: u64, connection: impl Future<Output = ()> + 'static) {
    let (open, worker) = (Open::new(worker), worker.clone());
    spawn_local(async move {
        connection.await;
        drop(open);
        worker.upstreams.forget_closed(endpoint);
    });
}

/// A connection, counted as long as it is there.
#[derive(Debug)]
pub(super) struct Open(Arc<Shard>);

impl Open {
    pub(super) fn new(worker: &Rc<Worker>) -> Self {
        worker.metrics.dialled.inc();
        worker.metrics.upstream_open.inc();
        Self(worker.metrics.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.upstream_open.dec();
    }
}

/// Runs what hyper has to run beside a connection on the worker's own thread. Part of that reads what an upstream says of the
/// connection itself, and tells nobody: so whoever waits for it is woken.
#[derive(Clone, Default)]
struct Here(Rc<RefCell<Option<Waker>>>);

impl<F: Future + 'static> Executor<F> for Here {
    fn execute(&self, future: F) {
        let bell = self.0.clone();
        spawn_local(async move {
            let mut future = pin!(future);
            poll_fn(|cx| {
                let polled = future.as_mut().poll(cx);
                if let Some(waker) = bell.take() {
                    waker.wake();
                }
                polled.map(drop)
            })
            .await;
        });
    }
}
