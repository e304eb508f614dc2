//! What entry points do before a request is looked at: redirect, find out who is behind a load balancer, and whom to
//! believe.

use std::{net::SocketAddr, time::Duration};

use weir_model::rule::Matcher;

use crate::support::{Authority, Backend, Client, Documents, Fixture, Received, Response, http2, secure};

const SHORT: Duration = Duration::from_millis(100);

/// A proxy whose entry point `web` has further options.
async fn with(options: &str, documents: &Documents) -> Fixture {
    Fixture::with(documents, |all| {
        all.entry_points = vec![format!("web=127.0.0.1:0{options}").parse().unwrap()];
    })
    .await
}

/// One that redirects to `websecure`, which has TLS and a public port.
async fn redirecting(options: &str, port: u16, documents: &Documents) -> Fixture {
    let to = format!("web=127.0.0.1:0,public=80,http.redirections.entryPoint.to=websecure{options}");
    let secure = format!("websecure=127.0.0.1:0,tls,public={port}");
    Fixture::with(documents, |all| {
        all.entry_points = vec![to.parse().unwrap(), secure.parse().unwrap()];
    })
    .await
}

async fn ask(fixture: &Fixture, method: &str, target: &str, host: &str) -> Response {
    let mut client = fixture.client().await;
    client
        .send(format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"
        ))
        .await;
    client.try_response(method != "HEAD").await.unwrap()
}

fn leads(response: &Response) -> (u16, &str) {
    (response.status, response.header("location").unwrap_or_default())
}

#[tokio::test]
async fn a_redirection_sends_to_the_public_port_of_the_other_entry_point() {
    let backend = Backend::named("ok").await;
    let fixture = redirecting("", 443, &Documents::one(backend.address)).await;
    for (target, host, location) in [
        ("/a/b?c=d&e", "shop.example", "https://shop.example/a/b?c=d&e"),
        ("/", "shop.example:80", "https://shop.example/"),
        ("/", "shop.example:8080", "https://shop.example/"),
        ("/", "[2001:db8::1]:80", "https://[2001:db8::1]/"),
        (
            "//evil.example/%2e%2e/x",
            "shop.example",
            "https://shop.example/x",
        ),
        ("http://real.example/x", "other.example", "https://real.example/x"),
        (
            "http://user:secret@real.example/x",
            "other.example",
            "https://real.example/x",
        ),
    ] {
        let response = ask(&fixture, "GET", target, host).await;
        assert_eq!(leads(&response), (301, location), "{target} {host}");
        assert_eq!(response.text(), "Moved Permanently");
    }
    // which asks the server, not for a path
    let response = ask(&fixture, "OPTIONS", "*", "shop.example").await;
    assert_eq!(leads(&response), (308, "https://shop.example"));
    let fixture = redirecting("", 8443, &Documents::one(backend.address)).await;
    let response = ask(&fixture, "GET", "/x", "shop.example:80").await;
    assert_eq!(leads(&response), (301, "https://shop.example:8443/x"));
    assert_eq!(backend.count(), 0);
}

#[tokio::test]
async fn a_redirection_says_whether_it_may_be_remembered_and_repeats_what_is_no_get() {
    let backend = Backend::named("ok").await;
    let documents = Documents::one(backend.address);
    for (options, get, other) in [
        ("", 301, 308),
        (",http.redirections.entryPoint.permanent=false", 302, 307),
    ] {
        let fixture = redirecting(options, 443, &documents).await;
        assert_eq!(ask(&fixture, "GET", "/", "a").await.status, get);
        for method in ["POST", "PUT", "HEAD", "DELETE"] {
            assert_eq!(ask(&fixture, method, "/", "a").await.status, other, "{method}");
        }
        let answer = http2::Http2::connect(fixture.web).await.get("/x").await;
        assert_eq!(
            (answer.status, answer.headers["location"].as_bytes()),
            (get, &b"https://test.example/x"[..])
        );
    }
}

#[tokio::test]
async fn a_redirection_may_lead_to_a_port_and_another_scheme() {
    let backend = Backend::named("ok").await;
    let documents = Documents::one(backend.address);
    let options = ",http.redirections.entryPoint.to=:8080,http.redirections.entryPoint.scheme=http";
    let fixture = with(options, &documents).await;
    assert_eq!(
        leads(&ask(&fixture, "GET", "/", "a").await),
        (301, "http://a:8080/")
    );
}

#[tokio::test]
async fn an_entry_point_that_redirects_serves_nothing() {
    let backend = Backend::named("ok").await;
    let fixture = redirecting("", 443, &Documents::one(backend.address)).await;
    // nowhere to send to
    let mut client = fixture.client().await;
    assert_eq!(client.ask("GET / HTTP/1.0\r\n\r\n").await.status, 404);
    // who says so is not believed
    let mut client = fixture.client().await;
    let claim = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n\r\n";
    assert_eq!(client.ask(claim).await.status, 301);
    assert_eq!(
        client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.status,
        301,
        "it goes on"
    );
    assert_eq!(backend.count(), 0);
}

#[tokio::test]
async fn who_comes_by_tls_through_a_trusted_forwarder_is_not_sent_around() {
    let backend = Backend::named("ok").await;
    let documents = Documents::one(backend.address);
    let fixture = redirecting(",forwardedHeaders.trustedIPs=127.0.0.0/8", 443, &documents).await;
    let with = |proto| format!("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: {proto}\r\n\r\n");
    let mut client = fixture.client().await;
    for (proto, status) in [
        ("https", 200),
        ("HTTPS", 200),
        ("wss", 200),
        ("http", 301),
        ("odd", 301),
    ] {
        assert_eq!(client.ask(with(proto)).await.status, status, "{proto}");
    }
}

/// A PROXY protocol header in its binary form, for a client.
fn binary(source: &str, more: &[u8]) -> Vec<u8> {
    let source: SocketAddr = source.parse().unwrap();
    let (family, addresses) = match source.ip() {
        std::net::IpAddr::V4(ip) => (0x11, [&ip.octets()[..], &[127, 0, 0, 1]].concat()),
        std::net::IpAddr::V6(ip) => (0x21, [&ip.octets()[..], &[0; 16]].concat()),
    };
    let ports = [source.port().to_be_bytes(), 80_u16.to_be_bytes()].concat();
    v2(0x21, family, &[&addresses, &ports, more].concat())
}

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, rest].concat()
}

/// Who the upstream is told has asked, after some first bytes.
async fn asker(fixture: &Fixture, backend: &Backend, first: &[u8]) -> Option<String> {
    let mut client = fixture.client().await;
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send([first, request].concat()).await;
    let response = client.try_response(true).await?;
    assert_eq!(response.status, 200);
    assert_eq!(client.get("/").await.status, 200, "once a connection");
    let received = backend.received().pop().unwrap();
    assert_eq!(received.header("x-real-ip"), received.header("x-forwarded-for"));
    received.header("x-real-ip").map(str::to_owned)
}

#[tokio::test]
async fn a_trusted_load_balancer_tells_whose_connection_it_passes_on() {
    let backend = Backend::named("ok").await;
    let documents = Documents::one(backend.address);
    for options in [
        ",proxyProtocol.trustedIPs=192.0.2.0/24,127.0.0.1",
        ",proxyProtocol.insecure",
    ] {
        let fixture = with(options, &documents).await;
        for (header, source) in [
            (
                b"PROXY TCP4 203.0.113.7 127.0.0.1 40000 80\r\n".to_vec(),
                "203.0.113.7",
            ),
            (b"PROXY TCP6 2001:db8::7 ::1 40000 80\r\n".to_vec(), "2001:db8::7"),
            (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
            (binary("203.0.113.7:1", &[]), "203.0.113.7"),
            (binary("[2001:db8::7]:1", &[]), "2001:db8::7"),
            (binary("203.0.113.7:1", &[0x20; 3_000]), "203.0.113.7"),
            (binary("[::ffff:203.0.113.7]:1", &[]), "203.0.113.7"),
            (v2(0x20, 0, &[]), "127.0.0.1"),
            (v2(0x20, 0x11, &[1; 12]), "127.0.0.1"),
            (v2(0x21, 0, &[9; 40]), "127.0.0.1"),
            (v2(0x21, 0x31, &[9; 216]), "127.0.0.1"),
            (Vec::new(), "127.0.0.1"),
        ] {
            let asker = asker(&fixture, &backend, &header).await;
            assert_eq!(asker.as_deref(), Some(source), "{}", header.escape_ascii());
        }
        fixture.metric_becomes("weir_connections", 0.0).await;
    }
}

#[tokio::test]
async fn anybody_else_is_who_connects() {
    let backend = Backend::named("ok").await;
    let documents = Documents::one(backend.address);
    let line = b"PROXY TCP4 203.0.113.7 127.0.0.1 40000 80\r\n";
    // as in Traefik, the header is taken off
    let fixture = with(",proxyProtocol.trustedIPs=192.0.2.0/24", &documents).await;
    for header in [&line[..], &binary("203.0.113.7:1", &[1; 300])] {
        assert_eq!(
            asker(&fixture, &backend, header).await.as_deref(),
            Some("127.0.0.1")
        );
    }
    // where nobody asked for the protocol, it is no HTTP
    let fixture = with("", &documents).await;
    let mut client = fixture.client().await;
    client.send(line).await;
    assert_eq!(client.response().await.status, 400);
}

#[tokio::test]
async fn a_header_may_come_in_pieces_and_http_that_begins_alike_is_none() {
    let backend = Backend::start(|request| crate::support::answer(request.method.clone())).await;
    let fixture = with(
        ",proxyProtocol.trustedIPs=127.0.0.1",
        &Documents::one(backend.address),
    )
    .await;
    let line = b"PROXY TCP4 203.0.113.7 127.0.0.1 40000 80\r\n".to_vec();
    for header in [line, binary("203.0.113.7:1", &[1; 20])] {
        let request = [&header[..], b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        let mut client = fixture.client().await;
        for piece in request.chunks(9) {
            client.send(piece).await;
            tokio::time::sleep(SHORT / 20).await;
        }
        assert_eq!(client.response().await.status, 200);
        let received = backend.received().pop().unwrap();
        assert_eq!(received.header("x-forwarded-for"), Some("203.0.113.7"));
    }
    for (first, rest) in [("P", "UT"), ("PRO", "PFIND"), ("PROX", "IES"), ("PATCH", "")] {
        let mut client = fixture.client().await;
        client.send(first).await;
        tokio::time::sleep(SHORT / 5).await;
        let response = client.ask(format!("{rest} / HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!(response.text(), format!("{first}{rest}"));
    }
    // HTTP/2, whose first bytes are alike as well, before and after a header
    let mut client = http2::Http2::connect(fixture.web).await;
    assert_eq!(client.get("/").await.text(), "GET");
    let mut client = fixture.client().await;
    client.send("P").await;
    tokio::time::sleep(SHORT / 5).await;
    client.send("R").await;
    tokio::time::sleep(SHORT / 5).await;
    client
        .send("I * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await;
    let mut frame = [0; 9];
    tokio::io::AsyncReadExt::read_exact(&mut client.stream, &mut frame)
        .await
        .unwrap();
    assert_eq!(frame[3], 4, "SETTINGS");
}

#[tokio::test]
async fn a_header_that_breaks_the_rules_or_does_not_come_to_its_end_ends_the_connection() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::with(&Documents::one(backend.address), |all| {
        all.entry_points = vec!["web=127.0.0.1:0,proxyProtocol.insecure".parse().unwrap()];
        all.limits.head_timeout = SHORT;
    })
    .await;
    let long = format!("PROXY UNKNOWN {}", "x".repeat(200));
    for header in [
        &b"PROXY TCP4 a b 1 2\r\n"[..],
        long.as_bytes(),
        &v2(0x31, 0x11, &[0; 12]),
    ] {
        let mut client = fixture.client().await;
        client.send(header).await;
        assert!(client.is_closed().await, "{}", header.escape_ascii());
    }
    let closed = |reason| format!("weir_connections_closed_total{{reason=\"{reason}\"}}");
    fixture.metric_becomes(&closed("proxy_header"), 3.0).await;
    let whole = binary("203.0.113.7:1", &[1; 100]);
    for header in [&b""[..], b"PROXY TCP4 203", &whole[..14], &whole[..40]] {
        let mut client = fixture.client().await;
        client.send(header).await;
        assert!(client.is_closed().await, "{}", header.escape_ascii());
    }
    fixture.metric_becomes(&closed("head_timeout"), 4.0).await;
    assert_eq!(backend.count(), 0);
    fixture.metric_becomes("weir_connections", 0.0).await;
}

#[tokio::test]
async fn a_header_comes_before_tls_and_http2() {
    let backend = Backend::named("ok").await;
    let authority = Authority::new();
    let documents = Documents::one(backend.address)
        .secret("own", authority.sign(&["a.example"]).entry())
        .tls("/", Some("own"));
    let fixture = with(",tls,proxyProtocol.trustedIPs=127.0.0.1", &documents).await;
    for (offered, header) in [
        ("http/1.1", &b"PROXY TCP4 203.0.113.7 127.0.0.1 40000 80\r\n"[..]),
        ("http/1.1", &binary("203.0.113.7:1", &[])),
        ("http/1.1", b""),
        ("h2", &binary("203.0.113.7:1", &[])),
    ] {
        let mut stream = tokio::net::TcpStream::connect(fixture.web).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, header)
            .await
            .unwrap();
        let name = rustls::pki_types::ServerName::try_from("a.example").unwrap();
        let connector = tokio_rustls::TlsConnector::from(authority.client(&[offered]));
        let stream = connector.connect(name, stream).await.unwrap();
        if offered == "h2" {
            assert_eq!(http2::Http2::over(stream).await.get("/").await.status, 200);
        } else {
            assert_eq!(Client::over(stream).get("/").await.status, 200);
        }
        let source = if header.is_empty() {
            "127.0.0.1"
        } else {
            "203.0.113.7"
        };
        let received = backend.received().pop().unwrap();
        assert_eq!(received.header("x-forwarded-for"), Some(source));
    }
    assert!(
        secure(fixture.web, "a.example", &authority.client(&[]))
            .await
            .is_ok()
    );
    // neither one nor the other
    let mut client = fixture.client().await;
    client.send("PROPFIND / HTTP/1.1\r\n\r\n").await;
    assert!(
        client
            .try_response(true)
            .await
            .is_none_or(|response| response.status == 400)
    );
}

#[tokio::test]
async fn rules_and_trust_see_who_is_behind_the_load_balancer() {
    let [inside, outside] = [Backend::named("inside").await, Backend::named("outside").await];
    let mut documents = Documents::default()
        .service("inside", &[inside.address])
        .service("outside", &[outside.address])
        .route("/", "outside")
        .route("/inside", "inside");
    let route = documents
        .config
        .routes
        .values_mut()
        .find(|route| route.matcher == Matcher::path_prefix("/inside").unwrap())
        .unwrap();
    route.matcher = Matcher::client_ip("203.0.113.0/24").unwrap();
    route.priority = 1_000;
    let fixture = with(
        ",proxyProtocol.trustedIPs=127.0.0.1,forwardedHeaders.trustedIPs=203.0.113.0/24",
        &documents,
    )
    .await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n";
    for (source, served, told) in [
        ("203.0.113.7", "inside", "198.51.100.1, 203.0.113.7"),
        ("192.0.2.1", "outside", "192.0.2.1"),
    ] {
        let mut client = fixture.client().await;
        client
            .send(format!("PROXY TCP4 {source} 127.0.0.1 40000 80\r\n"))
            .await;
        assert_eq!(client.ask(request).await.text(), served);
        let backend = if served == "inside" { &inside } else { &outside };
        assert_eq!(
            backend.received().pop().unwrap().header("x-forwarded-for"),
            Some(told)
        );
    }
    // X-Forwarded-For alone moves nobody to another route
    assert_eq!(fixture.client().await.ask(request).await.text(), "outside");
}

/// What arrives of a request of a client that is trusted.
async fn from_trusted(options: &str, head: &str) -> Received {
    let backend = Backend::named("ok").await;
    let fixture = with(options, &Documents::one(backend.address)).await;
    let response = fixture.client().await.ask(head.replace('\n', "\r\n")).await;
    assert_eq!(response.status, 200);
    backend.received().remove(0)
}

#[tokio::test]
async fn a_trusted_forwarders_claims_are_kept_and_completed() {
    let claims = "GET / HTTP/1.1\nHost: a\nX-Forwarded-For: 198.51.100.1\nX-Forwarded-For: 198.51.100.2, 10.0.0.1\n\
        X-Forwarded-Proto: https\nX-Forwarded-Host: shop.example\nX-Forwarded-Port: 8443\nX-Forwarded-Server: lb\n\
        X-Real-Ip: 198.51.100.1\nX-Forwarded-Prefix: /shop\nX_Forwarded_Custom: x\n\
        Connection: X-Forwarded-For, x-forwarded-proto, X-Real-IP, X-Other\nX-Other: 1\n\n";
    for options in [
        ",forwardedHeaders.trustedIPs=10.0.0.0/8,127.0.0.0/8",
        ",forwardedHeaders.insecure",
    ] {
        let received = from_trusted(options, claims).await;
        for (name, value) in [
            (
                "x-forwarded-for",
                Some("198.51.100.1, 198.51.100.2, 10.0.0.1, 127.0.0.1"),
            ),
            ("x-forwarded-proto", Some("https")),
            ("x-forwarded-host", Some("shop.example")),
            ("x-forwarded-port", Some("8443")),
            ("x-real-ip", Some("198.51.100.1")),
            ("x-forwarded-prefix", Some("/shop")),
            ("x-other", None),
        ] {
            assert_eq!(received.header(name), value, "{name}");
            assert!(received.headers.get_all(name).iter().count() <= 1, "{name}");
        }
        assert_ne!(
            received.header("x-forwarded-server"),
            Some("lb"),
            "always this host's"
        );
    }
    // nobody who is not trusted
    let received = from_trusted(",forwardedHeaders.trustedIPs=10.0.0.0/8", claims).await;
    assert_eq!(received.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(received.header("x-forwarded-prefix"), None);
}

#[tokio::test]
async fn what_a_trusted_forwarder_does_not_say_is_said_for_it() {
    let options = ",public=80,forwardedHeaders.insecure";
    let received = from_trusted(options, "GET / HTTP/1.1\nHost: a\n\n").await;
    let forwarded = |received: &Received| {
        ["for", "proto", "host", "port"].map(|name| {
            let value = received.header(&format!("x-forwarded-{name}"));
            value.unwrap_or_default().to_owned()
        })
    };
    assert_eq!(forwarded(&received), ["127.0.0.1", "http", "a", "80"]);
    assert_eq!(received.header("x-real-ip"), Some("127.0.0.1"));
    // the port fits the scheme
    let request = "GET / HTTP/1.1\nHost: a\nX-Forwarded-Proto: https\nX-Real-Ip:\n\n";
    let received = from_trusted(options, request).await;
    assert_eq!(forwarded(&received), ["127.0.0.1", "https", "a", "443"]);
    assert_eq!(received.header("x-real-ip"), Some("127.0.0.1"));
    let request = "GET / HTTP/1.1\nHost: a:8443\nX-Forwarded-Proto: https\n\n";
    assert_eq!(forwarded(&from_trusted(options, request).await)[3], "8443");
}
