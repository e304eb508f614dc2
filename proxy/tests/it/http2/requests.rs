//! What passes.

use http::{HeaderValue, header::COOKIE};
use http_body_util::BodyExt as _;

use crate::support::{
    Backend, Documents, Fixture, answer,
    http2::{Echo, Http2, get, post, streaming},
};

use super::{h2c, over_tls, secured};

#[tokio::test]
async fn many_requests_at_a_time_keep_their_shares() {
    let [a, b, c] = [
        Backend::named("a").await,
        Backend::named("b").await,
        Backend::named("c").await,
    ];
    let documents = Documents::default()
        .service("a", &[a.address])
        .service("b", &[b.address])
        .service("c", &[c.address])
        .weighted("main", &[("a", 5), ("b", 3), ("c", 2)])
        .route("/", "main");
    let fixture = Fixture::start(&documents).await;
    let client = Http2::connect(fixture.web).await;
    let asking: Vec<_> = (0..100)
        .map(|_| {
            let mut client = client.clone();
            tokio::spawn(async move { client.get("/").await.status })
        })
        .collect();
    for status in asking {
        assert_eq!(status.await.unwrap(), 200);
    }
    assert_eq!((a.count(), b.count(), c.count()), (50, 30, 20));
    fixture
        .metric_becomes("weir_connections_accepted_total", 1.0)
        .await;
}

#[tokio::test]
async fn streams_pass_as_they_come_and_trailers_after_them() {
    let echo = Echo::start().await;
    let fixture = Fixture::start(&h2c(echo.address)).await;
    let mut client = Http2::connect(fixture.web).await;
    let (request, pieces) = streaming("/service/method");
    pieces.send("first");
    client.sender.ready().await.unwrap();
    let response = client.sender.send_request(request).await.unwrap();
    assert_eq!(response.headers().get("grpc-status"), None);
    let mut body = response.into_body();
    for piece in ["second", "third"] {
        let frame = body.frame().await.unwrap().unwrap();
        assert!(frame.is_data());
        pieces.send(piece);
    }
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "third");
    drop(pieces);
    let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "7");
    assert!(body.frame().await.is_none());
    let answer = client.ask(post("/refuse", "request")).await;
    assert_eq!((answer.status, answer.text()), (200, ""));
    assert_eq!(answer.headers["grpc-status"], "7");
    assert!(answer.trailers.is_none());
    // trailers come to clients of HTTP/1.1 as well
    let response = fixture.client().await.post("/", b"x").await;
    assert_eq!(response.text(), "x");
}

#[tokio::test]
async fn large_bodies_pass_both_ways_at_a_time() {
    let backend = Backend::start(|request| answer(request.body.clone())).await;
    let (fixture, authority) = secured(backend.address, |_| {}).await;
    let client = over_tls(&fixture, &authority).await;
    let body: Vec<_> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let asking: Vec<_> = (0..8)
        .map(|_| {
            let (mut client, body) = (client.clone(), body.clone());
            tokio::spawn(async move { client.ask(post("/", body.clone())).await.body == body })
        })
        .collect();
    for same in asking {
        assert!(same.await.unwrap());
    }
}

#[tokio::test]
async fn what_the_proxy_says_itself_fits_the_request() {
    let backend = Backend::named("ok").await;
    let documents = Documents::default()
        .service("main", &[backend.address])
        .route("/there", "main");
    let fixture = Fixture::with(&documents, |options| options.limits.max_headers = 20).await;
    let mut client = Http2::connect(fixture.web).await;
    let missing = client.get("/").await;
    assert_eq!((missing.status, missing.text()), (404, "404 page not found\n"));
    let mut head = get("/");
    *head.method_mut() = http::Method::HEAD;
    let head = client.ask(head).await;
    assert_eq!((head.status, head.text()), (404, ""));
    let many = |number| {
        let mut request = get("/there");
        for _ in 0..number {
            request.headers_mut().append("x", HeaderValue::from_static("y"));
        }
        request
    };
    assert_eq!(client.ask(many(20)).await.status, 200);
    assert_eq!(client.ask(many(21)).await.status, 431);
    let mut large = get("/there");
    let value = HeaderValue::try_from("x".repeat(70_000)).unwrap();
    large.headers_mut().insert("x", value);
    assert_eq!(client.ask(large).await.status, 431);
    assert_eq!(client.get("/there").await.status, 200);
}

#[tokio::test]
async fn cookies_that_come_one_by_one_are_one_header() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = Http2::connect(fixture.web).await;
    let mut request = get("/");
    for cookie in ["a=1", "b=2"] {
        request
            .headers_mut()
            .append(COOKIE, HeaderValue::from_static(cookie));
    }
    client.ask(request).await;
    assert_eq!(backend.received()[0].header("cookie"), Some("a=1; b=2"));
}
