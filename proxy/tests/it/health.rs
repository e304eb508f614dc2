//! Health checks: who is probed how, and who gets no requests.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;
use weir_model::{
    document::{HealthCheck, HealthMode},
    duration::GoDuration,
};

use crate::support::{Backend, Documents, Fixture, Received, answer, get, until};

/// As the operator makes it of an empty one, but faster.
fn check() -> HealthCheck {
    HealthCheck {
        follow_redirects: true,
        headers: BTreeMap::new(),
        hostname: None,
        interval: GoDuration::from_millis(20),
        method: "GET".to_owned(),
        mode: HealthMode::Http,
        path: "/health".to_owned(),
        port: None,
        scheme: None,
        status: None,
        timeout: GoDuration::from_secs(5),
        unhealthy_interval: GoDuration::from_millis(20),
    }
}

/// A server whose probes are answered with a status that may change; to others it says its name.
struct Checked {
    backend: Backend,
    status: Arc<AtomicU16>,
}

impl Checked {
    async fn named(name: &'static str) -> Self {
        let status = Arc::new(AtomicU16::new(200));
        let answers = status.clone();
        let respond = move |request: &Received| {
            if request.target == "/health" {
                with_status(answers.load(Ordering::Relaxed))
            } else {
                answer(name)
            }
        };
        Self {
            backend: Backend::start(respond).await,
            status,
        }
    }

    fn address(&self) -> SocketAddr {
        self.backend.address
    }

    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// How many probes have arrived.
    #[expect(dead_code, reason = "soon")]
    fn probes(&self) -> usize {
        let received = self.backend.received();
        received
            .iter()
            .filter(|request| request.target == "/health")
            .count()
    }
}

fn with_status(status: u16) -> Response<Full<Bytes>> {
    let mut response = answer("");
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn checked(documents: Documents, name: &str, addresses: &[SocketAddr]) -> Documents {
    documents.service_with(name, addresses, |leaf| leaf.health_check = Some(check()))
}

/// The states at the admin port, by endpoint.
async fn states(fixture: &Fixture) -> BTreeMap<String, String> {
    let page: Value = serde_json::from_slice(&get(fixture.admin, "/health").await.body).unwrap();
    let endpoints = page["endpoints"].as_array().unwrap().iter();
    endpoints
        .map(|endpoint| {
            let text = |name: &str| endpoint[name].as_str().unwrap().to_owned();
            (text("endpoint"), text("state"))
        })
        .collect()
}

async fn becomes(fixture: &Fixture, address: SocketAddr, state: &str) {
    until(&format!("{address} to be {state}"), async || {
        states(fixture)
            .await
            .get(&address.to_string())
            .is_some_and(|is| is == state)
    })
    .await;
}

/// Who answers so many requests.
async fn shares(fixture: &Fixture, requests: usize) -> BTreeMap<String, usize> {
    let mut client = fixture.client().await;
    let mut shares = BTreeMap::new();
    for _ in 0..requests {
        let response = client.get("/").await;
        assert_eq!(response.status, 200, "{response:?}");
        *shares.entry(response.text().to_owned()).or_default() += 1;
    }
    shares
}

fn these<const N: usize>(shares: [(&str, usize); N]) -> BTreeMap<String, usize> {
    shares
        .into_iter()
        .map(|(name, share)| (name.to_owned(), share))
        .collect()
}

/// Waits until requests are shared so.
async fn shared<const N: usize>(fixture: &Fixture, shares: [(&str, usize); N]) {
    let expected = these(shares);
    until(&format!("{expected:?}"), async || {
        let seen = self::shares(fixture, expected.values().sum()).await;
        seen == expected
    })
    .await;
}

#[tokio::test]
async fn an_unhealthy_endpoint_gets_no_requests_until_it_is_healthy_again() {
    let (a, b) = (Checked::named("a").await, Checked::named("b").await);
    let documents = checked(Documents::default(), "main", &[a.address(), b.address()]).route("/", "main");
    let fixture = Fixture::start(&documents).await;
    becomes(&fixture, a.address(), "up").await;
    becomes(&fixture, b.address(), "up").await;
    shared(&fixture, [("a", 4), ("b", 4)]).await;
    b.answers(503);
    shared(&fixture, [("a", 8)]).await;
    becomes(&fixture, b.address(), "down").await;
    b.answers(200);
    shared(&fixture, [("a", 4), ("b", 4)]).await;
    becomes(&fixture, b.address(), "up").await;
}
