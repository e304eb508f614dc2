//! Configs of all sizes: spread over shards, packed, and more than an object can hold.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use hyper::StatusCode;
use serde_json::{Value, json};
use weir_e2e::{
    cluster::{
        Cluster,
        app::App,
        namespace::{Namespace, condition_of},
        release::{Release, target},
        resource::{INGRESS_ROUTE, TRAEFIK_SERVICE},
        wait::eventually,
    },
    http,
    load::Load,
};

use super::scene::{PAUSE, all_good};
use crate::{
    shape::{rule, service, weighted},
    told::{LIMIT, READY, await_told},
};

/// A rule has at most 16 KiB.
const LONG: usize = 15_000;

/// Text that looks like chance, and the same each time.
fn noise(seed: usize, length: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed as u64 + 1);
    let letters = (0..length).map(|_| {
        // xorshift
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        LETTERS[(state >> 58) as usize] as char
    });
    letters.collect()
}

/// An IngressRoute for requests to `NAME.example.com`, and for others that carry a long secret.
fn long_route(name: &str, secret: &str) -> Value {
    let matches = format!("Host(`{name}.example.com`) || Query(`secret`, `{secret}`)");
    json!({"spec": {"entryPoints": ["web"], "routes": [rule(&matches, &service("svc1"))]}})
}

fn name(number: usize) -> String {
    format!("web-{number:03}")
}

async fn answers(proxy: std::net::SocketAddr, name: &str) -> Result<StatusCode> {
    let answer = http::get_from(proxy, &format!("{name}.example.com"), "/x/1").await;
    answer.map(|(status, _)| status)
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_large_config_is_packed_and_spread_over_shards_and_served() {
    const ROUTES: usize = 24;
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let mut apps = Vec::new();
    for number in 1..=6 {
        apps.push(App::start(&namespace, &format!("svc{number}")).await.unwrap());
    }
    let services = [
        ("svc1", 1),
        ("svc2", 1),
        ("svc3", 1),
        ("svc4", 1),
        ("svc5", 1),
        ("svc6", 1),
    ];
    namespace
        .create(TRAEFIK_SERVICE, "wrr", weighted(&services))
        .await
        .unwrap();
    let spread = rule(
        "Host(`spread.example.com`)",
        &json!({"name": "wrr", "kind": "TraefikService"}),
    );
    let spread = json!({"spec": {"entryPoints": ["web"], "routes": [spread]}});
    namespace.create(INGRESS_ROUTE, "spread", spread).await.unwrap();
    for number in 0..ROUTES {
        let route = long_route(&name(number), &noise(number, LONG));
        namespace
            .create(INGRESS_ROUTE, &name(number), route)
            .await
            .unwrap();
    }
    let mut release = Release::new(&namespace).unwrap();
    release.set_shards(4, 2);
    let mut operator = release.operator("first").await.unwrap();
    let proxy = release.proxy().await.unwrap();
    await_told(&namespace, TRAEFIK_SERVICE, "wrr", &[READY])
        .await
        .unwrap();
    let published = release.read_published().await.unwrap();
    let files: Vec<_> = published.digests.keys().map(String::as_str).collect();
    let expected = [
        "config",
        "endpoints-0",
        "endpoints-1",
        "endpoints-2",
        "endpoints-3",
        "secrets-0",
        "secrets-1",
    ];
    assert_eq!(files, expected);
    let config = &published.objects["ConfigMap weir-config"];
    assert!(
        config["binaryData"]["config.json.gz"].is_string(),
        "{:?}",
        config.as_object().unwrap().keys()
    );
    assert_eq!(config.get("data"), None);
    let used = |object: &str| {
        let text = published.objects[object]["data"].to_string();
        text.contains("svc")
    };
    let shards = (0..4).filter(|shard| used(&format!("ConfigMap weir-endpoints-{shard}")));
    assert!(shards.count() > 1, "{:#?}", published.endpoints);

    let mut load = Load::connect(proxy.web, target("spread.example.com"), 2)
        .await
        .unwrap();
    let shares = load.send("shares", 60).await;
    all_good(&shares);
    let even: BTreeMap<_, _> = (1..=6).map(|number| (format!("svc{number}"), 10)).collect();
    assert_eq!(shares.by_backend, even);
    for number in 0..ROUTES {
        assert_eq!(answers(proxy.web, &name(number)).await.unwrap(), StatusCode::OK);
    }

    // fewer shards are the next operator's work, under load
    load.set_pause(PAUSE);
    let fewer = async {
        operator.process.terminate(LIMIT).await.unwrap();
        release.operators.arguments = ["--endpoint-shards=2", "--secret-shards=2"]
            .map(str::to_owned)
            .into();
        operator = release.operator("next").await.unwrap();
        eventually("the proxy serves fewer shards", LIMIT, async || {
            let (published, loaded) = (release.published().await?, proxy.digests().await?);
            let files: Vec<_> = published.keys().map(String::as_str).collect();
            let wanted = ["config", "endpoints-0", "endpoints-1", "secrets-0", "secrets-1"];
            ensure!(
                files == wanted && published == loaded,
                "{published:?}, loaded: {loaded:?}"
            );
            Ok(())
        })
        .await
        .unwrap();
    };
    let ((), answers) = load.send_during("fewer", fewer).await;
    all_good(&answers);
}

/// Which of the routes are held back; an error as long as some are neither that nor served.
async fn held_back(namespace: &Namespace<'_>) -> Result<Vec<(String, String)>> {
    let mut held = Vec::new();
    for object in namespace.list(INGRESS_ROUTE).await? {
        let programmed = condition_of(&object, "Programmed");
        let text = |field: &str| programmed[field].as_str().unwrap_or_default().to_owned();
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        match text("reason").as_str() {
            "Programmed" => {}
            "ConfigTooLarge" => held.push((name.to_owned(), text("message"))),
            _ => anyhow::bail!("{name}: {programmed}"),
        }
    }
    Ok(held)
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn what_is_too_much_for_a_config_map_is_held_back_from_the_newest_on_and_told() {
    // noise of 64 letters packs to three quarters, and a bit
    const ROUTES: usize = 100;
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let _app = App::start(&namespace, "svc1").await.unwrap();
    for number in 0..ROUTES {
        let route = long_route(&name(number), &noise(number, LONG));
        namespace
            .create(INGRESS_ROUTE, &name(number), route)
            .await
            .unwrap();
    }
    let mut release = Release::new(&namespace).unwrap();
    let _operator = release.operator("first").await.unwrap();
    let proxy = release.proxy().await.unwrap();
    let settled = async |some: bool| {
        eventually("all are served or held back", LIMIT, async || {
            let held = held_back(&namespace).await?;
            ensure!(held.is_empty() != some, "held back: {held:?}");
            Ok(held)
        })
        .await
        .unwrap()
    };
    let held = settled(true).await;
    let names: Vec<_> = held.iter().map(|(name, _)| name.clone()).collect();
    let newest: Vec<_> = (ROUTES - held.len()..ROUTES).map(name).collect();
    assert_eq!(names, newest);
    for (_, message) in &held {
        assert_eq!(
            message,
            "all objects together make a config of 1.1 MiB (1.6 MiB before compression), more than the 1.0 MiB that fit \
             into a ConfigMap; the newest are held back, and this one with its 16 KiB is one of them"
        );
    }
    let first_held = ROUTES - held.len();
    assert_eq!(
        answers(proxy.web, &name(first_held - 1)).await.unwrap(),
        StatusCode::OK
    );
    assert_eq!(
        answers(proxy.web, &name(first_held)).await.unwrap(),
        StatusCode::NOT_FOUND
    );

    // room for all of them
    for number in 0..held.len() + 2 {
        namespace.delete(INGRESS_ROUTE, &name(number)).await.unwrap();
    }
    settled(false).await;
    assert_eq!(
        answers(proxy.web, &name(ROUTES - 1)).await.unwrap(),
        StatusCode::OK
    );
}
