//! The end of a proxy.

use std::time::Duration;

use tokio::net::TcpStream;

use crate::support::{
    Backend, Documents, Fixture, RawBackend,
    http2::{Http2, get, read},
    until,
};

use super::{SHORT, over_tls, secured};

/// How a stream ends that the other side has not looked at.
const REFUSED: &str = "GoAway(b\"\", NO_ERROR, Remote)";

#[tokio::test]
async fn nothing_is_lost_while_a_proxy_drains_under_load() {
    let backend = Backend::named("ok").await;
    let (fixture, authority) = secured(backend.address, |options| {
        options.drain_delay = SHORT;
        options.grace_period = Duration::from_mins(1);
    })
    .await;
    let mut idle = over_tls(&fixture, &authority).await;
    assert_eq!(idle.get("/").await.status, 200);
    let mut loads = Vec::new();
    for _ in 0..4 {
        let client = over_tls(&fixture, &authority).await;
        for _ in 0..8 {
            let mut client = client.clone();
            loads.push(tokio::spawn(async move {
                let mut served = 0;
                while client.sender.ready().await.is_ok() {
                    match client.sender.try_send_request(get("/")).await {
                        Ok(response) => {
                            let answer = read(response).await.unwrap();
                            assert_eq!((answer.status, answer.text()), (200, "ok"));
                            served += 1;
                        }
                        // after GOAWAY, what was not sent comes back; of what this client sends all the same (others do not,
                        // see RFC 9113, section 6.8), the last GOAWAY says that nobody has looked at it
                        Err(mut error) => {
                            let unseen = format!("{:?}", error.error()).contains(REFUSED);
                            assert!(error.take_message().is_some() || unseen, "{:?}", error.error());
                        }
                    }
                }
                served
            }));
        }
    }
    let served = fixture.drain_under(&backend, loads).await;
    assert_eq!(
        served + 1,
        backend.count(),
        "the idle one's, and all that was answered"
    );
    assert!(idle.is_closed().await);
    fixture.ended().await;
}

#[tokio::test]
async fn a_request_under_way_is_finished_while_a_proxy_drains() {
    let (slow, go) = RawBackend::slow().await;
    let fixture = Fixture::with(&Documents::one(slow.address), |options| {
        options.grace_period = Duration::from_mins(1);
    })
    .await;
    let client = Http2::connect(fixture.web).await;
    let asking = tokio::spawn({
        let mut client = client.clone();
        async move { client.get("/").await }
    });
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
    fixture.running.stopper().drain();
    until("listeners to be closed", async || {
        TcpStream::connect(fixture.web).await.is_err()
    })
    .await;
    // longer than a connection without a request stays
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    go.send(()).unwrap();
    assert_eq!(asking.await.unwrap().text(), "slow");
    fixture.ended().await;
}
