//! What headers say on either side of the proxy.

use http::HeaderValue;

use crate::support::{Backend, Documents, Fixture, Received, answer};

async fn received(request: &str) -> Received {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let response = fixture.client().await.ask(request.replace('\n', "\r\n")).await;
    assert_eq!(response.status, 200);
    backend.received().remove(0)
}

#[tokio::test]
async fn the_upstream_learns_who_asked_and_how() {
    let request = received("GET / HTTP/1.1\nHost: shop.example\n\n").await;
    assert_eq!(request.header("host"), Some("shop.example"));
    assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.header("x-real-ip"), Some("127.0.0.1"));
    assert_eq!(request.header("x-forwarded-proto"), Some("http"));
    assert_eq!(request.header("x-forwarded-host"), Some("shop.example"));
    assert!(
        request
            .header("x-forwarded-server")
            .is_some_and(|name| !name.is_empty())
    );
    assert_eq!(request.header("via"), None);
}

#[tokio::test]
async fn the_forwarded_port_is_the_hosts_else_the_public_one() {
    let request = received("GET / HTTP/1.1\nHost: shop.example:8443\n\n").await;
    assert_eq!(request.header("x-forwarded-port"), Some("8443"));
    assert_eq!(request.header("x-forwarded-host"), Some("shop.example:8443"));

    let backend = Backend::named("ok").await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.entry_points = vec!["web=127.0.0.1:0,public=80".parse().unwrap()];
    })
    .await;
    for host in ["shop.example", "[2001:db8::1]", "shop.example:65536"] {
        fixture
            .client()
            .await
            .ask(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await;
        assert_eq!(
            backend.received().pop().unwrap().header("x-forwarded-port"),
            Some("80"),
            "{host}"
        );
    }
}

#[tokio::test]
async fn a_clients_claims_are_not_believed() {
    let request = received(
        "GET / HTTP/1.1\nHost: a\nX-Forwarded-For: 6.6.6.6\nX_Forwarded_For: 6.6.6.6\nX-Forwarded_Proto: https\n\
         X-Forwarded-Proto: https\nX-Real-Ip: 6.6.6.6\nX-Forwarded-Prefix: /evil\nX-Forwarded-Uri: /evil\n\
         X-Forwarded-Method: PUT\nX-Forwarded-Tls-Client-Cert: evil\nX-Scheme: https\nX-Own: stays\n\
         Forwarded: for=6.6.6.6\n\n",
    )
    .await;
    let forwarding: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with(['x']))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    assert!(
        forwarding
            .iter()
            .all(|line| !line.contains("6.6.6.6") && !line.contains("evil")),
        "{forwarding:?}"
    );
    assert_eq!(request.header("x-forwarded-proto"), Some("http"));
    assert_eq!(request.header("x-scheme"), None);
    assert_eq!(request.header("x-own"), Some("stays"));
    assert_eq!(request.header("forwarded"), Some("for=6.6.6.6"), "as in Traefik");
}

#[tokio::test]
async fn hop_by_hop_headers_end_at_the_proxy() {
    let request = received(
        "GET / HTTP/1.1\nHost: a\nConnection: X-Secret, close, Host, X-Forwarded-For\nX-Secret: 1\nKeep-Alive: 5\n\
         Proxy-Connection: x\nProxy-Authorization: basic\nTE: trailers, deflate\nTrailer: x\nCookie: stays\n\n",
    )
    .await;
    for name in [
        "connection",
        "x-secret",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "trailer",
    ] {
        assert_eq!(request.header(name), None, "{name}");
    }
    assert_eq!(request.header("te"), Some("trailers"));
    assert_eq!(request.header("host"), Some("a"));
    assert_eq!(request.header("cookie"), Some("stays"));
    assert_eq!(
        request.header("x-forwarded-for"),
        Some("127.0.0.1"),
        "what the proxy says cannot be taken away"
    );
}

#[tokio::test]
async fn a_response_loses_its_hop_by_hop_headers_and_nothing_else() {
    let backend = Backend::start(|_| {
        let mut response = answer("ok");
        let headers = response.headers_mut();
        for (name, value) in [
            ("connection", "x-internal"),
            ("x-internal", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-authenticate", "basic"),
            ("upgrade", "h2c"),
            ("server", "backend/1"),
            ("x-powered-by", "tests"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.append("set-cookie", HeaderValue::from_static("a=1"));
        headers.append("set-cookie", HeaderValue::from_static("b=2"));
        response
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let response = fixture.get("/").await;
    for name in [
        "connection",
        "x-internal",
        "keep-alive",
        "proxy-authenticate",
        "upgrade",
        "via",
    ] {
        assert_eq!(response.header(name), None, "{name}");
    }
    assert_eq!(response.header("server"), Some("backend/1"));
    assert_eq!(response.header("x-powered-by"), Some("tests"));
    let cookies = response.headers.iter().filter(|(name, _)| name == "set-cookie");
    assert_eq!(cookies.count(), 2);
}

#[tokio::test]
async fn a_date_is_added_where_there_is_none() {
    let backend = Backend::start(|request| {
        let mut response = answer("ok");
        let date = request.target.trim_start_matches('/');
        if !date.is_empty() {
            response
                .headers_mut()
                .insert("date", HeaderValue::from_str(date).unwrap());
        }
        response
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    assert!(fixture.get("/").await.header("date").is_some());
    assert_eq!(fixture.get("/yesterday").await.header("date"), Some("yesterday"));
}

#[tokio::test]
async fn the_host_is_the_endpoints_where_the_clients_is_not_passed() {
    let backend = Backend::named("ok").await;
    let documents = Documents::default()
        .service_with("main", &[backend.address], |leaf| leaf.pass_host_header = false)
        .route("/", "main");
    let fixture = Fixture::start(&documents).await;
    fixture.get("/").await;
    let request = backend.received().remove(0);
    assert_eq!(request.header("host"), Some(backend.address.to_string().as_str()));
    assert_eq!(request.header("x-forwarded-host"), Some("test.example"));
}

#[tokio::test]
async fn the_host_is_the_endpoints_where_the_client_names_none() {
    for head in ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost:\r\n\r\n"] {
        let backend = Backend::named("ok").await;
        let fixture = Fixture::start(&Documents::one(backend.address)).await;
        assert_eq!(fixture.client().await.ask(head).await.status, 200, "{head}");
        let request = backend.received().remove(0);
        assert_eq!(
            request.header("host"),
            Some(backend.address.to_string().as_str()),
            "{head}"
        );
    }
}

#[tokio::test]
async fn an_absolute_target_gives_the_host() {
    let request = received("GET http://real.example/path?q HTTP/1.1\nHost: other.example\n\n").await;
    assert_eq!(request.header("host"), Some("real.example"));
    assert_eq!(request.target, "/path?q");
}
