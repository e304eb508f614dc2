//! The end of a proxy: nobody is cut off who can be served.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
};

use crate::support::{Backend, Client, Documents, Fixture, RawBackend, get, until};

#[tokio::test]
async fn readiness_goes_first_and_connections_are_still_accepted() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.drain_delay = Duration::from_mins(1);
    })
    .await;
    let mut client = fixture.client().await;
    client.get("/").await;
    fixture.running.stopper().drain();
    until("unreadiness", async || {
        get(fixture.admin, "/readyz").await.status == 503
    })
    .await;
    assert_eq!(
        get(fixture.admin, "/readyz").await.text(),
        "not ready: draining\n"
    );
    assert_eq!(get(fixture.admin, "/livez").await.status, 200);
    for _ in 0..3 {
        let response = client.get("/").await;
        assert_eq!((response.status, response.header("connection")), (200, None));
        assert_eq!(fixture.get("/").await.status, 200, "new connections as well");
    }
}

#[tokio::test]
async fn idle_connections_close_and_requests_under_way_are_finished() {
    let (slow, go) = RawBackend::slow().await;
    let quick = Backend::named("quick").await;
    let documents = Documents::one(slow.address)
        .service("quick", &[quick.address])
        .route("/quick", "quick");
    let fixture = Fixture::with(&documents, |options| {
        options.limits.park_after = Duration::from_millis(20);
        options.grace_period = Duration::from_mins(1);
    })
    .await;
    let mut parked = fixture.client().await;
    parked.get("/quick").await;
    fixture.metric_becomes("weir_connections_parked", 1.0).await;
    let mut busy = fixture.client().await;
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    fixture.metric_becomes("weir_upstream_connections", 2.0).await;
    fixture.running.stopper().drain();
    assert!(parked.is_closed().await);
    until("listeners to be closed", async || {
        TcpStream::connect(fixture.web).await.is_err()
    })
    .await;
    go.send(()).unwrap();
    let response = busy.response().await;
    assert_eq!(
        (response.text(), response.header("connection")),
        ("slow", Some("close"))
    );
    assert!(busy.is_closed().await);
    fixture.ended().await;
}

#[tokio::test]
async fn a_connection_in_its_keep_alive_is_told_to_close_with_its_next_answer() {
    let backend = RawBackend::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
            .await;
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"k").await;
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    // the head of the answer is there before the drain, so it cannot announce the end
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
        .await;
    let mut seen = Vec::new();
    while !seen.ends_with(b"o") {
        assert!(client.stream.read_buf(&mut seen).await.unwrap() > 0);
    }
    fixture.running.stopper().drain();
    until("listeners to be closed", async || {
        TcpStream::connect(fixture.web).await.is_err()
    })
    .await;
    client.send("x").await;
    assert_eq!(client.stream.read_buf(&mut seen).await.unwrap(), 1);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn what_takes_longer_than_the_grace_period_is_cut_off() {
    let hanging = RawBackend::silent().await;
    let fixture = Fixture::with(&Documents::one(hanging.address), |options| {
        options.grace_period = Duration::from_millis(50);
    })
    .await;
    let mut client = fixture.client().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
    fixture.running.stopper().drain();
    assert!(client.try_response(true).await.is_none());
    fixture.ended().await;
}

#[tokio::test]
async fn nothing_is_lost_while_a_proxy_drains_under_load() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.drain_delay = Duration::from_millis(300);
        options.grace_period = Duration::from_mins(1);
    })
    .await;
    let web = fixture.web;
    let mut loads = Vec::new();
    for _ in 0..16 {
        let mut client = Client::connect(web).await;
        loads.push(tokio::spawn(async move {
            // until the proxy says that it ends the connection
            for served in 1.. {
                let response = client.get("/").await;
                assert_eq!((response.status, response.complete), (200, true));
                if response.header("connection") == Some("close") {
                    return served;
                }
            }
            0
        }));
    }
    fixture.drain_under(&backend, loads).await;
    fixture.ended().await;
}

#[tokio::test]
async fn connections_to_upstreams_end_with_the_proxy() {
    let (tell, ended) = oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let backend = RawBackend::start(move |mut stream| {
        let tell = tell.lock().unwrap().take();
        async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(ok).await.unwrap();
            let rest = stream.read(&mut [0; 1]).await;
            tell.unwrap().send(rest.unwrap()).unwrap();
        }
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    assert_eq!(fixture.get("/").await.text(), "ok");
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
    fixture.running.stopper().stop();
    fixture.ended().await;
    let rest = tokio::time::timeout(Duration::from_secs(20), ended).await;
    assert_eq!(rest.unwrap().unwrap(), 0);
}
