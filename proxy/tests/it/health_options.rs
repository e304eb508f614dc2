//! What a health check asks, and what it makes of the answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Response, Version};
use http_body_util::Full;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::Instant,
};
use weir_model::duration::GoDuration;

use crate::support::{
    Backend, Fixture, RawBackend, Received,
    probes::{assert_down, down, of, redirect, service, status, up, verdict},
    refusing, until,
};

#[tokio::test]
async fn all_that_may_be_asked_is_asked() {
    let backend = Backend::named("ok").await;
    let documents = service(backend.address, |check| {
        check.method = "OPTIONS".to_owned();
        check.path = "/a/b?c=d".to_owned();
        check.hostname = Some("health.example".to_owned());
        let headers = [
            ("x-probe", "1"),
            ("Host", "no"),
            ("user-agent", "me"),
            ("content-length", "9"),
        ];
        check.headers = headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    });
    assert_eq!(of(&documents).await, up("status 200"));
    let received = &backend.received()[0];
    assert_eq!(
        (received.method.as_str(), received.target.as_str()),
        ("OPTIONS", "/a/b?c=d")
    );
    let header = |name: &str| received.header(name);
    assert_eq!(header("host"), Some("health.example"));
    assert_eq!((header("x-probe"), header("user-agent")), (Some("1"), Some("me")));
    assert_eq!((header("content-length"), received.body.len()), (None, 0));
}

#[tokio::test]
async fn without_options_the_endpoint_is_asked_for_itself() {
    let backend = Backend::named("ok").await;
    assert_eq!(of(&service(backend.address, |_| {})).await, up("status 200"));
    let received = &backend.received()[0];
    assert_eq!(
        (received.version, received.method.as_str()),
        (Version::HTTP_11, "GET")
    );
    assert_eq!(
        received.header("host"),
        Some(backend.address.to_string().as_str())
    );
}

#[tokio::test]
async fn statuses_from_200_to_399_are_healthy_or_the_one_that_is_wanted() {
    for (answered, wanted, healthy) in [
        (200, None, true),
        (204, None, true),
        (399, None, true),
        (400, None, false),
        (503, None, false),
        (418, Some(418), true),
        (200, Some(418), false),
    ] {
        let backend = Backend::start(move |_| status(answered)).await;
        let documents = service(backend.address, |check| check.status = wanted);
        let said = format!("status {answered}");
        let expected = if healthy { up(&said) } else { down(&said) };
        assert_eq!(of(&documents).await, expected, "{wanted:?}");
    }
}

#[tokio::test]
async fn another_port_may_be_asked() {
    let (serving, probed) = (Backend::named("ok").await, Backend::start(|_| status(500)).await);
    let documents = service(serving.address, |check| check.port = Some(probed.address.port()));
    let fixture = Fixture::start(&documents).await;
    assert_eq!(verdict(&fixture).await, down("status 500"));
    assert_eq!(
        probed.received()[0].header("host"),
        Some(probed.address.to_string().as_str())
    );
    assert_eq!(serving.count(), 0);
    // it is the endpoint that is down, not the port
    let address = serving.address;
    let name = format!("weir_endpoint_up{{service=\"apps-main@kubernetescrd\",endpoint=\"{address}\"}}");
    fixture.metric_becomes(&name, 0.0).await;
}

fn redirecting(request: &Received) -> Response<Full<Bytes>> {
    match request.target.as_str() {
        "/health" => redirect(302, "next?x"),
        "/next?x" => redirect(307, "/last"),
        "/loop" => redirect(301, "/loop"),
        "/away" => redirect(301, "ftp://a/"),
        "/nowhere" => status(301),
        _ => status(500),
    }
}

#[tokio::test]
async fn redirects_are_followed_or_judged() {
    let backend = Backend::start(redirecting).await;
    let documents = |path: &str, follow: bool| {
        service(backend.address, |check| {
            check.follow_redirects = follow;
            check.method = "POST".to_owned();
            check.hostname = Some("health.example".to_owned());
            check.path = path.to_owned();
            check.unhealthy_interval = GoDuration::from_secs(3_600);
        })
    };
    assert_eq!(of(&documents("/health", true)).await, down("status 500"));
    let asked: Vec<_> = backend
        .received()
        .into_iter()
        .map(|r| (r.method, r.target))
        .collect();
    let expected = [("POST", "/health"), ("GET", "/next?x"), ("GET", "/last")];
    assert_eq!(
        asked,
        expected.map(|(method, target)| (method.to_owned(), target.to_owned()))
    );
    assert!(
        backend
            .received()
            .iter()
            .all(|r| r.header("host") == Some("health.example"))
    );
    assert_eq!(of(&documents("/health", false)).await, up("status 302"));
    assert_eq!(of(&documents("/nowhere", true)).await, up("status 301"));
    assert_down(&of(&documents("/away", true)).await, "redirect: it leads to");
    assert_down(&of(&documents("/loop", true)).await, "redirect: more than 10");
    let looped = backend.received().iter().filter(|r| r.target == "/loop").count();
    assert_eq!(looped, 10);
}

#[tokio::test]
async fn another_host_is_not_shown_what_is_secret() {
    let other = Backend::named("ok").await;
    let url = format!("http://localhost:{}/x", other.address.port());
    let backend = Backend::start(move |_| redirect(308, &url)).await;
    let documents = service(backend.address, |check| {
        check.hostname = Some("health.example".to_owned());
        let headers = [("authorization", "secret"), ("x-probe", "1")];
        check.headers = headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    });
    assert_eq!(of(&documents).await, up("status 200"));
    assert_eq!(backend.received()[0].header("authorization"), Some("secret"));
    let received = &other.received()[0];
    assert_eq!(
        (received.header("authorization"), received.header("x-probe")),
        (None, Some("1"))
    );
    assert_eq!(
        received.header("host"),
        Some(format!("localhost:{}", other.address.port()).as_str())
    );
}

#[tokio::test]
async fn the_reason_says_what_is_wrong() {
    let silent = RawBackend::silent().await;
    let soon = service(silent.address, |check| {
        check.timeout = GoDuration::from_millis(50);
    });
    assert_down(&of(&soon).await, "timeout");
    let closing = RawBackend::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
    })
    .await;
    assert_down(&of(&service(closing.address, |_| {})).await, "no answer: ");
    let other = RawBackend::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n").await;
    })
    .await;
    assert_down(&of(&service(other.address, |_| {})).await, "no answer: ");
    let refused = refusing();
    assert_down(
        &of(&service(refused, |_| {})).await,
        "no connection: Connection refused",
    );
    let nowhere = service(refused, |_| {}).address("main", "nowhere.invalid:80");
    assert_down(&of(&nowhere).await, "the name does not resolve: ");
    let broken = service(refused, |check| check.hostname = Some("no host".to_owned()));
    assert_down(&of(&broken).await, "the check cannot be done: ");
}

#[tokio::test]
async fn the_transports_timeouts_hold_for_probes() {
    let silent = RawBackend::silent().await;
    let documents = service(silent.address, |_| {}).transport("main", |transport| {
        transport.response_header_timeout = GoDuration::from_millis(50);
    });
    assert_eq!(of(&documents).await, down("timeout while waiting for the answer"));
}

#[tokio::test]
async fn a_name_is_looked_up() {
    let backend = Backend::named("ok").await;
    let name = format!("localhost:{}", backend.address.port());
    let documents = service(backend.address, |_| {}).address("main", &name);
    assert_eq!(of(&documents).await, up("status 200"));
    assert_eq!(backend.received()[0].header("host"), Some(name.as_str()));
}

#[tokio::test]
async fn a_body_without_end_is_not_read() {
    let written = Arc::new(AtomicU64::new(0));
    let ended = Arc::new(AtomicUsize::new(0));
    let backend = RawBackend::start({
        let (written, ended) = (written.clone(), ended.clone());
        move |mut stream| {
            let (written, ended) = (written.clone(), ended.clone());
            async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n";
                let mut sent = stream.write_all(head).await;
                while sent.is_ok() {
                    sent = stream.write_all(&vec![b'x'; 65_536]).await;
                    written.fetch_add(65_536, Ordering::Relaxed);
                }
                ended.fetch_add(1, Ordering::Relaxed);
            }
        }
    })
    .await;
    let documents = service(backend.address, |check| {
        check.interval = GoDuration::from_secs(3_600);
    });
    assert_eq!(of(&documents).await, up("status 200"));
    until("the connection to be closed", async || {
        ended.load(Ordering::Relaxed) == 1
    })
    .await;
    // as much as the kernel's buffers hold
    assert!(written.load(Ordering::Relaxed) < 16 << 20, "{written:?}");
}

#[tokio::test]
async fn more_probes_than_may_be_stretch_their_intervals_and_that_is_seen() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::with(
        &service(backend.address, |check| {
            check.interval = GoDuration::from_millis(1);
        }),
        |options| {
            options.limits.health_max_probes_per_second = 20;
        },
    )
    .await;
    let start = Instant::now();
    until("some probes", async || backend.count() >= 10).await;
    assert!(
        start.elapsed() >= Duration::from_millis(300),
        "{:?}",
        start.elapsed()
    );
    assert!(fixture.metric("weir_health_probes_delayed_total").await > 3.0);
    assert!(fixture.metric("weir_health_probe_lag_seconds").await > 0.01);
}
