//! How they are reached, and how long they take.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use weir_model::document::Scheme;
use weir_proxy::access_log::Format;

use crate::support::{Authority, Client, Documents, Fixture, Logged, RawBackend, secret_id};

use super::Answers::{Closes, Later, Resets, Stays};
use super::{BROKEN, Bad, REFUSED, case, run};

#[tokio::test]
async fn who_is_slow_is_waited_for_as_long_as_was_said() {
    let late = Some("response_timeout");
    run([
        case("silence", Stays(b""), (504, REFUSED), late),
        case(
            "half a head",
            Stays(b"HTTP/1.1 200 OK\r\nA: "),
            (504, REFUSED),
            late,
        ),
        case(
            "100 and no more",
            Stays(b"HTTP/1.1 100 Continue\r\n\r\n"),
            (504, REFUSED),
            late,
        ),
    ])
    .await;
    // nothing was said
    let backend = Bad::start(
        Later(b"HTTP/1.1 200 OK\r\n", b"Content-Length: 4\r\n\r\nlate"),
        None,
    )
    .await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| options.threads = 1).await;
    let mut client = fixture.client().await;
    client.send("GET /bad HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(fixture.get("/good").await.text(), "good");
    assert_eq!(client.response().await.text(), "late");
}

#[tokio::test]
async fn tls_that_does_not_hold_is_500() {
    let (authority, other) = (Authority::new(), Authority::new());
    let certified = authority.sign(&["127.0.0.1"]);
    let acceptor = TlsAcceptor::from(certified.server(&[], None));
    let secured = |address: SocketAddr, believed: &Authority| {
        Documents::default()
            .service_with("main", &[address], |leaf| leaf.scheme = Scheme::Https)
            .secret("ca", believed.root())
            .transport("main", |transport| transport.root_cas = vec![secret_id("ca")])
            .route("/", "main")
    };
    let tls = (500, Some("tls"));
    let good = Stays(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
    for (name, acceptor, believed, (status, reason)) in [
        ("a certificate of somebody else", Some(&acceptor), &other, tls),
        ("all right", Some(&acceptor), &authority, (200, None)),
    ] {
        let backend = Bad::start(good, acceptor.cloned()).await;
        let logged = Logged::new();
        let fixture = Fixture::with(&secured(backend.address, believed), |options| {
            logged.log(options, Format::Json);
        })
        .await;
        assert_eq!(fixture.get("/bad").await.status, status, "{name}");
        let line = logged.objects(1).await.remove(0);
        assert_eq!(line["FailureReason"].as_str(), reason, "{name}");
        assert_eq!(
            backend.asked().iter().flatten().count(),
            usize::from(status == 200),
            "{name}"
        );
        if let Some(reason) = reason {
            let metric = format!("weir_failures_total{{reason=\"{reason}\"}}");
            fixture.metric_becomes(&metric, 1.0).await;
        }
    }
    let plain = RawBackend::start(|mut stream| async move {
        // not HTTP either, to this one
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            .await;
    })
    .await;
    let logged = Logged::new();
    let fixture = Fixture::with(&secured(plain.address, &authority), |options| {
        logged.log(options, Format::Json);
    })
    .await;
    assert_eq!(fixture.get("/bad").await.status, 500);
    assert_eq!(logged.objects(1).await[0]["FailureReason"], "tls");
    fixture
        .metric_becomes("weir_failures_total{reason=\"tls\"}", 1.0)
        .await;
    // over TLS, an answer that breaks off is one as well
    let backend = Bad::start(
        Closes(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart"),
        Some(acceptor),
    )
    .await;
    let documents = secured(backend.address, &authority);
    case(
        "an end inside of TLS",
        Stays(b""),
        (200, BROKEN),
        Some("response_body"),
    )
    .meet(&backend, &documents)
    .await;
}

#[tokio::test]
async fn a_flood_of_bad_answers_leaves_nothing_behind() {
    let backend = Bad::start(
        Resets(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart"),
        None,
    )
    .await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| options.threads = 1).await;
    let clients: Vec<_> = (0..50)
        .map(|_| {
            let web = fixture.web;
            tokio::spawn(async move {
                let response = Client::connect(web).await.get("/bad").await;
                assert_eq!((response.status, response.complete), (200, false));
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(fixture.get("/good").await.text(), "good");
    fixture
        .metric_becomes("weir_failures_total{reason=\"response_body\"}", 50.0)
        .await;
    // the good one's
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
}
