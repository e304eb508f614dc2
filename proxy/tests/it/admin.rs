//! The admin port.

use serde_json::Value;

use crate::support::{Backend, Client, Documents, Fixture, get, until};

#[tokio::test]
async fn ready_only_after_the_first_load() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::empty(dir, |_| {});
    assert_eq!(get(fixture.admin, "/livez").await.status, 200);
    until("the reason to be known", async || {
        let ready = get(fixture.admin, "/readyz").await;
        assert_eq!(ready.status, 503);
        ready.text().contains("config.json is not there")
    })
    .await;
    assert!(fixture.metric("weir_ready").await < 0.5);
    let backend = Backend::named("ok").await;
    Documents::one(backend.address).write(fixture.dir.path());
    until("readiness", async || {
        get(fixture.admin, "/readyz").await.status == 200
    })
    .await;
    assert_eq!(fixture.get("/").await.text(), "ok");
}

#[tokio::test]
async fn config_says_what_is_loaded_and_what_was_refused() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let config =
        async || -> Value { serde_json::from_slice(&get(fixture.admin, "/config").await.body).unwrap() };
    let before = config().await;
    assert_eq!(before["loaded"]["routes"], 1);
    assert_eq!(before["loaded"]["digests"]["config"].as_str().unwrap().len(), 64);
    assert!(before["loaded"]["at"].as_str().unwrap().ends_with('Z'));
    assert!(before["lastRejection"].is_null());

    std::fs::write(fixture.dir.path().join("config.json"), "garbage").unwrap();
    until("the rejection", async || {
        !config().await["lastRejection"].is_null()
    })
    .await;
    let after = config().await;
    assert_eq!(after["lastRejection"]["code"], "malformed");
    assert_eq!(after["inSync"], false);
    assert_eq!(after["loaded"], before["loaded"], "what was loaded stays");
    assert_eq!(
        get(fixture.admin, "/readyz").await.status,
        200,
        "and so does readiness"
    );
    assert_eq!(fixture.get("/").await.text(), "ok");
    assert!(fixture.metric("weir_config_rejections_total").await >= 1.0);
    assert!(fixture.metric("weir_config_in_sync").await < 0.5);
}

#[tokio::test]
async fn metrics_count_what_happens() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::start(
        &Documents::default()
            .service("main", &[backend.address])
            .route("/a", "main"),
    )
    .await;
    let mut client = fixture.client().await;
    for path in ["/a", "/a", "/b"] {
        client.get(path).await;
    }
    let metrics = get(fixture.admin, "/metrics").await;
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    assert!(metrics.text().ends_with("# EOF\n"));
    for (name, value) in [
        ("weir_responses_total{entrypoint=\"web\",code=\"2xx\"}", 2.0),
        ("weir_responses_total{entrypoint=\"web\",code=\"4xx\"}", 1.0),
        ("weir_connections", 1.0),
        ("weir_config_loads_total", 1.0),
        ("weir_config_routes", 1.0),
        ("weir_upstream_connections", 1.0),
        ("weir_upstream_connections_idle", 1.0),
        ("weir_ready", 1.0),
    ] {
        fixture.metric_becomes(name, value).await;
    }
}

#[tokio::test]
async fn the_admin_port_changes_nothing() {
    let fixture = Fixture::start(&Documents::default()).await;
    let mut client = Client::connect(fixture.admin).await;
    for path in ["/config", "/metrics", "/readyz", "/livez"] {
        let response = client.post(path, b"").await;
        assert_eq!(
            (response.status, response.header("allow")),
            (405, Some("GET, HEAD")),
            "{path}"
        );
    }
    client.send("HEAD /config HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let response = client.head_response().await;
    assert_eq!(response.status, 200);
    assert!(
        response
            .header("content-length")
            .is_some_and(|length| length != "0")
    );
    assert_eq!(client.get("/nothing").await.status, 404);
}
