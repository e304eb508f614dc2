//! Whatever mirrors do, main's bytes and status are those without mirrors.

use std::{net::SocketAddr, time::Duration};

use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Backend, Documents, Fixture, RawBackend, answer, refusing, until};

const DROPPED: &str = "weir_mirror_dropped_total";

fn mirrored(main: SocketAddr, mirror: SocketAddr) -> Documents {
    Documents::default()
        .service("main", &[main])
        .service("mirror", &[mirror])
        .mirror("both", "main", &[("mirror", 100)])
        .route("/", "both")
}

/// Takes nothing but what the kernel does, and that is not much.
fn stuck() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    socket.listen(128).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// Takes a little and breaks the connection.
async fn resetting() -> RawBackend {
    RawBackend::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 16]).await;
        let _ = stream.set_zero_linger();
    })
    .await
}

/// Answers before it has read anything, and at length.
async fn babbling() -> RawBackend {
    RawBackend::start(|mut stream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 500 Oh\r\nContent-Length: 99999999999\r\n\r\n")
            .await;
        while stream.write_all(&[b'x'; 16_384]).await.is_ok() {}
    })
    .await
}

#[tokio::test]
async fn mains_bytes_and_status_are_those_without_mirrors() {
    let main = Backend::start(|request| {
        let mut response = answer(request.body.clone());
        *response.status_mut() = request.target.trim_start_matches('/').parse().unwrap();
        response
            .headers_mut()
            .insert("x-length", request.body.len().into());
        response
    })
    .await;
    let nobody = refusing();
    let (hanging, resetting, babbling) = (RawBackend::silent().await, resetting().await, babbling().await);
    let plain = Fixture::start(&Documents::one(main.address)).await;
    let mut expected = plain.client().await;
    for mirror in [nobody, hanging.address, resetting.address, babbling.address] {
        let fixture = Fixture::start(&mirrored(main.address, mirror)).await;
        let mut client = fixture.client().await;
        for (target, size) in [("/200", 0), ("/201", 10), ("/404", 100_000), ("/503", 2_000_000)] {
            let body = vec![b'b'; size];
            let mut with = client.post(target, &body).await;
            let mut without = expected.post(target, &body).await;
            // the clock may have moved between the two
            with.headers.retain(|(name, _)| name != "date");
            without.headers.retain(|(name, _)| name != "date");
            assert_eq!(with, without);
        }
    }
}

#[tokio::test]
async fn main_never_waits_for_a_mirror() {
    let (main, mirror) = (Backend::named("main").await, RawBackend::silent().await);
    let fixture = Fixture::start(&mirrored(main.address, mirror.address)).await;
    let mut client = fixture.client().await;
    // none of these copies ever ends, and no answer waits for one
    for _ in 0..200 {
        assert_eq!(client.post("/", b"body").await.text(), "main");
    }
    fixture.metric_becomes("weir_mirror_copies_open", 200.0).await;
}

#[tokio::test]
async fn main_gets_the_body_as_it_comes_and_not_when_it_is_complete() {
    let main = RawBackend::start(|mut stream| async move {
        let mut seen = Vec::new();
        while !seen.ends_with(b"first") {
            assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
        }
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ngot\r\n")
            .await;
        while !seen.ends_with(b"second") {
            assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
        }
        let _ = stream.write_all(b"4\r\n all\r\n0\r\n\r\n").await;
        let _ = stream.read(&mut [0; 16]).await;
    })
    .await;
    let mirror = Backend::named("mirror").await;
    let fixture = Fixture::start(&mirrored(main.address, mirror.address)).await;
    let mut client = fixture.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nfirst")
        .await;
    let mut seen = Vec::new();
    while !seen.ends_with(b"got\r\n") {
        assert!(client.stream.read_buf(&mut seen).await.unwrap() > 0);
    }
    assert_eq!(
        mirror.count(),
        0,
        "main has answered, but the body is not complete"
    );
    client.send("second").await;
    until("the copy", async || mirror.count() == 1).await;
    assert_eq!(mirror.received()[0].body, "firstsecond");
}

#[tokio::test]
async fn a_copy_starts_only_when_main_has_answered() {
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let wait = std::sync::Mutex::new(Some(wait));
    let main = RawBackend::start(move |mut stream| {
        let wait = wait.lock().unwrap().take();
        async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = wait.unwrap().await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .await;
            let _ = stream.read(&mut [0; 16]).await;
        }
    })
    .await;
    let mirror = Backend::named("mirror").await;
    let fixture = Fixture::start(&mirrored(main.address, mirror.address)).await;
    let mut client = fixture.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
        .await;
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
    assert_eq!((mirror.connections(), mirror.count()), (0, 0));
    go.send(()).unwrap();
    assert_eq!(client.response().await.text(), "ok");
    until("the copy", async || mirror.count() == 1).await;
}

#[tokio::test]
async fn main_that_answers_without_reading_the_body_ends_the_copy() {
    let main = RawBackend::start(|mut stream| async move {
        let mut seen = Vec::new();
        while !seen.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
            if !matches!(stream.read_buf(&mut seen).await, Ok(1..)) {
                return;
            }
        }
        let _ = stream
            .write_all(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .await;
        let _ = stream.shutdown().await;
        let _ = stream.read(&mut [0; 16]).await;
    })
    .await;
    let mirror = Backend::named("mirror").await;
    let fixture = Fixture::start(&mirrored(main.address, mirror.address)).await;
    let mut client = fixture.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\nbegin")
        .await;
    assert_eq!(client.response().await.status, 413);
    fixture
        .metric_becomes(&format!("{DROPPED}{{reason=\"incomplete_body\"}}"), 1.0)
        .await;
    fixture.metric_becomes("weir_mirror_bytes", 0.0).await;
    assert_eq!(mirror.count(), 0);
}

#[tokio::test]
async fn main_that_cannot_be_reached_is_answered_for_and_copied() {
    let nobody = refusing();
    let mirror = Backend::named("mirror").await;
    let fixture = Fixture::start(&mirrored(nobody, mirror.address)).await;
    assert_eq!(fixture.get("/").await.status, 502);
    until("the copy", async || mirror.count() == 1).await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_makes_no_copies() {
    let (main, mirror) = (RawBackend::silent().await, Backend::named("mirror").await);
    let fixture = Fixture::start(&mirrored(main.address, mirror.address)).await;
    let mut client = fixture.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
        .await;
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
    drop(client);
    fixture
        .metric_becomes(&format!("{DROPPED}{{reason=\"client_gone\"}}"), 1.0)
        .await;
    assert_eq!(mirror.count(), 0);
}

#[tokio::test]
async fn a_client_that_leaves_inside_its_body_makes_no_copies() {
    let (main, mirror) = (RawBackend::silent().await, Backend::named("mirror").await);
    let fixture = Fixture::start(&mirrored(main.address, mirror.address)).await;
    let mut client = fixture.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 400\r\n\r\nbody")
        .await;
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
    drop(client);
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
    fixture.metric_becomes("weir_mirror_bytes", 0.0).await;
    assert_eq!(mirror.count(), 0);
}

#[tokio::test]
async fn the_budget_of_bytes_is_kept_and_shared_by_the_copies_of_a_request() {
    let main = Backend::named("main").await;
    let (_mirror, address) = stuck();
    let documents = Documents::default()
        .service("main", &[main.address])
        .service("mirror", &[address])
        .mirror(
            "both",
            "main",
            &[("mirror", 100), ("mirror", 100), ("mirror", 100)],
        )
        .route("/", "both");
    let fixture = Fixture::with(&documents, |options| options.limits.mirror_max_bytes = 21_500_000).await;
    // of each copy, the kernel takes about 3 MB
    let body = vec![b'b'; 10_000_000];
    let mut client = fixture.client().await;
    for _ in 0..6 {
        assert_eq!(client.post("/", &body).await.text(), "main");
        assert!(fixture.metric("weir_mirror_bytes").await <= 21_500_000.0);
    }
    // two bodies fit, with three copies each
    fixture.metric_becomes("weir_mirror_copies_open", 6.0).await;
    fixture
        .metric_becomes(&format!("{DROPPED}{{reason=\"bytes\"}}"), 12.0)
        .await;
    // what the kernel took is gone, the rest is held
    assert!(fixture.metric("weir_mirror_bytes").await >= 10_000_000.0);
    // and one that never could fit is not even begun
    client.post("/", &vec![b'b'; 21_600_000]).await;
    fixture
        .metric_becomes(&format!("{DROPPED}{{reason=\"bytes\"}}"), 15.0)
        .await;
}

#[tokio::test]
async fn the_number_of_copies_is_kept() {
    let (main, mirror) = (Backend::named("main").await, RawBackend::silent().await);
    let fixture = Fixture::with(&mirrored(main.address, mirror.address), |options| {
        options.limits.mirror_max_copies = 5;
    })
    .await;
    let mut client = fixture.client().await;
    for _ in 0..12 {
        assert_eq!(client.get("/").await.text(), "main");
    }
    fixture.metric_becomes("weir_mirror_copies_open", 5.0).await;
    fixture
        .metric_becomes(&format!("{DROPPED}{{reason=\"copies\"}}"), 7.0)
        .await;
}

#[tokio::test]
async fn a_copy_that_hangs_is_ended_in_time() {
    let (main, mirror) = (Backend::named("main").await, RawBackend::silent().await);
    let fixture = Fixture::with(&mirrored(main.address, mirror.address), |options| {
        options.limits.mirror_timeout = Duration::from_millis(100);
    })
    .await;
    let mut client = fixture.client().await;
    assert_eq!(client.post("/", b"body").await.text(), "main");
    let labels = "mirror=\"apps-both@kubernetescrd\",target=\"apps-mirror@kubernetescrd\",code=\"none\"";
    until("the copy to be given up", async || {
        fixture.metric("weir_mirror_copies_open").await < 0.5
    })
    .await;
    fixture
        .metric_becomes(&format!("weir_mirror_copies_total{{{labels}}}"), 1.0)
        .await;
    fixture.metric_becomes("weir_mirror_bytes", 0.0).await;
    // main's connection stays, the mirror's is gone
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
}

#[tokio::test]
async fn a_copy_that_hangs_ends_its_wait_and_the_copies_below_it_start() {
    let (main, stuck, below) = (
        Backend::named("main").await,
        RawBackend::silent().await,
        Backend::named("below").await,
    );
    let documents = Documents::default()
        .service("main", &[main.address])
        .service("stuck", &[stuck.address])
        .service("below", &[below.address])
        .mirror("inner", "stuck", &[("below", 100)])
        .mirror("outer", "main", &[("inner", 100)])
        .route("/", "outer");
    let fixture = Fixture::with(&documents, |options| {
        options.limits.mirror_timeout = Duration::from_millis(100);
    })
    .await;
    assert_eq!(fixture.client().await.post("/", b"body").await.text(), "main");
    until("the copy below", async || below.count() == 1).await;
    assert_eq!(below.received()[0].body, "body");
}

#[tokio::test]
async fn copies_of_one_request_are_bounded() {
    let (main, mirror) = (Backend::named("main").await, Backend::named("mirror").await);
    // each level doubles the copies of the one below
    let mut documents = Documents::default()
        .service("main", &[main.address])
        .service("m0", &[mirror.address])
        .route("/", "top");
    let names: Vec<String> = (0..12).map(|level| format!("m{level}")).collect();
    for pair in names.windows(2) {
        let [below, above] = pair else { unreachable!() };
        documents = documents.mirror(above, below, &[(below, 100), (below, 100)]);
    }
    documents = documents.mirror("top", "main", &[("m11", 100)]);
    let fixture = Fixture::start(&documents).await;
    assert_eq!(fixture.get("/").await.text(), "main");
    until("the copies to end", async || {
        fixture
            .metric("weir_mirror_dropped_total{reason=\"fanout\"}")
            .await
            > 0.5
            && fixture.metric("weir_mirror_copies_open").await < 0.5
    })
    .await;
    assert_eq!(mirror.count(), 64);
}
