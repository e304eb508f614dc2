//! Calls of each kind, and their ends.

use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::time::timeout;
use tonic::{Code, Request, client::Grpc as Client};
use weir_model::document::Scheme;

use crate::support::{Authority, Documents, Fixture, secret_id, secure};

use super::server::{Text, server};
use super::{Made, call_all, channel, h2c, next, path};

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
