//! The application.

use std::{convert::Infallible, env, net::Ipv6Addr, sync::Arc};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use weir_e2e::backend::{Seen, read};

use crate::arguments::Arguments;

/// For requests that were accepted; less than kubelet's patience.
const FINISH: std::time::Duration = std::time::Duration::from_secs(20);

/// For the runtime to hear of what has arrived.
const MOMENT: std::time::Duration = std::time::Duration::from_millis(1);

struct App {
    arguments: Arguments,
    hostname: String,
    seen: Seen,
}

/// Serves until `end`, and as long after that as it was told.
pub(crate) async fn serve(arguments: Arguments, end: impl Future<Output = ()>) -> Result<()> {
    let port = arguments.port;
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await;
    let listener = listener.with_context(|| format!("port {port}"))?;
    let linger = arguments.linger;
    let app = Arc::new(App {
        arguments,
        hostname: env::var("HOSTNAME").unwrap_or_default(),
        seen: Seen::default(),
    });
    let (closing, closing_in) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut end = std::pin::pin!(async {
        end.await;
        println!("told to end");
        sleep(linger).await;
    });
    loop {
        tokio::select! {
            () = &mut end => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&app), closing_in.clone()));
                }
                // one that ended again, or a moment's lack of descriptors
                Err(_) => sleep(std::time::Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    // those that the kernel has accepted by now are accepted; when the listener goes, it breaks the others
    let listener = listener.into_std()?;
    while let Ok((stream, _)) = listener.accept() {
        stream.set_nonblocking(true)?;
        let stream = TcpStream::from_std(stream)?;
        connections.spawn(connection(stream, Arc::clone(&app), closing_in.clone()));
    }
    drop(listener);
    closing.send_replace(true);
    let finish = async { while connections.join_next().await.is_some() {} };
    timeout(FINISH, finish).await.context("requests take too long")
}

async fn connection(stream: TcpStream, app: Arc<App>, closing: watch::Receiver<bool>) {
    // one that broke at once has nothing to tell
    if let Ok((stream, socket)) = twice(stream) {
        serve_connection(stream, &socket, app, closing).await;
    }
}

/// A connection, and its socket to look at.
fn twice(stream: TcpStream) -> std::io::Result<(TcpStream, std::net::TcpStream)> {
    let stream = stream.into_std()?;
    let socket = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, socket))
}

async fn serve_connection(
    stream: TcpStream,
    socket: &std::net::TcpStream,
    app: Arc<App>,
    mut closing: watch::Receiver<bool>,
) {
    // the answer to a refusal is a slower answer, nothing more
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request| {
        let app = Arc::clone(&app);
        async move { Ok::<_, Infallible>(app.answer(request).await) }
    });
    let mut connection =
        std::pin::pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = &mut connection => return,
        _ = closing.wait_for(|closing| *closing) => {}
    }
    // a request that has arrived is accepted, and its connection not idle
    while matches!(socket.peek(&mut [0]), Ok(1..)) {
        tokio::select! {
            _ = &mut connection => return,
            () = sleep(MOMENT) => {}
        }
    }
    connection.as_mut().graceful_shutdown();
    drop(connection.await);
}

impl App {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let head = format!("{} {} {:?}", request.method(), request.uri(), request.version());
        let path = request.uri().path();
        if path == "/health" {
            return Response::new(Full::default());
        }
        if let Some(tag) = path.strip_prefix("/seen/") {
            return Response::new(Full::from(self.seen.of(tag).to_string()));
        }
        let (tag, whole) = read(request).await;
        if !self.arguments.delay.is_zero() {
            sleep(self.arguments.delay).await;
        }
        let Self {
            hostname, arguments, ..
        } = self;
        let text = format!("Name: {}\nHostname: {hostname}\n{head}\n", arguments.name);
        let mut response = Response::new(Full::from(text));
        if whole {
            self.seen.count(&tag);
        } else {
            *response.status_mut() = StatusCode::BAD_REQUEST;
        }
        response
    }
}
