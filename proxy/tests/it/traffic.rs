//! What passes, counted under Traefik's names.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response};
use http_body_util::Full;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use weir_model::document::Scheme;

use crate::support::{Backend, Client, Documents, Fixture, RawBackend, Speaks, answer, refusing, until};

fn labels(code: u16, method: &str, protocol: &str) -> String {
    format!("code=\"{code}\",method=\"{method}\",protocol=\"{protocol}\"")
}

fn of_service(name: &str, labels: &str, service: &str) -> String {
    format!("traefik_service_{name}{{{labels},service=\"apps-{service}@kubernetescrd\"}}")
}

async fn text(fixture: &Fixture) -> String {
    crate::support::get(fixture.admin, "/metrics")
        .await
        .text()
        .to_owned()
}

fn status(status: u16) -> Response<Full<Bytes>> {
    let mut response = answer("");
    *response.status_mut() = status.try_into().unwrap();
    response
}

#[tokio::test]
async fn requests_are_counted_for_the_service_that_answered_and_for_the_entry_point() {
    let good = Backend::start(|request| answer(request.body.clone())).await;
    let bad = Backend::start(|_| status(503)).await;
    let documents = Documents::default()
        .service("svc1-80", &[good.address])
        .service("svc2-80", &[bad.address])
        .weighted("both", &[("svc1-80", 1), ("svc2-80", 1)])
        .route("/", "both");
    let fixture = Fixture::start(&documents).await;
    let mut client = fixture.client().await;
    for _ in 0..6 {
        client.post("/", b"four").await;
    }
    let (good, bad) = (labels(200, "POST", "http"), labels(503, "POST", "http"));
    for (name, value) in [
        (of_service("requests_total", &good, "svc1-80"), 3.0),
        (of_service("requests_total", &bad, "svc2-80"), 3.0),
        (
            of_service("request_duration_seconds_count", &good, "svc1-80"),
            3.0,
        ),
        (of_service("requests_bytes_total", &good, "svc1-80"), 12.0),
        (of_service("responses_bytes_total", &good, "svc1-80"), 12.0),
        (of_service("responses_bytes_total", &bad, "svc2-80"), 0.0),
        (
            format!("traefik_entrypoint_requests_total{{{good},entrypoint=\"web\"}}"),
            3.0,
        ),
        (
            format!("traefik_entrypoint_requests_bytes_total{{{bad},entrypoint=\"web\"}}"),
            12.0,
        ),
        (
            "traefik_open_connections{entrypoint=\"web\",protocol=\"TCP\"}".into(),
            1.0,
        ),
        ("traefik_config_reloads_total".into(), 1.0),
    ] {
        fixture.metric_becomes(&name, value).await;
    }
    assert!(fixture.metric("traefik_config_last_reload_success").await > 1.7e9);
    let text = text(&fixture).await;
    assert!(
        !text.contains("service=\"apps-both@"),
        "choices have no series of their own"
    );
    let buckets: Vec<_> = text
        .lines()
        .filter(|line| {
            line.starts_with("traefik_service_request_duration_seconds_bucket") && line.contains("svc1")
        })
        .map(|line| line.split_once("le=\"").unwrap().1.split_once('"').unwrap().0)
        .collect();
    assert_eq!(buckets, ["0.1", "0.3", "1.2", "5.0", "+Inf"]);
}

#[tokio::test]
async fn flaggers_query_finds_success_and_failure() {
    let backend = Backend::start(|request| match request.target.as_str() {
        "/bad" => status(500),
        _ => answer("ok"),
    })
    .await;
    let documents = Documents::default()
        .service("podinfo-canary-80", &[backend.address])
        .route("/", "podinfo-canary-80");
    let fixture = Fixture::start(&documents).await;
    for path in ["/", "/", "/", "/bad"] {
        fixture.get(path).await;
    }
    // sum(rate(traefik_service_request_duration_seconds_bucket{service=~"apps-podinfo-canary-80@.*", code!~"5..", le="+Inf"}))
    let sum = async |fails: bool| -> f64 {
        let text = text(&fixture).await;
        let series = text.lines().filter(|line| {
            line.starts_with("traefik_service_request_duration_seconds_bucket{")
                && line.contains("service=\"apps-podinfo-canary-80@kubernetescrd\"")
                && line.contains("le=\"+Inf\"")
                && line.contains("code=\"5") == fails
        });
        series
            .map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap())
            .sum()
    };
    until("all to be counted", async || {
        (sum(false).await, sum(true).await) == (3.0, 1.0)
    })
    .await;
}

#[tokio::test]
async fn a_duration_ends_with_the_response_and_not_with_its_head() {
    let backend = RawBackend::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
            .await;
        // until the client has seen the first half
        let _ = stream.read(&mut [0; 1]).await;
        let _ = stream.write_all(b"cd").await;
        let _ = stream.read(&mut [0; 1]).await;
    })
    .await;
    let documents = Documents::default()
        .service("slow", &[backend.address])
        .route("/", "slow");
    let fixture = Fixture::with(&documents, |options| options.buckets = "0.05,10".parse().unwrap()).await;
    let mut client = fixture.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
        .await;
    let mut seen = Vec::new();
    while !seen.ends_with(b"ab") {
        assert!(client.stream.read_buf(&mut seen).await.unwrap() > 0);
    }
    assert!(
        !text(&fixture)
            .await
            .contains("traefik_service_request_duration_seconds_count{")
    );
    // it is this time that is measured, not a result that is waited for
    tokio::time::sleep(Duration::from_millis(60)).await;
    client.send("x").await;
    while !seen.ends_with(b"abcd") {
        assert!(client.stream.read_buf(&mut seen).await.unwrap() > 0);
    }
    let labels = labels(200, "POST", "http");
    let bucket = |le: &str| {
        let service = "service=\"apps-slow@kubernetescrd\"";
        format!("traefik_service_request_duration_seconds_bucket{{le=\"{le}\",{labels},{service}}}")
    };
    fixture.metric_becomes(&bucket("10.0"), 1.0).await;
    fixture.metric_becomes(&bucket("0.05"), 0.0).await;
    let sum = of_service("request_duration_seconds_sum", &labels, "slow");
    assert!(fixture.metric(&sum).await >= 0.06);
}

#[tokio::test]
async fn what_the_proxy_answers_for_a_service_counts_for_it() {
    let address = refusing();
    let documents = Documents::default()
        .service("gone", &[address])
        .route("/gone", "gone");
    let fixture = Fixture::start(&documents).await;
    assert_eq!(fixture.get("/gone").await.status, 502);
    assert_eq!(fixture.get("/other").await.status, 404);
    let gone = of_service("requests_total", &labels(502, "GET", "http"), "gone");
    fixture.metric_becomes(&gone, 1.0).await;
    let other = labels(404, "GET", "http");
    fixture
        .metric_becomes(
            &format!("traefik_entrypoint_requests_total{{{other},entrypoint=\"web\"}}"),
            1.0,
        )
        .await;
    assert!(
        !text(&fixture)
            .await
            .contains("traefik_service_requests_total{code=\"404\"")
    );
}

#[tokio::test]
async fn a_client_that_leaves_is_499() {
    let backend = RawBackend::silent().await;
    let documents = Documents::default()
        .service("silent", &[backend.address])
        .route("/", "silent");
    let fixture = Fixture::start(&documents).await;
    let mut client = fixture.client().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
    drop(client);
    let left = of_service("requests_total", &labels(499, "GET", "http"), "silent");
    until("it to be counted", async || text(&fixture).await.contains(&left)).await;
}

#[tokio::test]
async fn methods_and_protocols_that_clients_make_up_make_no_series() {
    let backend = Backend::named("ok").await;
    let documents = Documents::default()
        .service("main", &[backend.address])
        .route("/", "main");
    let fixture = Fixture::start(&documents).await;
    let mut client = fixture.client().await;
    for method in ["PROPFIND", "X1", "X2", "X3"] {
        let request = format!("{method} / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
        assert_eq!(client.ask(request).await.status, 200);
    }
    let made_up = of_service("requests_total", &labels(200, "EXTENSION_METHOD", "sse"), "main");
    fixture.metric_becomes(&made_up, 4.0).await;
    let text = text(&fixture).await;
    let series = text
        .lines()
        .filter(|line| line.starts_with("traefik_service_requests_total{"));
    assert_eq!(series.count(), 1);
}

#[tokio::test]
async fn calls_of_grpc_are_counted_by_the_status_of_grpc() {
    let backend = Backend::speaking(Speaks::H2c, |_| {
        let mut response = answer("");
        let status = HeaderValue::from_static("14");
        response.headers_mut().insert("grpc-status", status);
        response
    })
    .await;
    let documents = Documents::default()
        .service_with("calls", &[backend.address], |leaf| leaf.scheme = Scheme::H2c)
        .route("/", "calls");
    let fixture = Fixture::start(&documents).await;
    let call =
        "POST /a.B/C HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(fixture.client().await.ask(call).await.status, 200);
    let calls = of_service("requests_total", &labels(14, "POST", "grpc"), "calls");
    fixture.metric_becomes(&calls, 1.0).await;
}

#[tokio::test]
async fn counts_go_on_across_reloads_and_end_with_their_service() {
    let backend = Backend::named("ok").await;
    let with = |name: &str| {
        Documents::default()
            .service("kept", &[backend.address])
            .service(name, &[backend.address])
            .route("/", "kept")
            .route("/it", name)
    };
    let fixture = Fixture::start(&with("first")).await;
    let counts = |service: &str| of_service("requests_total", &labels(200, "GET", "http"), service);
    for path in ["/", "/it"] {
        fixture.get(path).await;
    }
    fixture.metric_becomes(&counts("first"), 1.0).await;
    let mut documents = with("second");
    documents.config.revision += 1;
    fixture.publish(&documents).await;
    for path in ["/", "/it"] {
        fixture.get(path).await;
    }
    fixture.metric_becomes(&counts("kept"), 2.0).await;
    fixture.metric_becomes(&counts("second"), 1.0).await;
    assert!(!text(&fixture).await.contains("apps-first@"));
    // no endpoints for a while
    let mut empty = documents.clone().service("kept", &[]);
    empty.config.revision += 2;
    fixture.publish(&empty).await;
    assert_eq!(fixture.get("/").await.status, 503);
    fixture.metric_becomes(&counts("kept"), 2.0).await;
}

#[tokio::test]
async fn prometheus_gets_the_form_that_it_asks_for() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    fixture.get("/").await;
    let mut client = Client::connect(fixture.admin).await;
    let ask = |accept: &str| format!("GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\n\r\n");
    let older = client.ask(ask("text/plain;version=0.0.4")).await;
    assert_eq!(
        older.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert!(
        older
            .text()
            .contains("\n# TYPE traefik_service_requests_total counter\n")
    );
    assert!(!older.text().contains("# EOF"));
    let newer = client
        .ask(ask("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"))
        .await;
    assert!(
        newer
            .header("content-type")
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    assert!(
        newer
            .text()
            .contains("\n# TYPE traefik_service_requests counter\n")
    );
}

#[tokio::test]
async fn a_conversation_that_leaves_http_is_over_when_it_ends() {
    let backend = RawBackend::start(|mut stream| async move {
        let agree = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(agree.as_bytes()).await;
        while let Ok(1..) = stream.read(&mut [0; 4096]).await {}
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    let ask = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    client.send(ask).await;
    assert_eq!(client.head_response().await.status, 101);
    fixture.metric_becomes("weir_connections_upgraded", 1.0).await;
    assert!(!text(&fixture).await.contains("code=\"101\""));
    drop(client);
    let conversation = of_service("requests_total", &labels(101, "GET", "websocket"), "main");
    until("it to be counted", async || {
        text(&fixture).await.contains(&conversation)
    })
    .await;
}
