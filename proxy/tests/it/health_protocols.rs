//! Probes over HTTP/2, TLS and gRPC.

use std::{convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use weir_model::document::{HealthMode, Scheme};

use crate::support::{
    Authority, Backend, Received, Speaks, answer,
    probes::{assert_down, down, of, redirect, service, status, up},
    secret_id,
};

#[tokio::test]
async fn h2c_endpoints_are_probed_over_http2() {
    let backend = Backend::speaking(Speaks::H2c, |_| status(204)).await;
    let documents = service(backend.address, |check| {
        check.scheme = Some(Scheme::H2c);
        check.hostname = Some("health.example".to_owned());
    });
    assert_eq!(of(&documents).await, up("status 204"));
    let received = &backend.received()[0];
    assert_eq!(
        (received.version, received.target.as_str()),
        (Version::HTTP_2, "http://health.example/health")
    );
}

#[tokio::test]
async fn over_https_the_transports_tls_is_spoken() {
    let (authority, other) = (Authority::new(), Authority::new());
    let certified = authority.sign(&["127.0.0.1"]);
    for (protocols, version) in [
        (&["h2", "http/1.1"][..], Version::HTTP_2),
        (&[], Version::HTTP_11),
    ] {
        let speaks = Speaks::Tls(certified.server(protocols, None));
        let backend = Backend::speaking(speaks, |_| answer("ok")).await;
        // the check's scheme alone
        let documents = |root: &Authority| {
            service(backend.address, |check| check.scheme = Some(Scheme::Https))
                .secret("ca", root.root())
                .transport("main", |transport| transport.root_cas = vec![secret_id("ca")])
        };
        assert_eq!(of(&documents(&authority)).await, up("status 200"));
        assert_eq!(backend.received()[0].version, version);
        assert_down(&of(&documents(&other)).await, "TLS: ");
        let mut garbage = authority.root();
        garbage.ca = Some("garbage".to_owned());
        let documents = documents(&authority).secret("ca", garbage);
        assert_down(&of(&documents).await, "the check cannot be done: ");
    }
    let plain = Backend::named("plain").await;
    let documents = service(plain.address, |check| check.scheme = Some(Scheme::Https));
    assert_down(&of(&documents).await, "TLS: ");
}

#[tokio::test]
async fn a_redirect_may_lead_to_https() {
    let authority = Authority::new();
    let speaks = Speaks::Tls(authority.sign(&["127.0.0.1"]).server(&[], None));
    let secure = Backend::speaking(speaks, |_| status(201)).await;
    let url = format!("https://{}/secure", secure.address);
    let backend = Backend::start(move |_| redirect(301, &url)).await;
    let documents = service(backend.address, |_| {})
        .secret("ca", authority.root())
        .transport("main", |transport| transport.root_cas = vec![secret_id("ca")]);
    assert_eq!(of(&documents).await, up("status 201"));
    assert_eq!(secure.received()[0].target, "/secure");
}

/// A server that knows gRPC's health service, as far as a function says: a state, or the status of an error.
async fn grpc(respond: fn() -> Result<u8, u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = service_fn(move |request: Request<Incoming>| async move {
        assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
        let header = |name: &str| {
            request
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(header("content-type").as_deref(), Some("application/grpc"));
        assert_eq!(header("te").as_deref(), Some("trailers"));
        assert_eq!(
            request.into_body().collect().await.unwrap().to_bytes(),
            [0_u8; 5].as_slice()
        );
        let mut trailers = HeaderMap::new();
        let mut response: Response<Full<Bytes>> = match respond() {
            Ok(state) => {
                trailers.insert("grpc-status", 0.into());
                Response::new(Full::from(vec![0, 0, 0, 0, 2, 8, state]))
            }
            Err(status) => {
                let mut response = Response::new(Full::default());
                response
                    .headers_mut()
                    .insert("grpc-status", u16::from(status).into());
                response
                    .headers_mut()
                    .insert("grpc-message", "unknown service".parse().unwrap());
                response
            }
        };
        response
            .headers_mut()
            .insert("content-type", "application/grpc".parse().unwrap());
        let trailers = async move { (!trailers.is_empty()).then_some(Ok(trailers)) };
        Ok::<_, Infallible>(response.map(|body: Full<Bytes>| body.with_trailers(trailers)))
    });
    // ends with the test's runtime
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(
                http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    address
}

#[tokio::test]
async fn grpc_servers_are_asked_whether_they_serve() {
    let asked = async |address| of(&service(address, |check| check.mode = HealthMode::Grpc)).await;
    assert_eq!(asked(grpc(|| Ok(1)).await).await, up("serving"));
    assert_eq!(asked(grpc(|| Ok(2)).await).await, down("gRPC: it does not serve"));
    assert_eq!(
        asked(grpc(|| Err(12)).await).await,
        down("gRPC: status 12 unknown service")
    );
    let http1 = Backend::named("no gRPC").await;
    assert_down(&asked(http1.address).await, "no answer: ");
    let h2c = Backend::speaking(Speaks::H2c, |_| status(404)).await;
    assert_eq!(asked(h2c.address).await, down("status 404"));
    let html = Backend::speaking(Speaks::H2c, |_| answer("hello")).await;
    assert_eq!(asked(html.address).await, down("gRPC: it says no status"));
}

#[tokio::test]
async fn grpc_servers_are_asked_over_tls_as_well() {
    let authority = Authority::new();
    let certified = authority.sign(&["127.0.0.1"]);
    let serving = |_: &Received| {
        let mut response = answer(vec![0, 0, 0, 0, 2, 8, 1]);
        response.headers_mut().insert("grpc-status", 0.into());
        response
    };
    for (protocols, verdict) in [
        (&["h2"][..], up("serving")),
        (
            &["http/1.1"],
            down("TLS: received fatal alert: NoApplicationProtocol"),
        ),
        (&[], down("TLS: it does not speak HTTP/2")),
    ] {
        let backend = Backend::speaking(Speaks::Tls(certified.server(protocols, None)), serving).await;
        let documents = service(backend.address, |check| {
            check.mode = HealthMode::Grpc;
            check.scheme = Some(Scheme::Https);
        })
        .secret("ca", authority.root())
        .transport("main", |transport| {
            transport.root_cas = vec![secret_id("ca")];
            // for requests; gRPC does without nothing else
            transport.disable_http2 = true;
        });
        assert_eq!(of(&documents).await, verdict);
    }
}
