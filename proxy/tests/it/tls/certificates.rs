//! Which certificate is shown.

use crate::support::{Authority, Backend, Client, Documents, Fixture, anybody, secure};

use super::{Certifying, HOST, client, is_default, own, shown};

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
