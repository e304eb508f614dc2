//! TLS with clients: which certificate they are shown, and that HTTP/1.1 has everything that it has without.

use std::{sync::Arc, time::Duration};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, HandshakeKind, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, UnixTime},
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use crate::support::{
    Authority, Backend, Certified, Client, Documents, Fixture, RawBackend, answer, secure, until,
};

const HOST: &str = "a.example";
const PARKED: &str = "weir_connections_parked";
const SHORT: Duration = Duration::from_millis(100);

/// Believes everybody.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let provider = aws_lc_rs::default_provider();
        provider.signature_verification_algorithms.supported_schemes()
    }
}

fn anybody() -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    Arc::new(config)
}

/// The certificate that is shown to who asks for a host.
async fn shown(fixture: &Fixture, host: &str) -> CertificateDer<'static> {
    let stream = secure(fixture.web, host, &anybody()).await.unwrap();
    own(&stream)
}

fn own(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0]
        .clone()
        .into_owned()
}

fn is_default(certificate: &CertificateDer<'_>) -> bool {
    let name = b"WEIR DEFAULT CERT";
    certificate.windows(name.len()).any(|bytes| bytes == name)
}

/// A certificate's place in the documents.
trait Certifying {
    fn certified(self, prefix: &str, secret: &str, certified: &Certified) -> Self;
}

impl Certifying for Documents {
    /// A route with a certificate of its own.
    fn certified(self, prefix: &str, secret: &str, certified: &Certified) -> Self {
        self.route(prefix, "main")
            .secret(secret, certified.entry())
            .tls(prefix, Some(secret))
    }
}

/// A proxy with a certificate for [`HOST`], and a connection to it.
async fn served(
    backend: std::net::SocketAddr,
    change: impl FnOnce(&mut weir_proxy::app::Options),
) -> (Fixture, Authority) {
    let authority = Authority::new();
    let documents = Documents::one(backend).certified("/", "own", &authority.sign(&[HOST]));
    (Fixture::secure(&documents, change).await, authority)
}

async fn client(fixture: &Fixture, authority: &Authority) -> Client<TlsStream<TcpStream>> {
    let config = authority.client(&["http/1.1"]);
    Client::over(secure(fixture.web, HOST, &config).await.unwrap())
}

/// Whether the connection's end is said in TLS, and not only by its loss.
async fn ends_orderly(client: &mut Client<TlsStream<TcpStream>>) -> bool {
    let mut byte = [0];
    let read = tokio::time::timeout(Duration::from_secs(20), client.stream.read(&mut byte));
    matches!(read.await.expect("an end in time"), Ok(0))
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_whole() {
    let breaking = RawBackend::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n")
            .await;
    })
    .await;
    let (fixture, authority) = served(breaking.address, |_| {}).await;
    for version in ["1.0", "1.1"] {
        let mut client = client(&fixture, &authority).await;
        client
            .send(format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n"))
            .await;
        let mut all = Vec::new();
        assert!(client.stream.read_to_end(&mut all).await.is_err(), "{version}");
    }
}

#[tokio::test]
async fn who_names_no_certificate_has_the_default_one() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::secure(&Documents::one(backend.address).tls("/", None), |_| {}).await;
    for host in ["a.example", "127.0.0.1"] {
        let stream = secure(fixture.web, host, &anybody()).await.unwrap();
        assert!(is_default(&own(&stream)));
        assert_eq!(stream.get_ref().1.alpn_protocol(), None);
        assert_eq!(Client::over(stream).get("/").await.text(), "ok");
    }
    let received = &backend.received()[0];
    let port = fixture.web.port().to_string();
    assert_eq!(received.header("x-forwarded-proto"), Some("https"));
    assert_eq!(received.header("x-forwarded-port"), Some(port.as_str()));
}

#[tokio::test]
async fn the_certificate_is_the_one_with_the_hosts_name() {
    let backend = Backend::named("ok").await;
    let authority = Authority::new();
    let [first, second, third] = [
        &["a.example", "*.b.example"][..],
        &["A.example", "c.b.example", "d.example"],
        &["*.b.example", "*.example"],
    ]
    .map(|names| authority.sign(names));
    let documents = Documents::one(backend.address)
        .certified("/1", "1", &first)
        .certified("/2", "2", &second)
        .certified("/3", "3", &third);
    let fixture = Fixture::secure(&documents, |_| {}).await;
    for (host, certified) in [
        ("a.example", Some(&first)),
        ("x.b.example", Some(&first)),
        ("X.B.Example", Some(&first)),
        ("c.b.example", Some(&second)),
        ("d.example", Some(&second)),
        ("e.example", Some(&third)),
        ("b.example", Some(&third)),
        ("x.y.b.example", None),
        ("example", None),
        ("elsewhere.test", None),
        ("127.0.0.1", None),
    ] {
        let shown = shown(&fixture, host).await;
        match certified {
            Some(certified) => assert!(shown == certified.der(), "{host}"),
            None => assert!(is_default(&shown), "{host}"),
        }
    }
}

#[tokio::test]
async fn a_new_certificate_is_shown_after_a_reload_and_connections_live_on() {
    let backend = Backend::named("ok").await;
    let (old, new) = (Authority::new(), Authority::new());
    let documents = Documents::one(backend.address).certified("/", "own", &old.sign(&[HOST]));
    let fixture = Fixture::secure(&documents, |_| {}).await;
    let mut before = client(&fixture, &old).await;
    assert_eq!(before.get("/").await.status, 200);
    assert!(secure(fixture.web, HOST, &new.client(&[])).await.is_err());
    let documents = documents.secret("own", new.sign(&[HOST]).entry());
    fixture.publish(&documents).await;
    assert_eq!(client(&fixture, &new).await.get("/").await.status, 200);
    assert!(secure(fixture.web, HOST, &old.client(&[])).await.is_err());
    assert_eq!(before.get("/").await.status, 200);
    assert_eq!(before.get("/").await.status, 200);
    // and it goes with its route's
    fixture.publish(&documents.tls("/", None)).await;
    assert!(is_default(&shown(&fixture, HOST).await));
    fixture
        .metric_becomes("weir_tls_handshakes_failed_total", 2.0)
        .await;
}

#[tokio::test]
async fn in_place_of_what_is_no_certificate_the_default_one_is_shown() {
    let backend = Backend::named("ok").await;
    let authority = Authority::new();
    let (good, other) = (authority.sign(&["good.example"]), authority.sign(&[HOST]));
    let mut garbage = other.clone();
    garbage.certificate = "garbage".to_owned();
    let mut mixed = authority.sign(&[HOST]);
    mixed.key = other.key.clone();
    for broken in [garbage, mixed] {
        let documents = Documents::one(backend.address)
            .certified("/", "broken", &broken)
            .certified("/good", "good", &good);
        let fixture = Fixture::secure(&documents, |_| {}).await;
        assert!(is_default(&shown(&fixture, HOST).await));
        assert!(shown(&fixture, "good.example").await == good.der());
        let stream = secure(fixture.web, HOST, &anybody()).await.unwrap();
        assert_eq!(Client::over(stream).get("/").await.status, 200);
    }
}

#[tokio::test]
async fn routes_with_tls_are_served_with_tls_alone() {
    let backend = Backend::named("ok").await;
    let documents = Documents::one(backend.address)
        .route("/secret", "main")
        .tls("/secret", None);
    let plain = Fixture::start(&documents).await;
    assert_eq!(plain.get("/secret").await.text(), "ok");
    let only = Documents::one(backend.address).tls("/", None);
    let plain = Fixture::start(&only).await;
    assert_eq!(plain.get("/").await.status, 404);
    let fixture = Fixture::secure(&documents, |_| {}).await;
    let stream = secure(fixture.web, HOST, &anybody()).await.unwrap();
    let mut client = Client::over(stream);
    assert_eq!(client.get("/secret").await.status, 200);
    assert_eq!(client.get("/").await.status, 200);
}

#[tokio::test]
async fn who_speaks_no_tls_is_told_so() {
    let backend = Backend::named("ok").await;
    let (fixture, authority) = served(backend.address, |_| {}).await;
    let mut plain = fixture.client().await;
    let response = plain.get("/").await;
    assert_eq!(
        (response.status, response.text()),
        (400, "Client sent an HTTP request to an HTTPS server.\n")
    );
    assert!(plain.is_closed().await);
    let mut garbage = fixture.client().await;
    garbage.send([0; 100]).await;
    garbage.stream.shutdown().await.unwrap();
    assert!(garbage.is_closed().await);
    // looks like the beginning of TLS
    let mut garbage = fixture.client().await;
    garbage.send([22; 100]).await;
    let mut rest = Vec::new();
    let _ = garbage.stream.read_to_end(&mut rest).await;
    assert!(rest.len() < 10, "no more than an alert: {rest:?}");
    fixture
        .metric_becomes("weir_tls_handshakes_failed_total", 3.0)
        .await;
    fixture.metric_becomes("weir_connections", 0.0).await;
    assert_eq!(client(&fixture, &authority).await.get("/").await.status, 200);
    assert_eq!(backend.count(), 1);
}

#[tokio::test]
async fn a_handshake_that_does_not_come_to_its_end_is_cut_off() {
    let backend = Backend::named("ok").await;
    let (fixture, authority) = served(backend.address, |options| {
        options.limits.head_timeout = SHORT;
    })
    .await;
    let mut silent = fixture.client().await;
    assert!(silent.is_closed().await);
    // a record that promises more than comes
    let mut half = fixture.client().await;
    half.send([22, 3, 1, 1, 0, 1, 0]).await;
    assert!(half.is_closed().await);
    // nobody asks for anything
    let mut mute = client(&fixture, &authority).await;
    assert!(mute.is_closed().await);
    fixture
        .metric_becomes("weir_connections_closed_total{reason=\"head_timeout\"}", 3.0)
        .await;
    let mut slow = client(&fixture, &authority).await;
    slow.send("GET / HTTP/1.1\r\nHost").await;
    assert!(slow.is_closed().await);
    fixture.metric_becomes("weir_connections", 0.0).await;
}

#[tokio::test]
async fn a_connection_is_parked_with_its_session_and_serves_again() {
    let backend = Backend::start(|request| answer(request.body.clone())).await;
    let (fixture, authority) = served(backend.address, |options| {
        options.limits.park_after = Duration::from_millis(20);
    })
    .await;
    let mut client = client(&fixture, &authority).await;
    for body in ["first", "second", "third"] {
        assert_eq!(client.post("/", body.as_bytes()).await.text(), body);
        fixture.metric_becomes(PARKED, 1.0).await;
    }
    // a request and the beginning of another one in one piece
    let request = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\n";
    assert_eq!(client.ask(request).await.status, 200);
    fixture.metric_becomes(PARKED, 0.0).await;
    assert_eq!(client.ask("Host: a\r\n\r\n").await.status, 200);
    fixture.metric_becomes(PARKED, 1.0).await;
    fixture
        .metric_becomes("weir_connections_accepted_total", 1.0)
        .await;
    client.stream.shutdown().await.unwrap();
    assert!(client.is_closed().await);
    fixture.metric_becomes("weir_connections", 0.0).await;
    assert_eq!((backend.connections(), backend.count()), (1, 5));
}

#[tokio::test]
async fn large_bodies_pass_both_ways() {
    let backend = Backend::start(|request| answer(request.body.clone())).await;
    let (fixture, authority) = served(backend.address, |_| {}).await;
    let body: Vec<_> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let mut client = client(&fixture, &authority).await;
    for _ in 0..3 {
        let response = client.post("/", &body).await;
        assert!(response.complete && response.body == body);
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_request() {
    let hanging =
        RawBackend::start(
            |mut stream| async move { while let Ok(1..) = stream.read(&mut [0; 4096]).await {} },
        )
        .await;
    let (fixture, authority) = served(hanging.address, |_| {}).await;
    for orderly in [true, false] {
        let mut client = client(&fixture, &authority).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        fixture.metric_becomes("weir_upstream_connections", 1.0).await;
        if orderly {
            client.stream.shutdown().await.unwrap();
        }
        drop(client);
        fixture.metric_becomes("weir_upstream_connections", 0.0).await;
        fixture.metric_becomes("weir_connections", 0.0).await;
    }
    fixture
        .metric_becomes("weir_failures_total{reason=\"client_gone\"}", 2.0)
        .await;
}

#[tokio::test]
async fn a_request_that_comes_early_is_no_end() {
    let slow = RawBackend::start(|mut stream| async move {
        while let Ok(1..) = stream.read(&mut [0; 4096]).await {
            tokio::time::sleep(SHORT).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .await;
        }
    })
    .await;
    let (fixture, authority) = served(slow.address, |options| {
        options.limits.park_after = Duration::from_millis(20);
    })
    .await;
    let mut client = client(&fixture, &authority).await;
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    tokio::time::sleep(SHORT / 2).await;
    client.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.response().await.text(), "ok");
    assert_eq!(client.response().await.text(), "ok");
    fixture.metric_becomes(PARKED, 1.0).await;
}

#[tokio::test]
async fn silence_and_taking_nothing_are_noticed_as_without_tls() {
    let endless = RawBackend::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            .await;
        while stream.write_all(&[b'x'; 16_384]).await.is_ok() {}
    })
    .await;
    let (fixture, authority) = served(endless.address, |options| {
        options.limits.write_timeout = SHORT;
        options.limits.body_timeout = SHORT;
        options.limits.idle_timeout = SHORT;
    })
    .await;
    let mut greedy = client(&fixture, &authority).await;
    greedy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    fixture
        .metric_becomes("weir_connections_closed_total{reason=\"write_timeout\"}", 1.0)
        .await;
    let backend = Backend::named("ok").await;
    fixture
        .publish(
            &Documents::one(backend.address)
                .certified("/", "own", &authority.sign(&[HOST]))
                .route("/other", "main"),
        )
        .await;
    let mut silent = client(&fixture, &authority).await;
    silent
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\npart")
        .await;
    assert!(silent.try_response(true).await.is_none());
    fixture
        .metric_becomes("weir_connections_closed_total{reason=\"body_timeout\"}", 1.0)
        .await;
    let mut idle = client(&fixture, &authority).await;
    assert_eq!(idle.get("/").await.status, 200);
    assert!(ends_orderly(&mut idle).await);
    fixture
        .metric_becomes("weir_connections_closed_total{reason=\"idle\"}", 1.0)
        .await;
    fixture.metric_becomes("weir_connections", 0.0).await;
}

#[tokio::test]
async fn sessions_are_resumed() {
    let backend = Backend::named("ok").await;
    let (fixture, authority) = served(backend.address, |_| {}).await;
    for version in [&TLS12, &TLS13] {
        let config = authority.client_with(&[], &[version]);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut client = Client::over(secure(fixture.web, HOST, &config).await.unwrap());
            assert_eq!(client.get("/").await.status, 200);
            let session = client.stream.get_ref().1;
            assert_eq!(session.protocol_version(), Some(version.version));
            assert_eq!(session.handshake_kind(), Some(kind), "{version:?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_while_a_proxy_drains_under_load() {
    let backend = Backend::named("ok").await;
    let (fixture, authority) = served(backend.address, |options| {
        options.drain_delay = Duration::from_millis(300);
        options.grace_period = Duration::from_mins(1);
        options.limits.park_after = Duration::from_millis(20);
    })
    .await;
    let mut parked = client(&fixture, &authority).await;
    assert_eq!(parked.get("/").await.status, 200);
    fixture.metric_becomes(PARKED, 1.0).await;
    let mut loads = Vec::new();
    for _ in 0..16 {
        let mut client = client(&fixture, &authority).await;
        loads.push(tokio::spawn(async move {
            // until the proxy says that it ends the connection
            for served in 1.. {
                let response = client.get("/").await;
                assert_eq!((response.status, response.complete), (200, true));
                if response.header("connection") == Some("close") {
                    assert!(ends_orderly(&mut client).await);
                    return served;
                }
            }
            0
        }));
    }
    until("some load", async || backend.count() > 100).await;
    fixture.running.stopper().drain();
    for load in loads {
        assert!(load.await.unwrap() > 1);
    }
    assert!(ends_orderly(&mut parked).await);
    let Fixture { running, .. } = fixture;
    tokio::task::spawn_blocking(|| running.join())
        .await
        .unwrap()
        .unwrap();
}
