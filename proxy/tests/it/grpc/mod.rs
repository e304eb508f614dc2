//! gRPC, as its own client and server speak it, and the trailers that it needs.

mod calls;
mod server;
mod trailers;

use std::{
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt as _, future::BoxFuture, stream};
use http::uri::PathAndQuery;
use hyper::{body::Incoming, client::conn::http2::SendRequest};
use tokio::time::timeout;
use tonic::{
    Code, Request, Status, Streaming,
    body::Body,
    client::{Grpc as Client, GrpcService},
    transport::{Channel, Endpoint},
};
use weir_model::document::Scheme;

use self::server::Text;
use crate::support::{Documents, Fixture};

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
