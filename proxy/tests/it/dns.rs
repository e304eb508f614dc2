//! Endpoints that are names: `ExternalName` services.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Answer, Dns, Documents, Fixture, RawBackend, until};

const NAME: &str = "db.example.com";

/// Says its name, and takes one request for each connection.
async fn once(address: SocketAddr, text: &'static str) -> RawBackend {
    RawBackend::at(address, move |mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let length = text.len();
        let answer =
            format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{text}");
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await
}

/// Two servers with one port, at 127.0.0.1 and 127.0.0.2.
async fn two() -> (RawBackend, RawBackend) {
    let first = once("127.0.0.1:0".parse().unwrap(), "first").await;
    let second = SocketAddr::new(ip("127.0.0.2"), first.address.port());
    (first, once(second, "second").await)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn addresses(ttl: u32, all: &[&str]) -> Answer {
    Answer::Addresses(ttl, all.iter().map(|text| ip(text)).collect())
}

/// A proxy of one thread, so that all requests use one cache.
async fn proxy(dns: &Dns, documents: &Documents) -> Fixture {
    Fixture::with(documents, |options| {
        options.dns_servers = vec![dns.address];
        options.threads = 1;
    })
    .await
}

fn documents(port: u16) -> Documents {
    let never = SocketAddr::from(([127, 0, 0, 1], 1));
    Documents::one(never).address("main", &format!("{NAME}:{port}"))
}

#[tokio::test]
async fn addresses_are_kept_as_long_as_dns_says() {
    let dns = Dns::start().await;
    let (first, _second) = two().await;
    dns.set(NAME, addresses(1, &["127.0.0.1"]));
    let fixture = proxy(&dns, &documents(first.address.port())).await;
    for _ in 0..5 {
        assert_eq!(fixture.get("/").await.text(), "first");
    }
    assert!(dns.asked(NAME) <= 2, "asked {} times", dns.asked(NAME));
    dns.set(NAME, addresses(3600, &["127.0.0.2"]));
    until("the new address to be used", async || {
        fixture.get("/").await.text() == "second"
    })
    .await;
    let asked = dns.asked(NAME);
    for _ in 0..20 {
        assert_eq!(fixture.get("/").await.text(), "second");
    }
    assert_eq!(dns.asked(NAME), asked);
}

#[tokio::test]
async fn a_dns_server_that_fails_takes_no_address_away() {
    let dns = Dns::start().await;
    let (first, _second) = two().await;
    dns.set(NAME, addresses(0, &["127.0.0.1"]));
    let fixture = proxy(&dns, &documents(first.address.port())).await;
    assert_eq!(fixture.get("/").await.text(), "first");
    dns.set(NAME, Answer::Failure);
    for _ in 0..3 {
        assert_eq!(fixture.get("/").await.text(), "first");
    }
    dns.set(NAME, addresses(0, &["127.0.0.2"]));
    assert_eq!(fixture.get("/").await.text(), "second");
}

#[tokio::test]
async fn a_name_that_comes_to_exist_is_found_soon() {
    let dns = Dns::start().await;
    let (first, _second) = two().await;
    let fixture = proxy(&dns, &documents(first.address.port())).await;
    assert_eq!(fixture.get("/").await.status, 502);
    dns.set(NAME, addresses(60, &["127.0.0.1"]));
    until("the name to be found", async || {
        fixture.get("/").await.text() == "first"
    })
    .await;
}

#[tokio::test]
async fn of_several_addresses_one_that_answers_is_used() {
    let dns = Dns::start().await;
    let (first, _second) = two().await;
    dns.set(NAME, addresses(60, &["127.0.0.3", "127.0.0.4", "127.0.0.1"]));
    let fixture = proxy(&dns, &documents(first.address.port())).await;
    assert_eq!(fixture.get("/").await.text(), "first");
}

#[tokio::test]
async fn ipv6_is_spoken() {
    let dns = Dns::start().await;
    let six = once("[::1]:0".parse().unwrap(), "six").await;
    dns.set(NAME, addresses(60, &["::1"]));
    let fixture = proxy(&dns, &documents(six.address.port())).await;
    assert_eq!(fixture.get("/").await.text(), "six");
}

#[tokio::test]
async fn a_silent_dns_server_holds_up_nobody_else() {
    let dns = Dns::start().await;
    let (first, _second) = two().await;
    dns.set(NAME, Answer::Silence);
    let documents = documents(first.address.port())
        .service("other", &[first.address])
        .route("/other", "other");
    let fixture = proxy(&dns, &documents).await;
    let mut waiting = fixture.client().await;
    waiting.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    until("the name to be asked for", async || dns.asked(NAME) > 0).await;
    let answer = tokio::time::timeout(Duration::from_secs(2), fixture.get("/other")).await;
    assert_eq!(answer.unwrap().text(), "first");
}
