//! gRPC, as its own client and server speak it, and the trailers that it needs.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt as _, future::BoxFuture, stream};
use http::uri::PathAndQuery;
use hyper::{body::Incoming, client::conn::http2::SendRequest, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::mpsc,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tonic::{
    Code, Request, Response, Status, Streaming,
    body::Body,
    client::{Grpc as Client, GrpcService},
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataValue,
    server::{Grpc as Server, StreamingService, UnaryService},
    transport::{Channel, Endpoint},
};
use weir_model::document::Scheme;

use crate::support::{
    Authority, Documents, Fixture, RawBackend,
    http2::{Http2, post},
    secret_id, secure,
};

/// Messages are texts, which need no code to be generated.
#[derive(Clone, Copy, Default)]
struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, item: String, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(into, item.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = bytes::Buf::copy_to_bytes(from, bytes::Buf::remaining(from));
        Ok(String::from_utf8(bytes.to_vec()).ok())
    }
}

/// The service. It tells when a call of it ends.
#[derive(Clone)]
struct Echo {
    ended: mpsc::UnboundedSender<()>,
}

struct Guard(mpsc::UnboundedSender<()>);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

impl UnaryService<String> for Echo {
    type Response = String;
    type Future = BoxFuture<'static, Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let guard = Guard(self.ended.clone());
        Box::pin(async move {
            let _guard = guard;
            let te = request.metadata().get("te").cloned();
            match request.into_inner().as_str() {
                "refuse" => {
                    let mut status = Status::not_found("no such thing: 100 %");
                    status
                        .metadata_mut()
                        .insert_bin("why-bin", MetadataValue::from_bytes(&[0, 255]));
                    Err(status)
                }
                "hang" => std::future::pending().await,
                text => {
                    let mut response = Response::new(text.to_uppercase());
                    let te = te.unwrap_or_else(|| MetadataValue::from_static("none"));
                    response.metadata_mut().insert("seen-te", te);
                    Ok(response)
                }
            }
        })
    }
}

type Texts = Pin<Box<dyn Stream<Item = Result<String, Status>> + Send>>;

impl StreamingService<String> for Echo {
    type Response = String;
    type ResponseStream = Texts;
    type Future = BoxFuture<'static, Result<Response<Texts>, Status>>;

    /// Gives each message back as it comes; after `abort` it breaks off.
    fn call(&mut self, request: Request<Streaming<String>>) -> Self::Future {
        let guard = Guard(self.ended.clone());
        let texts = stream::unfold((request.into_inner(), guard), |(mut messages, guard)| async {
            match messages.next().await? {
                Ok(text) if text == "abort" => Some((Err(Status::aborted("as you wish")), (messages, guard))),
                other => Some((other, (messages, guard))),
            }
        });
        Box::pin(async { Ok(Response::new(Box::pin(texts) as Texts)) })
    }
}

/// Joins what it gets.
struct Join;

impl tonic::server::ClientStreamingService<String> for Join {
    type Response = String;
    type Future = BoxFuture<'static, Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<Streaming<String>>) -> Self::Future {
        Box::pin(async {
            let mut all = Vec::new();
            let mut messages = request.into_inner();
            while let Some(text) = messages.next().await {
                all.push(text?);
            }
            Ok(Response::new(all.join(" ")))
        })
    }
}

/// Counts up to what it gets, and then fails if that is odd.
struct Count;

impl tonic::server::ServerStreamingService<String> for Count {
    type Response = String;
    type ResponseStream = Texts;
    type Future = BoxFuture<'static, Result<Response<Texts>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        Box::pin(async move {
            let number: u32 = request
                .into_inner()
                .parse()
                .map_err(|_| Status::invalid_argument("no number"))?;
            let end = (number % 2 == 1).then(|| Err(Status::out_of_range("odd")));
            let texts = (0..number).map(|number| Ok(number.to_string())).chain(end);
            Ok(Response::new(Box::pin(stream::iter(texts)) as Texts))
        })
    }
}

impl tonic::server::ServerStreamingService<String> for Echo {
    type Response = String;
    type ResponseStream = Texts;
    type Future = BoxFuture<'static, Result<Response<Texts>, Status>>;

    /// Says the same for ever.
    fn call(&mut self, request: Request<String>) -> Self::Future {
        let guard = Guard(self.ended.clone());
        let text = request.into_inner();
        let texts = stream::repeat_with(move || {
            let _held = &guard;
            Ok(text.clone())
        });
        Box::pin(async { Ok(Response::new(Box::pin(texts) as Texts)) })
    }
}

async fn answer(echo: Echo, request: http::Request<Incoming>) -> http::Response<Body> {
    match request.uri().path() {
        "/test.Echo/Unary" => Server::new(Text).unary(echo, request).await,
        "/test.Echo/Join" => Server::new(Text).client_streaming(Join, request).await,
        "/test.Echo/Count" => Server::new(Text).server_streaming(Count, request).await,
        "/test.Echo/Repeat" => Server::new(Text).server_streaming(echo, request).await,
        "/test.Echo/Echo" => Server::new(Text).streaming(echo, request).await,
        _ => Status::unimplemented("").into_http(),
    }
}

async fn serve(echo: Echo, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let service = service_fn(move |request| {
        let echo = echo.clone();
        async move { Ok::<_, std::convert::Infallible>(answer(echo, request).await) }
    });
    let _ = http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// The service's server, and what tells of calls that end.
async fn server(tls: Option<Arc<ServerConfig>>) -> (RawBackend, mpsc::UnboundedReceiver<()>) {
    let (ended, ends) = mpsc::unbounded_channel();
    let backend = RawBackend::start(move |stream| {
        let echo = Echo { ended: ended.clone() };
        let acceptor = tls.clone().map(TlsAcceptor::from);
        async move {
            match acceptor {
                None => serve(echo, stream).await,
                Some(acceptor) => serve(echo, acceptor.accept(stream).await.unwrap()).await,
            }
        }
    })
    .await;
    (backend, ends)
}

fn h2c(address: std::net::SocketAddr) -> Documents {
    Documents::default()
        .service_with("main", &[address], |leaf| leaf.scheme = Scheme::H2c)
        .route("/", "main")
}

async fn channel(fixture: &Fixture) -> Client<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", fixture.web)).unwrap();
    Client::new(endpoint.connect().await.unwrap())
}

/// A connection that was made already.
#[derive(Clone)]
struct Made(SendRequest<Body>);

impl GrpcService<Body> for Made {
    type ResponseBody = Incoming;
    type Error = hyper::Error;
    type Future = BoxFuture<'static, hyper::Result<http::Response<Incoming>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

fn path(method: &str) -> PathAndQuery {
    format!("/test.Echo/{method}").parse().unwrap()
}

fn texts(texts: &[&str]) -> impl Stream<Item = String> + Send + 'static + use<> {
    stream::iter(texts.iter().map(ToString::to_string).collect::<Vec<_>>())
}

/// Every kind of call, and how each may fail.
async fn call_all<T>(client: &mut Client<T>)
where
    T: GrpcService<Body>,
    T::ResponseBody: http_body::Body + Send + 'static,
    <T::ResponseBody as http_body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    T::Error: std::fmt::Debug,
{
    let unary = async |client: &mut Client<T>, text: &str| {
        client.ready().await.unwrap();
        client
            .unary(Request::new(text.to_owned()), path("Unary"), Text)
            .await
    };
    let response = unary(client, "hello").await.unwrap();
    assert_eq!(response.metadata().get("seen-te").unwrap(), "trailers");
    assert_eq!(response.get_ref(), "HELLO");
    // trailers only
    let status = unary(client, "refuse").await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::NotFound, "no such thing: 100 %")
    );
    let why = status.metadata().get_bin("why-bin").unwrap().to_bytes().unwrap();
    assert_eq!(&why[..], [0, 255]);
    let large = "x".repeat(1_000_000);
    assert_eq!(
        unary(client, &large).await.unwrap().into_inner().len(),
        large.len()
    );

    client.ready().await.unwrap();
    let request = Request::new(texts(&["a", "b", "c"]));
    let joined = client
        .client_streaming(request, path("Join"), Text)
        .await
        .unwrap();
    assert_eq!(joined.into_inner(), "a b c");

    for (number, code) in [("4", None), ("3", Some(Code::OutOfRange)), ("0", None)] {
        client.ready().await.unwrap();
        let request = Request::new(number.to_owned());
        let counting = client
            .server_streaming(request, path("Count"), Text)
            .await
            .unwrap();
        let counted: Vec<_> = counting.into_inner().collect().await;
        let failed = counted
            .iter()
            .find_map(|text| text.as_ref().err().map(Status::code));
        assert_eq!(failed, code);
        let count = counted.iter().filter(|text| text.is_ok()).count();
        assert_eq!(count, number.parse::<usize>().unwrap());
    }
    client.ready().await.unwrap();
    let request = Request::new("none".to_owned());
    let refused = client.server_streaming(request, path("Count"), Text).await;
    assert_eq!(
        refused.err().map(|status| status.code()),
        Some(Code::InvalidArgument)
    );

    // a conversation: each message is sent when the one before has come back
    let (say, said) = futures::channel::mpsc::unbounded();
    client.ready().await.unwrap();
    let echoed = client
        .streaming(Request::new(said), path("Echo"), Text)
        .await
        .unwrap();
    let mut echoed = echoed.into_inner();
    for text in ["one", "two", "three"] {
        say.unbounded_send(text.to_owned()).unwrap();
        assert_eq!(next(&mut echoed).await.unwrap().unwrap(), text);
    }
    say.unbounded_send("abort".to_owned()).unwrap();
    let status = next(&mut echoed).await.unwrap().unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Aborted, "as you wish"));

    client.ready().await.unwrap();
    let unknown = client
        .unary(Request::new(String::new()), path("Unknown"), Text)
        .await;
    assert_eq!(
        unknown.err().map(|status| status.code()),
        Some(Code::Unimplemented)
    );
}

async fn next(texts: &mut Streaming<String>) -> Option<Result<String, Status>> {
    let next = timeout(Duration::from_secs(20), texts.next());
    next.await.expect("a message in time")
}

#[tokio::test]
async fn every_kind_of_call_works_over_h2c() {
    let (backend, _ends) = server(None).await;
    let fixture = Fixture::start(&h2c(backend.address)).await;
    call_all(&mut channel(&fixture).await).await;
}

#[tokio::test]
async fn every_kind_of_call_works_with_tls_on_both_sides() {
    let authority = Authority::new();
    let config = authority.sign(&["127.0.0.1"]).server(&["h2"], None);
    let (backend, _ends) = server(Some(config)).await;
    let documents = Documents::default()
        .service_with("main", &[backend.address], |leaf| leaf.scheme = Scheme::Https)
        .secret("ca", authority.root())
        .transport("main", |transport| transport.root_cas = vec![secret_id("ca")])
        .route("/test.Echo", "main")
        .secret("own", authority.sign(&["a.example"]).entry())
        .tls("/test.Echo", Some("own"));
    let fixture = Fixture::secure(&documents, |_| {}).await;
    let stream = secure(fixture.web, "a.example", &authority.client(&["h2"])).await;
    let shaking = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream.unwrap()));
    let (sender, connection) = shaking.await.unwrap();
    tokio::spawn(connection);
    let origin = "https://a.example".parse().unwrap();
    call_all(&mut Client::with_origin(Made(sender), origin)).await;
}

#[tokio::test]
async fn a_route_that_leads_nowhere_says_so() {
    let documents = Documents::default().service("main", &[]).route("/", "main");
    let fixture = Fixture::start(&documents).await;
    let mut client = channel(&fixture).await;
    client.ready().await.unwrap();
    let answer = client
        .unary(Request::new(String::new()), path("Unary"), Text)
        .await;
    let status = answer.unwrap_err();
    assert!(status.message().contains("503 Service Unavailable"), "{status}");
}

#[tokio::test]
async fn a_deadline_ends_the_call_at_the_upstream() {
    let (backend, mut ends) = server(None).await;
    let fixture = Fixture::start(&h2c(backend.address)).await;
    let mut client = channel(&fixture).await;
    client.ready().await.unwrap();
    let mut request = Request::new("hang".to_owned());
    request.set_timeout(Duration::from_millis(200));
    let status = client.unary(request, path("Unary"), Text).await.unwrap_err();
    assert!(
        matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded),
        "{status}"
    );
    timeout(Duration::from_secs(20), ends.recv())
        .await
        .unwrap()
        .unwrap();
    // and nothing else
    let request = Request::new("on".to_owned());
    client.ready().await.unwrap();
    let answer = client.unary(request, path("Unary"), Text).await.unwrap();
    assert_eq!(answer.into_inner(), "ON");
    assert!(fixture.metric("weir_upstream_connections").await < 2.0);
}

#[tokio::test]
async fn a_call_that_is_given_up_ends_at_the_upstream() {
    let (backend, mut ends) = server(None).await;
    let fixture = Fixture::start(&h2c(backend.address)).await;
    let mut client = channel(&fixture).await;
    for _ in 0..3 {
        client.ready().await.unwrap();
        let request = Request::new("on and on".to_owned());
        let repeated = client.server_streaming(request, path("Repeat"), Text).await;
        let mut repeated = repeated.unwrap().into_inner();
        assert_eq!(next(&mut repeated).await.unwrap().unwrap(), "on and on");
        drop(repeated);
        timeout(Duration::from_secs(20), ends.recv())
            .await
            .unwrap()
            .unwrap();
    }
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
}

/// Answers in chunks, with trailers that are announced, and asserts that none came.
async fn with_trailers() -> RawBackend {
    RawBackend::start(|mut stream| async move {
        let mut seen = Vec::new();
        while !seen.ends_with(b"0\r\n\r\n") {
            assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
        }
        let text = String::from_utf8(seen).unwrap();
        assert!(
            text.contains("\r\nte: trailers\r\n") && !text.contains("x-request"),
            "{text}"
        );
        let answer = "HTTP/1.1 200 OK\r\nTrailer: grpc-status, x-sum\r\nTransfer-Encoding: chunked\r\n\r\n\
                      2\r\nok\r\n0\r\ngrpc-status: 7\r\nx-sum: 42\r\n\r\n";
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.read_u8().await;
    })
    .await
}

#[tokio::test]
async fn trailers_of_http1_arrive_with_http2() {
    let backend = with_trailers().await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = Http2::connect(fixture.web).await;
    let (mut request, body) = crate::support::http2::streaming("/");
    request.headers_mut().insert("te", "trailers".parse().unwrap());
    body.send("body");
    body.end_with([("x-request", "1")]);
    let answer = client.ask(request).await;
    assert_eq!(answer.text(), "ok");
    let trailers = answer.trailers.unwrap();
    assert_eq!(
        (&trailers["grpc-status"], &trailers["x-sum"]),
        (&"7".parse().unwrap(), &"42".parse().unwrap())
    );
}

#[tokio::test]
async fn trailers_of_a_request_end_here_with_http2_as_well() {
    let echo = crate::support::http2::Echo::start().await;
    let fixture = Fixture::start(&h2c(echo.address)).await;
    let mut client = Http2::connect(fixture.web).await;
    let (request, body) = crate::support::http2::streaming("/");
    body.send("body");
    body.end_with([("x-request", "1")]);
    let answer = client.ask(request).await;
    assert_eq!(answer.text(), "body");
    let trailers = answer.trailers.unwrap();
    assert_eq!(
        (trailers.len(), &trailers["grpc-status"]),
        (1, &"7".parse().unwrap())
    );
}

#[tokio::test]
async fn trailers_of_http2_arrive_with_http1_where_they_are_announced() {
    let echo = crate::support::http2::Echo::start().await;
    let fixture = Fixture::start(&h2c(echo.address)).await;
    let ask = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
        )
    };
    let mut client = fixture.client().await;
    let response = client.ask(ask("/announced")).await;
    assert_eq!((response.text(), response.complete), ("body", true));
    assert_eq!(response.header("trailer"), Some("grpc-status"));
    assert_eq!(response.trailers, [("grpc-status".to_owned(), "7".to_owned())]);
    // of others hyper does not know where they belong
    let response = client.ask(ask("/")).await;
    assert_eq!((response.text(), response.complete), ("body", true));
    assert!(response.trailers.is_empty());
    assert_eq!(client.ask(ask("/announced")).await.trailers.len(), 1);
    // who does not want them gets none
    let response = client.post("/announced", b"body").await;
    assert_eq!((response.text(), response.complete), ("body", true));
    assert!(response.trailers.is_empty());
    let mut other = Http2::connect(fixture.web).await;
    assert_eq!(
        other.ask(post("/", "x")).await.trailers.unwrap()["grpc-status"],
        "7"
    );
}
