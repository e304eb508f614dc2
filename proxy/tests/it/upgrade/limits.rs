//! How long it may last.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};
use weir_proxy::access_log::Format;

use crate::support::{Client, Documents, Fixture, Logged, RawBackend, until};

use super::{AGREE, ASK, UPGRADED, agreed, echo, exact, head};

/// A proxy where unused connections end soon, and a client of a conversation whose upstream has said all; what that hears
/// from then on comes here.
async fn half(idle: Duration) -> (Fixture, RawBackend, Client, mpsc::UnboundedReceiver<Vec<u8>>) {
    let (tell, told) = mpsc::unbounded_channel();
    let backend = RawBackend::start(move |mut stream| {
        let tell = tell.clone();
        async move {
            head(&mut stream).await;
            stream.write_all(AGREE.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut all = Vec::new();
            // an error is an end as well
            let _ = stream.read_to_end(&mut all).await;
            tell.send(all).unwrap();
        }
    })
    .await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.limits.idle_timeout = idle;
    })
    .await;
    let mut client = fixture.client().await;
    assert_eq!(client.ask(ASK).await.status, 101);
    assert!(client.is_closed().await);
    (fixture, backend, client, told)
}

const IDLE: &str = r#"weir_connections_closed_total{reason="idle"}"#;

#[tokio::test]
async fn half_a_conversation_that_falls_silent_does_not_stay_for_ever() {
    let (fixture, _backend, _client, mut told) = half(Duration::from_millis(200)).await;
    let heard = timeout(Duration::from_secs(20), told.recv()).await;
    assert_eq!(heard.unwrap().unwrap(), b"");
    fixture.metric_becomes(IDLE, 1.0).await;
    fixture.metric_becomes("weir_connections", 0.0).await;
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
}

#[tokio::test]
async fn half_a_conversation_goes_on_as_long_as_something_is_said() {
    let (fixture, _backend, mut client, mut told) = half(Duration::from_secs(1)).await;
    for _ in 0..15 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.send("x").await;
    }
    client.stream.shutdown().await.unwrap();
    let heard = timeout(Duration::from_secs(20), told.recv()).await;
    assert_eq!(heard.unwrap().unwrap(), [b'x'; 15]);
    assert_eq!(fixture.metric(IDLE).await.to_bits(), 0);
}

#[tokio::test]
async fn silence_is_no_reason_to_end() {
    let backend = echo().await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        let limits = &mut options.limits;
        for timeout in [
            &mut limits.head_timeout,
            &mut limits.body_timeout,
            &mut limits.write_timeout,
            &mut limits.idle_timeout,
            &mut limits.park_after,
        ] {
            *timeout = Duration::from_millis(50);
        }
    })
    .await;
    let mut client = fixture.client().await;
    assert_eq!(client.ask(ASK).await.status, 101);
    fixture.metric_becomes(UPGRADED, 1.0).await;
    // a second connection shows that time enough has passed
    for _ in 0..3 {
        let mut other = fixture.client().await;
        other.send("GET").await;
        assert!(other.is_closed().await);
    }
    client.send("still there").await;
    exact(&mut client.stream, b"still there").await;
    assert_eq!(fixture.metric("weir_connections_parked").await.to_bits(), 0);
}

#[tokio::test]
async fn connections_count_as_long_as_they_last() {
    let backend = echo().await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.threads = 1;
        options.limits.max_connections = 1;
    })
    .await;
    let mut client = fixture.client().await;
    assert_eq!(client.ask(ASK).await.status, 101);
    // another one waits until it ends
    let mut waiting = fixture.client().await;
    waiting.send(ASK).await;
    fixture
        .metric_becomes(r#"weir_accept_pauses_total{reason="limit"}"#, 2.0)
        .await;
    client.send("x").await;
    exact(&mut client.stream, b"x").await;
    drop(client);
    assert_eq!(waiting.response().await.status, 101);
}

#[tokio::test]
async fn a_drain_lets_them_go_on_until_they_end() {
    let backend = echo().await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.grace_period = Duration::from_mins(1);
    })
    .await;
    let mut client = agreed(fixture.web).await;
    fixture.running.stopper().drain();
    until("listeners to be closed", async || {
        TcpStream::connect(fixture.web).await.is_err()
    })
    .await;
    client.send("on").await;
    exact(&mut client.stream, b"on").await;
    drop(client);
    fixture.ended().await;
}

#[tokio::test]
async fn the_end_of_the_grace_period_ends_them_and_they_are_logged() {
    let backend = echo().await;
    let logged = Logged::new();
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        options.grace_period = Duration::from_millis(300);
        logged.log(options, Format::Json);
    })
    .await;
    let mut client = agreed(fixture.web).await;
    fixture.running.stopper().drain();
    assert!(client.is_closed().await);
    fixture.ended().await;
    assert_eq!(logged.objects(1).await[0]["DownstreamStatus"], 101);
}
