//! Much that costs its sender little.

use std::time::Duration;

use tokio::io::AsyncReadExt as _;

use super::Scene;
use crate::support::{
    Documents, Fixture, RawBackend,
    frames::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, Raw, SETTINGS,
        Said, WINDOW_UPDATE, block, frame, request,
    },
    until,
};

const FLOOD: &str = "weir_connections_closed_total{reason=\"flood\"}";

/// Sends so many frames in large pieces and reads what comes meanwhile; whether the connection ended before all were sent.
async fn is_cut_off(client: Raw, frames: &[u8], times: usize) -> bool {
    let many = 1_000;
    let piece = frames.repeat(many);
    let (mut reader, writer) = client.stream.into_split();
    let drain = tokio::spawn(async move {
        let mut sink = vec![0; 64 << 10];
        while let Ok(1..) = reader.read(&mut sink).await {}
    });
    let mut writer = writer;
    let mut cut_off = false;
    for _ in 0..times.div_ceil(many) {
        let sent = tokio::io::AsyncWriteExt::write_all(&mut writer, &piece);
        if !matches!(
            tokio::time::timeout(Duration::from_secs(20), sent).await,
            Ok(Ok(()))
        ) {
            cut_off = true;
            break;
        }
    }
    drop(writer);
    drain.await.unwrap();
    cut_off
}

#[tokio::test]
async fn control_frames_without_end_are_cut_off() {
    let scene = Scene::start().await;
    for (place, (name, frames)) in [
        ("PING", frame(PING, 0, 0, &[1; 8])),
        ("SETTINGS", frame(SETTINGS, 0, 0, &[])),
        (
            "SETTINGS with contents",
            frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 0x10, 0]),
        ),
        ("PRIORITY", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1])),
        ("frames of no known kind", frame(0x50, 0, 0, &[])),
    ]
    .into_iter()
    .enumerate()
    {
        let client = Raw::connect(scene.fixture.web).await;
        assert!(is_cut_off(client, &frames, 1_000_000).await, "{name}");
        scene.fixture.metric_becomes(FLOOD, (place + 1) as f64).await;
    }
    // the library's own limit
    let mut client = Raw::connect(scene.fixture.web).await;
    client
        .send(&frame(
            HEADERS,
            END_HEADERS,
            1,
            &block(&request("POST", "/", &[])),
        ))
        .await;
    assert!(is_cut_off(client, &frame(DATA, 0, 1, &[]), 1_000_000).await);
    scene.fixture.metric_becomes("weir_connections", 0.0).await;
    assert_eq!(scene.fixture.get("/").await.status, 200);
}

#[tokio::test]
async fn as_many_control_frames_as_a_long_life_has_are_no_flood() {
    let scene = Scene::start().await;
    let mut client = Raw::connect(scene.fixture.web).await;
    for round in 0..20 {
        let pings = frame(PING, 0, 0, &[1; 8]).repeat(100);
        let windows = frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]).repeat(100);
        assert!(client.send(&[pings, windows].concat()).await);
        let stream = 2 * round + 1;
        assert_eq!(
            client.ask(stream, &request("GET", "/", &[])).await,
            Said::Status(200)
        );
    }
}

#[tokio::test]
async fn large_bodies_and_many_requests_are_no_flood() {
    let scene = Scene::start().await;
    let mut client = Raw::connect(scene.fixture.web).await;
    // heads of 15 KiB: most of what this connection brings
    let value = "x".repeat(15_000);
    for round in 0..300 {
        let said = client
            .ask(2 * round + 1, &request("GET", "/", &[("x", &value)]))
            .await;
        assert_eq!(said, Said::Status(200), "{round}");
    }
    // and bodies in small pieces
    let stream = 601;
    client
        .send(&frame(
            HEADERS,
            END_HEADERS,
            stream,
            &block(&request("POST", "/", &[])),
        ))
        .await;
    for round in 1..=20 {
        assert!(client.send(&frame(DATA, 0, stream, b"x").repeat(200)).await);
        // of pieces that wait for their upstream, the library holds only so many
        until("the pieces to be passed on", async || {
            scene.upstream.all().matches("1\r\nx\r\n").count() == 200 * round
        })
        .await;
    }
    client.send(&frame(DATA, END_STREAM, stream, b"x")).await;
    assert_eq!(client.answer(stream).await, Said::Status(200));
}

#[tokio::test]
async fn requests_that_are_reset_at_once_are_cut_off() {
    let hanging =
        RawBackend::start(
            |mut stream| async move { while let Ok(1..) = stream.read(&mut [0; 4096]).await {} },
        )
        .await;
    let fixture = Fixture::start(&Documents::one(hanging.address)).await;
    // as fast as they can be sent: the library's own limit; one after the other, each of them begun: the proxy's
    let mut client = Raw::connect(fixture.web).await;
    let head = block(&request("GET", "/", &[]));
    let pair = |number: u32| {
        let stream = 2 * number + 1;
        let headers = frame(HEADERS, END_HEADERS | END_STREAM, stream, &head);
        [headers, frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
    };
    let all: Vec<u8> = (0..10_000).flat_map(pair).collect();
    client.send(&all).await;
    assert!(client.is_closed().await);
    fixture.metric_becomes("weir_connections", 0.0).await;
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
}

#[tokio::test]
async fn requests_that_nobody_waits_for_are_cut_off() {
    let hanging =
        RawBackend::start(
            |mut stream| async move { while let Ok(1..) = stream.read(&mut [0; 4096]).await {} },
        )
        .await;
    let fixture = Fixture::start(&Documents::one(hanging.address)).await;
    let mut client = Raw::connect(fixture.web).await;
    let head = block(&request("GET", "/", &[]));
    let mut sent = 0_u32;
    loop {
        let stream = 2 * sent + 1;
        let headers = frame(HEADERS, END_HEADERS | END_STREAM, stream, &head);
        // a PING that comes back shows that the request was begun
        if !client.send(&[headers, frame(PING, 0, 0, &[1; 8])].concat()).await {
            break;
        }
        while let Some((kind, ..)) = client.next().await
            && kind != PING
        {}
        if !client.send(&frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])).await {
            break;
        }
        sent += 1;
        assert!(sent < 2_000, "never cut off");
    }
    assert!(
        sent >= 400,
        "{sent}: who changes its mind now and then is no flood"
    );
    fixture.metric_becomes(FLOOD, 1.0).await;
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    let scene = Scene::start().await;
    for (name, payload) in [
        ("empty", Vec::new()),
        ("small", block(&[(b"x", b"y")])),
        ("large", block(&[(b"x", &[b'y'; 16_000])])),
    ] {
        let mut client = Raw::connect(scene.fixture.web).await;
        let head = block(&request("GET", "/first", &[]));
        client.send(&frame(HEADERS, END_STREAM, 1, &head)).await;
        let more = frame(CONTINUATION, 0, 1, &payload);
        assert!(is_cut_off(client, &more, 500_000).await, "{name}");
    }
    assert_eq!(scene.upstream.all(), "");
    scene.fixture.metric_becomes("weir_connections", 0.0).await;
}

#[tokio::test]
async fn a_small_head_that_unpacks_to_a_large_one_is_refused() {
    let scene = Scene::start().await;
    let mut client = Raw::connect(scene.fixture.web).await;
    // one field of 4,000 bytes goes into the table, and is named again and again by one byte
    let value = [b'y'; 3_900];
    let mut head = block(&request("GET", "/first", &[]));
    head.extend([0x40, 1, b'x', 0x7f]);
    let rest = value.len() - 127;
    head.extend([128 | (rest % 128) as u8, (rest / 128) as u8]);
    head.extend(value);
    head.extend([0xbe; 10_000]);
    client
        .send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &head))
        .await;
    let said = client.answer(1).await;
    assert!(
        matches!(said, Said::Status(431) | Said::Reset | Said::End),
        "{said:?}"
    );
    assert!(!scene.upstream.all().contains("/first"));
    assert_eq!(scene.fixture.get("/").await.status, 200);
}

#[tokio::test]
async fn who_takes_no_answers_to_pings_is_cut_off_and_nothing_piles_up() {
    let scene = Scene::start().await;
    let mut client = Raw::connect(scene.fixture.web).await;
    let pings = frame(PING, 0, 0, &[1; 8]).repeat(10_000);
    // nothing is read: the kernel's buffers fill, then the proxy stops reading
    let mut sent = 0;
    while let Ok(true) = tokio::time::timeout(Duration::from_secs(2), client.send(&pings)).await {
        sent += pings.len();
        assert!(sent < 64 << 20, "{sent} bytes");
    }
}
