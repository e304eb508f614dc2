//! Claims about who asks.

use super::Scene;
use crate::support::frames::{Raw, Said, request};

const CLAIMS: [(&str, &str); 13] = [
    ("x-forwarded-for", "6.6.6.6"),
    ("x-forwarded-for", "6.6.6.7"),
    ("x_forwarded_for", "6.6.6.6"),
    ("x-forwarded_for", "6.6.6.6"),
    ("x-forwarded-host", "evil"),
    ("x-forwarded-port", "6666"),
    ("x-forwarded-proto", "evil"),
    ("x-forwarded-server", "evil"),
    ("x-forwarded-prefix", "/evil"),
    ("x-forwarded-uri", "/evil"),
    ("x-real-ip", "6.6.6.6"),
    ("x-real_ip", "6.6.6.6"),
    (
        "connection",
        "x-forwarded-for, x-real-ip, x-forwarded-proto, x-forwarded-host, x-forwarded-port, host",
    ),
];

#[track_caller]
fn check(seen: &str) {
    assert!(
        !seen.contains("6.6.6") && !seen.contains("evil") && !seen.contains("6666"),
        "{seen}"
    );
    for own in [
        "\r\nx-forwarded-for: 127.0.0.1\r\n",
        "\r\nx-real-ip: 127.0.0.1\r\n",
        "\r\nx-forwarded-proto: http\r\n",
        "\r\nx-forwarded-host: test.example\r\n",
        "\r\nhost: test.example\r\n",
    ] {
        assert_eq!(seen.matches(own).count(), 1, "{own:?} in {seen}");
    }
}

#[tokio::test]
async fn nobody_claims_to_be_somebody_else_and_nothing_is_taken_away() {
    let scene = Scene::start().await;
    let claims: Vec<_> = CLAIMS
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let claims = claims.join("\r\n");
    let request = format!("GET / HTTP/1.1\r\nHost: test.example\r\n{claims}\r\n\r\n");
    assert_eq!(scene.fixture.client().await.ask(request).await.status, 200);
    check(&scene.upstream.all());
}

#[tokio::test]
async fn nor_over_http2() {
    let scene = Scene::start().await;
    let mut client = Raw::connect(scene.fixture.web).await;
    // which knows no such header as the last one
    let claims = &CLAIMS[..CLAIMS.len() - 1];
    assert_eq!(
        client.ask(1, &request("GET", "/", claims)).await,
        Said::Status(200)
    );
    check(&scene.upstream.all());
}
