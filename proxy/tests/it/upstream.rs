//! What is spoken with upstreams: HTTP/2 without TLS, and TLS as a ServersTransport wants it.

use std::time::Duration;

use http::Version;
use weir_model::document::{Leaf, PeerSan, Scheme, TlsVersion, Transport};

use crate::support::{
    Authority, Backend, Certified, Documents, Fixture, Full, RawBackend, Speaks, answer, get, secret_id,
};

type Change = fn(&mut Transport);

const BOTH: &[&str] = &["h2", "http/1.1"];

fn https(leaf: &mut Leaf) {
    leaf.scheme = Scheme::Https;
}

/// A service that is reached over TLS, and believes an authority.
fn secured(backend: &Backend, authority: &Authority, change: impl FnOnce(&mut Transport)) -> Documents {
    Documents::default()
        .service_with("main", &[backend.address], https)
        .secret("ca", authority.root())
        .transport("main", |transport| {
            transport.root_cas = vec![secret_id("ca")];
            change(transport);
        })
        .route("/", "main")
}

async fn backend(certified: &Certified, protocols: &[&str]) -> Backend {
    let speaks = Speaks::Tls(certified.server(protocols, None));
    Backend::speaking(speaks, |request| answer(format!("{:?}", request.version))).await
}

async fn status(documents: &Documents) -> u16 {
    let fixture = Fixture::start(documents).await;
    fixture.get("/").await.status
}

#[tokio::test]
async fn h2c_is_spoken_to_who_wants_it() {
    let backend = Backend::speaking(Speaks::H2c, |request| answer(request.body.clone())).await;
    let documents = Documents::default()
        .service_with("main", &[backend.address], |leaf| leaf.scheme = Scheme::H2c)
        .route("/", "main");
    let fixture = Fixture::start(&documents).await;
    let mut client = fixture.client().await;
    for _ in 0..3 {
        let response = client.post("/a?b=c", b"body").await;
        assert_eq!((response.status, response.text()), (200, "body"));
    }
    let received = &backend.received()[0];
    assert_eq!(received.version, Version::HTTP_2);
    assert_eq!(received.target, "http://test.example/a?b=c");
    assert_eq!(received.header("x-forwarded-proto"), Some("http"));
    assert_eq!(backend.connections(), 1);
}

#[tokio::test]
async fn requests_share_an_http2_connection_until_its_streams_run_out() {
    let backend = Backend::speaking(Speaks::H2c, |_| answer("ok")).await;
    let documents = Documents::default()
        .service_with("main", &[backend.address], |leaf| leaf.scheme = Scheme::H2c)
        .route("/", "main");
    let fixture = Fixture::with(&documents, |options| options.threads = 1).await;
    assert_eq!(fixture.get("/").await.status, 200);
    let web = fixture.web;
    let clients: Vec<_> = (0..16)
        .map(|_| {
            tokio::spawn(async move {
                for _ in 0..20 {
                    assert_eq!(get(web, "/").await.status, 200);
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    // four at a time on each
    assert!(
        (1..=4).contains(&backend.connections()),
        "{}",
        backend.connections()
    );
}

/// Though nothing is in the pool while the first connection is made, for longer than the pool is swept.
#[tokio::test]
async fn requests_that_come_while_a_connection_is_made_wait_for_that_one() {
    let full = Full::start().await;
    let documents = Documents::default()
        .service_with("main", &[full.address], |leaf| leaf.scheme = Scheme::H2c)
        .route("/", "main");
    let fixture = Fixture::with(&documents, |options| {
        options.threads = 1;
        options.limits.head_timeout = Duration::from_millis(50);
    })
    .await;
    let mut clients = Vec::new();
    for count in [1.0, 3.0, 5.0] {
        let mut client = fixture.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        clients.push(client);
        fixture
            .metric_becomes("weir_connections_accepted_total", count)
            .await;
        // who is cut off shows that time has passed
        assert!(fixture.client().await.is_closed().await);
    }
    let backend = Backend::on(full.open(), Speaks::H2c, |_| answer("ok"));
    for client in &mut clients {
        assert_eq!(client.response().await.text(), "ok");
    }
    assert_eq!(backend.count(), 3);
    let made = fixture.metric("weir_upstream_connections_made_total").await;
    assert!((made - 1.0).abs() < 0.5, "{made}");
}

#[tokio::test]
async fn over_tls_the_protocol_is_agreed_upon() {
    let authority = Authority::new();
    let certified = authority.sign(&["127.0.0.1"]);
    for (protocols, disable_http2, version) in [
        (BOTH, false, "HTTP/2.0"),
        (BOTH, true, "HTTP/1.1"),
        (&["http/1.1"], false, "HTTP/1.1"),
        (&[], false, "HTTP/1.1"),
    ] {
        let backend = backend(&certified, protocols).await;
        let documents = secured(&backend, &authority, |transport| {
            transport.disable_http2 = disable_http2;
        });
        let fixture = Fixture::start(&documents).await;
        let mut client = fixture.client().await;
        for _ in 0..2 {
            let response = client.get("/").await;
            assert_eq!(
                (response.status, response.text()),
                (200, version),
                "{protocols:?}"
            );
        }
        assert_eq!(backend.connections(), 1);
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_believed_is_500_and_says_so() {
    let (authority, other) = (Authority::new(), Authority::new());
    let backend = backend(&authority.sign(&["127.0.0.1"]), BOTH).await;
    let fixture = Fixture::start(&secured(&backend, &other, |_| {})).await;
    assert_eq!(fixture.get("/").await.status, 500);
    fixture
        .metric_becomes("weir_failures_total{reason=\"tls\"}", 1.0)
        .await;
    // the system's roots do not believe it either
    let unknown = secured(&backend, &other, |transport| transport.root_cas.clear());
    assert_eq!(status(&unknown).await, 500);
    let anybody = secured(&backend, &other, |transport| {
        transport.insecure_skip_verify = true;
    });
    assert_eq!(status(&anybody).await, 200);
    assert!(backend.count() == 1);
}

#[tokio::test]
async fn a_certificate_is_for_the_endpoint_or_the_server_name() {
    let authority = Authority::new();
    let backend = backend(&authority.sign(&["backend.example"]), BOTH).await;
    assert_eq!(status(&secured(&backend, &authority, |_| {})).await, 500);
    let named = |name: &'static str| {
        secured(&backend, &authority, move |transport| {
            transport.server_name = Some(name.to_owned());
        })
    };
    assert_eq!(status(&named("backend.example")).await, 200);
    assert_eq!(status(&named("other.example")).await, 500);
    assert_eq!(status(&named("no host")).await, 503);
}

#[tokio::test]
async fn one_of_the_peers_names_must_be_in_the_certificate() {
    let (authority, other) = (Authority::new(), Authority::new());
    let uri = "spiffe://example.com/backend";
    let backend = backend(&authority.sign(&["127.0.0.1", uri, "a.example"]), BOTH).await;
    let with =
        |names: Vec<PeerSan>| secured(&backend, &authority, |transport| transport.peer_cert_sans = names);
    let wrong = PeerSan::Uri("spiffe://example.com/other".to_owned());
    let right = PeerSan::Uri("SPIFFE://example.com/backend".to_owned());
    assert_eq!(status(&with(vec![wrong.clone()])).await, 500);
    assert_eq!(status(&with(vec![wrong.clone(), right.clone()])).await, 200);
    assert_eq!(
        status(&with(vec![PeerSan::Dns("a.example".to_owned())])).await,
        200
    );
    assert_eq!(
        status(&with(vec![PeerSan::Dns("b.example".to_owned())])).await,
        500
    );
    // without verification only the host does not matter
    let insecure = |authority: &Authority, name: &PeerSan| {
        secured(&backend, authority, |transport| {
            transport.insecure_skip_verify = true;
            transport.server_name = Some("elsewhere.example".to_owned());
            transport.peer_cert_sans = vec![name.clone()];
        })
    };
    assert_eq!(status(&insecure(&authority, &right)).await, 200);
    assert_eq!(status(&insecure(&authority, &wrong)).await, 500);
    assert_eq!(status(&insecure(&other, &right)).await, 500);
}

#[tokio::test]
async fn our_certificate_is_shown_to_who_asks_for_it() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = authority.sign(&["127.0.0.1"]);
    let speaks = Speaks::Tls(server.server(BOTH, Some(&clients)));
    let backend = Backend::speaking(speaks, |_| answer("ok")).await;
    let with = |certified: Certified| {
        secured(&backend, &authority, |transport| {
            transport.certificates = vec![secret_id("own")];
        })
        .secret("own", certified.entry())
    };
    assert_ne!(status(&secured(&backend, &authority, |_| {})).await, 200);
    assert_eq!(status(&with(clients.sign(&["weir"]))).await, 200);
    assert_ne!(status(&with(authority.sign(&["weir"]))).await, 200);
}

#[tokio::test]
async fn settings_that_cannot_be_followed_reach_nobody() {
    let authority = Authority::new();
    let backend = backend(&authority.sign(&["127.0.0.1"]), BOTH).await;
    let broken: [Change; 4] = [
        |transport| transport.root_cas = vec![secret_id("garbage")],
        |transport| transport.certificates = vec![secret_id("garbage")],
        |transport| transport.cipher_suites = vec!["TLS_UNHEARD_OF".to_owned()],
        |transport| {
            transport.min_version = Some(TlsVersion::Tls13);
            transport.max_version = Some(TlsVersion::Tls12);
        },
    ];
    for change in broken {
        let mut garbage = authority.root();
        garbage.ca = Some("garbage".to_owned());
        garbage.certificate = garbage.ca.clone();
        garbage.key = garbage.ca.clone();
        let documents = secured(&backend, &authority, change).secret("garbage", garbage);
        let fixture = Fixture::start(&documents).await;
        assert_eq!(fixture.get("/").await.status, 503);
    }
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn a_service_whose_settings_cannot_be_followed_leaves_its_share_to_its_siblings() {
    let authority = Authority::new();
    let (broken, good) = (
        backend(&authority.sign(&["127.0.0.1"]), BOTH).await,
        Backend::named("good").await,
    );
    let documents = secured(&broken, &authority, |transport| {
        transport.root_cas = vec![secret_id("missing")];
    });
    let documents = documents
        .service("good", &[good.address])
        .weighted("both", &[("main", 1), ("good", 1)])
        .route("/", "both");
    let fixture = Fixture::start(&documents).await;
    for _ in 0..4 {
        assert_eq!(fixture.get("/").await.text(), "good");
    }
}

#[tokio::test]
async fn versions_and_suites_are_as_wanted() {
    let authority = Authority::new();
    let backend = backend(&authority.sign(&["127.0.0.1"]), BOTH).await;
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let documents = secured(&backend, &authority, |transport| {
            transport.min_version = Some(version);
            transport.max_version = Some(version);
            transport.cipher_suites = vec!["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256".to_owned()];
        });
        assert_eq!(status(&documents).await, 200, "{version:?}");
    }
}

#[tokio::test]
async fn a_new_authority_takes_effect_with_the_next_connection() {
    let (authority, other) = (Authority::new(), Authority::new());
    let backend = backend(&authority.sign(&["127.0.0.1"]), BOTH).await;
    let fixture = Fixture::start(&secured(&backend, &other, |_| {})).await;
    assert_eq!(fixture.get("/").await.status, 500);
    let mended = secured(&backend, &authority, |_| {}).secret("unused", other.root());
    fixture.publish(&mended).await;
    assert_eq!(fixture.get("/").await.status, 200);
}

#[tokio::test]
async fn plaintext_where_tls_is_wanted_is_500() {
    let authority = Authority::new();
    let plain = Backend::named("plain").await;
    assert_eq!(status(&secured(&plain, &authority, |_| {})).await, 500);
    let closing = RawBackend::start(|_| async {}).await;
    let documents = Documents::default()
        .service_with("main", &[closing.address], https)
        .route("/", "main");
    assert_eq!(status(&documents).await, 502);
}
