//! A server of gRPC that repeats what it is told.

use std::{pin::Pin, sync::Arc};

use futures::{Stream, StreamExt as _, future::BoxFuture, stream};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataValue,
    server::{Grpc as Server, StreamingService, UnaryService},
};

use crate::support::RawBackend;

/// Messages are texts, which need no code to be generated.
#[derive(Clone, Copy, Default)]
pub struct Text;

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
pub async fn server(tls: Option<Arc<ServerConfig>>) -> (RawBackend, mpsc::UnboundedReceiver<()>) {
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
