//! Small backends that say their name and count what they see.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinHandle, time};

/// A backend on a port of its own; it ends with this value.
#[derive(Debug)]
pub struct Backend {
    /// What it answers.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

/// Requests by their tag, copies included.
#[derive(Debug, Default)]
pub struct Seen(Mutex<BTreeMap<String, u64>>);

impl Seen {
    /// One more with this tag.
    pub fn count(&self, tag: &str) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *seen.entry(tag.to_owned()).or_default() += 1;
    }

    /// So far, with this tag.
    pub fn of(&self, tag: &str) -> u64 {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(tag).copied().unwrap_or_default()
    }
}

impl Backend {
    /// Starts one on the loopback interface.
    pub async fn start(name: &str) -> Result<Self> {
        Self::start_on(Ipv4Addr::LOCALHOST.into(), name).await
    }

    /// Starts one on an address of this machine.
    pub async fn start_on(address: IpAddr, name: &str) -> Result<Self> {
        let listener = TcpListener::bind((address, 0)).await;
        let listener = listener.with_context(|| format!("no port for backend {name}"))?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Seen::default());
        let task = tokio::spawn(serve(listener, name.to_owned(), Arc::clone(&seen)));
        Ok(Self {
            name: name.to_owned(),
            address,
            seen,
            task,
        })
    }

    /// Requests with this tag so far, copies included.
    pub fn seen(&self, tag: &str) -> u64 {
        self.seen.of(tag)
    }

    /// Waits until it has seen `count` requests with this tag, at most `limit`; returns how many it has seen then.
    pub async fn wait_for(&self, tag: &str, count: u64, limit: Duration) -> u64 {
        let reached = async {
            while self.seen(tag) < count {
                time::sleep(Duration::from_millis(2)).await;
            }
        };
        // when it takes too long, what is returned says so
        drop(time::timeout(limit, reached).await);
        self.seen(tag)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, name: String, seen: Arc<Seen>) {
    // an error of accept is one of the connection that ended again, or a moment's lack of descriptors
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        drop(stream.set_nodelay(true));
        let (name, seen) = (name.clone(), Arc::clone(&seen));
        let service = service_fn(move |request| {
            let (name, seen) = (name.clone(), Arc::clone(&seen));
            async move { Ok::<_, Infallible>(answer(request, &name, &seen).await) }
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move { drop(connection.await) });
    }
}

async fn answer(request: Request<Incoming>, name: &str, seen: &Seen) -> Response<Full<Bytes>> {
    let (tag, whole) = read(request).await;
    if whole {
        seen.count(&tag);
        Response::new(Full::from(format!("{name}\n")))
    } else {
        let mut response = Response::new(Full::from(format!("{name} got another body than was sent\n")));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response
    }
}

/// Reads a request to its end and returns its tag, and whether it is as it was sent: the last two segments of the path
/// are a tag and a number, and a body repeats the number.
pub async fn read(request: Request<Incoming>) -> (String, bool) {
    let (head, body) = request.into_parts();
    let mut segments = head.uri.path().rsplit('/');
    let number = segments.next().unwrap_or_default();
    let tag = segments.next().unwrap_or_default().to_owned();
    let whole = match body.collect().await {
        Ok(body) => head.method != Method::POST || body.to_bytes() == number,
        Err(_) => false,
    };
    (tag, whole)
}
