//! One request and its answer, over a connection of its own.

use std::{
    error::Error as _,
    fmt::Write as _,
    future::Future,
    io,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, Request, Response, Uri,
    header::{CONNECTION, HOST},
};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
    rt::{Executor, Read, Write},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use weir_model::document::{Address, Scheme};

use crate::{
    dns::{DialError, Resolver, dial},
    health::{Check, Fault},
};

/// Bytes of an answer's body that are read at most.
const MAX_BODY: usize = 16 << 10;
/// Bytes of an answer's head.
const MAX_HEAD: usize = 64 << 10;
/// How long a body is read that says nothing: long enough for one that is there, so that its sender is not told of an error.
const DRAIN: Duration = Duration::from_millis(100);

/// What is spoken, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speak {
    /// HTTP/2, also where it would have to be agreed on.
    Http2(Scheme),
    /// What goes with the scheme.
    Any(Scheme),
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) head: http::response::Parts,
    /// As far as it was read.
    pub(super) body: Bytes,
    pub(super) trailers: HeaderMap,
}

/// Sends a request for an absolute URI and reads the answer. A body that is not `wanted` is read for a moment only.
pub(super) async fn exchange(
    resolver: &Resolver,
    check: &Check,
    to: &Address,
    speak: Speak,
    request: Request<Full<Bytes>>,
    wanted: bool,
) -> Result<Answer, Fault> {
    let stream = within(check.dial_timeout, "connecting", connected(resolver, to)).await??;
    let (scheme, only_http2) = match speak {
        Speak::Http2(scheme) => (scheme, true),
        Speak::Any(scheme) => (scheme, scheme == Scheme::H2c),
    };
    if scheme != Scheme::Https {
        let io = TokioIo::new(stream);
        return converse(check, io, only_http2, request, wanted).await;
    }
    let stream = secure(check, to, stream, only_http2).await?;
    let agreed = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    if only_http2 && !agreed {
        return Err(Fault::Tls("it does not speak HTTP/2".to_owned()));
    }
    converse(check, TokioIo::new(stream), agreed, request, wanted).await
}

async fn within<T>(
    limit: Option<Duration>,
    what: &'static str,
    future: impl Future<Output = T>,
) -> Result<T, Fault> {
    match limit {
        Some(limit) => timeout(limit, future).await.map_err(|_| Fault::Timeout(what)),
        None => Ok(future.await),
    }
}

async fn connected(resolver: &Resolver, to: &Address) -> Result<TcpStream, Fault> {
    let stream = dial(resolver, to).await.map_err(|error| match error {
        DialError::Resolve(reason) => Fault::Resolve(reason),
        DialError::Connect(error) => not_connected(&error),
    })?;
    // without it a probe works as well
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Linux's `ENFILE`, `EMFILE` and `ENOBUFS`: no descriptors, or no memory for one more connection.
const NO_ROOM: [i32; 3] = [23, 24, 105];

fn not_connected(error: &io::Error) -> Fault {
    let ours = matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory
    ) || error.raw_os_error().is_some_and(|code| NO_ROOM.contains(&code));
    if ours {
        Fault::Local(error.to_string())
    } else {
        Fault::Connect(error.to_string())
    }
}

async fn secure(
    check: &Check,
    to: &Address,
    stream: TcpStream,
    only_http2: bool,
) -> Result<TlsStream<TcpStream>, Fault> {
    let tls = match &check.tls {
        Some(Ok(tls)) => tls,
        Some(Err(problem)) => return Err(Fault::Settings(problem.to_string())),
        None => return Err(Fault::Settings("TLS was not asked for".to_owned())),
    };
    let mut config = Arc::clone(&tls.config);
    if only_http2 {
        Arc::make_mut(&mut config).alpn_protocols = vec![b"h2".to_vec()];
    }
    let name = tls.server_name(to);
    let name = name.ok_or_else(|| Fault::Tls(format!("{to} can have no certificate")))?;
    let shaking = TlsConnector::from(config).connect(name, stream);
    shaking.await.map_err(|error| Fault::Tls(error.to_string()))
}

async fn converse<T>(
    check: &Check,
    io: T,
    http2: bool,
    mut request: Request<Full<Bytes>>,
    wanted: bool,
) -> Result<Answer, Fault>
where
    T: Read + Write + Unpin + Send + 'static,
{
    if http2 {
        let (mut sender, connection) = http2::Builder::new(Tasks::default())
            .timer(TokioTimer::new())
            .max_header_list_size(MAX_HEAD as u32)
            .handshake(io)
            .await
            .map_err(broken)?;
        let answer = async {
            let response = within(
                check.head_timeout,
                "waiting for the answer",
                sender.send_request(request),
            );
            read(response.await?.map_err(broken)?, wanted).await
        };
        beside(connection, answer).await
    } else {
        to_http1(&mut request)?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .handshake(io)
            .await
            .map_err(broken)?;
        let answer = async {
            let response = within(
                check.head_timeout,
                "waiting for the answer",
                sender.send_request(request),
            );
            read(response.await?.map_err(broken)?, wanted).await
        };
        beside(connection, answer).await
    }
}

/// The host moves from the URI into its header.
fn to_http1(request: &mut Request<Full<Bytes>>) -> Result<(), Fault> {
    let authority = request
        .uri()
        .authority()
        .map_or("", |authority| authority.as_str());
    let host = HeaderValue::try_from(authority).map_err(|error| Fault::Settings(error.to_string()))?;
    request.headers_mut().insert(HOST, host);
    // what reads it is sent no second request
    request
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
    Ok(())
}

/// Waits for an answer that only comes while its connection is run.
async fn beside<T>(connection: impl Future, answer: impl Future<Output = T>) -> T {
    let mut answer = pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        // it has passed on all that it had
        _ = connection => answer.await,
    }
}

async fn read(response: Response<Incoming>, wanted: bool) -> Result<Answer, Fault> {
    let (head, mut incoming) = response.into_parts();
    let mut body = BytesMut::new();
    let mut trailers = HeaderMap::new();
    let reading = async {
        while let Some(frame) = incoming.frame().await {
            match frame.map_err(broken)?.into_data() {
                Ok(data) if body.len() + data.len() > MAX_BODY => {
                    return Err(Fault::Broken("its body is too long".to_owned()));
                }
                Ok(data) => body.extend_from_slice(&data),
                Err(frame) => trailers = frame.into_trailers().unwrap_or_default(),
            }
        }
        Ok(())
    };
    if wanted {
        reading.await?;
    } else {
        // its head has said all
        let _ = timeout(DRAIN, reading).await;
    }
    let body = body.freeze();
    Ok(Answer { head, body, trailers })
}

/// With its causes: hyper's errors name the kind, and what they come from the reason.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: hyper::Error) -> Fault {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // it cannot fail
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    Fault::Broken(text)
}

/// Runs what hyper has to run beside an HTTP/2 connection. It ends with the connection.
#[derive(Clone, Debug, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F> Executor<F> for Tasks
where
    F: Future + Send + 'static,
{
    fn execute(&self, future: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn(async move {
            let _ = future.await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_our_own_is_not_the_endpoints_fault() {
        for (code, ours) in [
            (24, true),
            (23, true),
            (12, true),
            (99, true),
            (105, true),
            (111, false),
            (110, false),
            (113, false),
        ] {
            let fault = not_connected(&io::Error::from_raw_os_error(code));
            assert_eq!(matches!(fault, Fault::Local(_)), ours, "{fault}");
        }
    }
}
