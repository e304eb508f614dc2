//! Routes that lead back to the proxy.

use std::net::SocketAddr;

use crate::support::{Backend, Documents, Fixture, Received};

/// A proxy whose only endpoint is itself, on a port that was free a moment ago.
async fn looping(options: &str) -> (Fixture, SocketAddr) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let fixture = Fixture::with(&Documents::one(address), |all| {
        all.entry_points = vec![format!("web={address}{options}").parse().unwrap()];
    })
    .await;
    (fixture, address)
}

#[tokio::test]
async fn a_request_that_comes_round_again_is_ended() {
    for options in ["", ",forwardedHeaders.insecure"] {
        let (fixture, _) = looping(options).await;
        let response = fixture.get("/").await;
        assert_eq!((response.status, response.text()), (508, "Loop Detected"));
        // the passes before the last one had an answer, which was this one
        fixture
            .metric_becomes("weir_failures_total{reason=\"loop\"}", 1.0)
            .await;
        let answers = "weir_responses_total{entrypoint=\"web\",code=\"5xx\"}";
        fixture.metric_becomes(answers, 12.0).await;
        // with a body, and over and over
        for round in 0..3 {
            let response = fixture.client().await.post("/", b"body").await;
            assert_eq!(response.status, 508, "{round}");
        }
    }
}

/// What arrives of a request with such headers.
async fn received(headers: &str) -> (u16, Option<Received>) {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
    let status = fixture.client().await.ask(request).await.status;
    (status, backend.received().pop())
}

#[tokio::test]
async fn a_clients_own_request_shows_no_trace_of_it() {
    let (status, request) = received("").await;
    assert_eq!((status, request.unwrap().header("cdn-loop")), (200, None));
}

#[tokio::test]
async fn proxies_in_a_row_are_no_loop() {
    let passed = "X-Forwarded-Server: other\r\nCDN-Loop: other; v=1, weir\r\n";
    let (status, request) = received(passed).await;
    assert_eq!(status, 200);
    let request = request.unwrap();
    let lines: Vec<_> = request.headers.get_all("cdn-loop").iter().collect();
    assert_eq!(lines, ["other; v=1, weir", "weir"]);
    let often = format!(
        "X-Forwarded-Server: other\r\nCDN-Loop: {}weir\r\n",
        "weir, ".repeat(9)
    );
    let (status, request) = received(&often).await;
    assert!(status == 508 && request.is_none());
}
