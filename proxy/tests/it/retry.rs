//! What is sent again, and what is not.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use weir_model::duration::GoDuration;

use crate::support::{Backend, Documents, Fixture, Full, RawBackend, answer, refusing, until};

const STALE: &str = "weir_retries_total{reason=\"stale\"}";
const CONNECT: &str = "weir_retries_total{reason=\"connect\"}";

#[tokio::test]
async fn an_endpoint_that_refuses_is_passed_over() {
    let backend = Backend::named("alive").await;
    let dead = refusing();
    let documents = Documents::default()
        .service("main", &[dead, backend.address])
        .route("/", "main");
    let fixture = Fixture::start(&documents).await;
    let mut client = fixture.client().await;
    for _ in 0..50 {
        assert_eq!(client.post("/", b"also with a body").await.text(), "alive");
    }
    assert!(fixture.metric(CONNECT).await >= 1.0);
    assert!(
        fixture.metric(CONNECT).await < 20.0,
        "it is left out after it failed"
    );
}

/// Addresses that refuse connections.
fn dead(count: usize) -> Vec<SocketAddr> {
    (0..count).map(|_| refusing()).collect()
}

#[tokio::test]
async fn the_one_that_is_alive_is_found_behind_many_that_refuse() {
    let backend = Backend::named("alive").await;
    let mut addresses = dead(20);
    addresses.push(backend.address);
    let documents = Documents::default()
        .service("main", &addresses)
        .route("/", "main");
    let fixture = Fixture::start(&documents).await;
    assert_eq!(fixture.get("/").await.text(), "alive");
}

#[tokio::test]
async fn when_all_refuse_the_request_fails_after_each_or_a_bound() {
    for (count, retries) in [(10, 9.0), (70, 63.0)] {
        let documents = Documents::default()
            .service("main", &dead(count))
            .route("/", "main");
        let fixture = Fixture::start(&documents).await;
        assert_eq!(fixture.get("/").await.status, 502);
        fixture.metric_becomes(CONNECT, retries).await;
    }
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_the_dial_is_given_up_soon() {
    let full = Full::start().await;
    let backend = Backend::named("alive").await;
    let documents = Documents::default()
        .service("main", &[full.address, backend.address])
        .route("/", "main");
    let fixture = Fixture::start(&documents).await;
    assert_eq!(fixture.get("/").await.text(), "alive");
    // alone, it gets its transport's whole time
    let documents = Documents::one(full.address).transport("main", |transport| {
        transport.dial_timeout = GoDuration::from_millis(50);
    });
    let fixture = Fixture::start(&documents).await;
    assert_eq!(fixture.get("/").await.status, 504);
}

#[tokio::test]
async fn what_waits_for_endpoints_that_are_gone_takes_those_that_come() {
    let (first, second) = (Full::start().await, Full::start().await);
    let backend = Backend::named("alive").await;
    for gone in [&[first.address][..], &[first.address, second.address]] {
        let mut documents = Documents::default().service("main", gone).route("/", "main");
        let fixture = Fixture::start(&documents).await;
        let mut client = fixture.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        fixture
            .metric_becomes("weir_connections_accepted_total", 1.0)
            .await;
        documents = Documents::default()
            .service("main", &[backend.address])
            .route("/", "main");
        documents.config.revision += 1;
        fixture.publish(&documents).await;
        // the dial's own limit is 30 s
        let answer = tokio::time::timeout(Duration::from_secs(10), client.response()).await;
        assert_eq!(answer.unwrap().text(), "alive");
    }
}

/// A service with `gone` endpoints and one that answers, behind two levels of weights.
fn with_sibling(gone: &[SocketAddr], alive: SocketAddr) -> Documents {
    Documents::default()
        .service("gone", gone)
        .service("alive", &[alive])
        .service("unwanted", &[alive])
        .weighted("canary", &[("gone", 1)])
        .weighted("main", &[("canary", 3), ("alive", 1), ("unwanted", 0)])
        .route("/", "main")
}

#[tokio::test]
async fn a_sibling_takes_the_place_of_a_service_that_refuses() {
    let backend = Backend::named("alive").await;
    let fixture = Fixture::start(&with_sibling(&dead(10), backend.address)).await;
    let mut client = fixture.client().await;
    for _ in 0..20 {
        assert_eq!(client.post("/", b"also with a body").await.text(), "alive");
    }
    // of those that were to go there, some met endpoints of which nobody had known it yet
    assert!(fixture.metric(CONNECT).await >= 15.0);
}

#[tokio::test]
async fn a_service_without_weight_takes_nobodys_place() {
    let backend = Backend::named("unwanted").await;
    let documents = Documents::default()
        .service("gone", &dead(2))
        .service("unwanted", &[backend.address])
        .weighted("main", &[("gone", 1), ("unwanted", 0)])
        .route("/", "main");
    let fixture = Fixture::start(&documents).await;
    assert_eq!(fixture.get("/").await.status, 502);
}

#[tokio::test]
async fn a_sibling_takes_the_place_of_a_service_that_does_not_answer_the_dial() {
    let backend = Backend::named("alive").await;
    let mut full = Vec::new();
    for _ in 0..8 {
        full.push(Full::start().await);
    }
    for count in [1, 8] {
        let addresses: Vec<_> = full[..count].iter().map(|full| full.address).collect();
        let fixture = Fixture::start(&with_sibling(&addresses, backend.address)).await;
        // each gets 1 s, and all of them would take longer than a request is tried for
        for _ in 0..4 {
            let answer = tokio::time::timeout(Duration::from_secs(10), fixture.get("/")).await;
            assert_eq!(answer.unwrap().text(), "alive");
        }
    }
}

#[tokio::test]
async fn a_request_that_was_sent_is_nobody_elses() {
    let backend = Backend::named("alive").await;
    let silent = RawBackend::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
    })
    .await;
    let fixture = Fixture::start(&with_sibling(&[silent.address], backend.address)).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(fixture.get("/").await.status);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 502, 502, 502]);
}

/// A backend that closes each connection when the next request comes on it, having answered one; it
/// counts the requests that it answered.
async fn forgetful(answered: Arc<AtomicUsize>) -> RawBackend {
    RawBackend::start(move |mut stream| {
        let answered = answered.clone();
        async move {
            let mut buffer = [0; 4096];
            if let Ok(1..) = stream.read(&mut buffer).await {
                answered.fetch_add(1, Ordering::Relaxed);
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    .await;
                let _ = stream.read(&mut buffer).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_connection_that_ended_in_the_pool_costs_no_request() {
    let answered = Arc::new(AtomicUsize::new(0));
    let backend = forgetful(answered.clone()).await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    for _ in 0..20 {
        assert_eq!(client.get("/").await.text(), "ok");
    }
    assert_eq!(answered.load(Ordering::Relaxed), 20);
    fixture.metric_becomes(STALE, 19.0).await;
}

#[tokio::test]
async fn what_might_act_twice_is_not_sent_twice() {
    let answered = Arc::new(AtomicUsize::new(0));
    let backend = forgetful(answered.clone()).await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    assert_eq!(client.get("/").await.text(), "ok");
    let response = client.post("/", b"an order").await;
    assert_eq!((response.status, response.text()), (502, "Bad Gateway"));
    assert_eq!(answered.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_fresh_connection_that_ends_is_not_tried_again() {
    let backend = RawBackend::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    assert_eq!(fixture.get("/").await.status, 502);
    fixture
        .metric_becomes("weir_upstream_connections_made_total", 1.0)
        .await;
}

#[tokio::test]
async fn a_connection_is_forgotten_when_the_upstream_closes_it() {
    let backend = RawBackend::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .await;
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    assert_eq!(fixture.get("/").await.text(), "ok");
    until("the pool to be empty", async || {
        fixture.metric("weir_upstream_connections").await < 0.5
            && fixture.metric("weir_upstream_connections_idle").await < 0.5
    })
    .await;
    assert_eq!(fixture.client().await.post("/", b"x").await.text(), "ok");
}

#[tokio::test]
async fn an_unread_response_ends_its_upstream_connection() {
    let backend = RawBackend::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            .await;
        while stream.write_all(&[b'x'; 16_384]).await.is_ok() {}
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.stream.read(&mut [0; 100]).await.unwrap() > 0);
    drop(client);
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
}

#[tokio::test]
async fn unused_connections_are_closed_in_time_and_bounded() {
    let backend = Backend::named("ok").await;
    let documents = Documents::one(backend.address).transport("main", |transport| {
        transport.max_idle_conns_per_host = Some(1);
        transport.idle_conn_timeout = GoDuration::from_millis(300);
    });
    let fixture = Fixture::with(&documents, |options| {
        options.threads = 1;
        options.limits.park_after = Duration::from_millis(40);
    })
    .await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        let mut client = fixture.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        clients.push(client);
    }
    for client in &mut clients {
        assert_eq!(client.response().await.text(), "ok");
    }
    assert!(fixture.metric("weir_upstream_connections_idle").await < 1.5);
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
}

#[tokio::test]
async fn the_clients_host_is_passed_on_where_the_first_service_would_not_have() {
    let dead = dead(1);
    let good = Backend::start(|request| answer(request.header("host").unwrap_or_default().to_owned())).await;
    let documents = Documents::default()
        .service_with("dead", &dead, |leaf| leaf.pass_host_header = false)
        .service("good", &[good.address])
        .weighted("both", &[("dead", 1), ("good", 1)])
        .route("/", "both");
    let fixture = Fixture::start(&documents).await;
    for _ in 0..4 {
        assert_eq!(fixture.get("/").await.text(), "test.example");
    }
}
