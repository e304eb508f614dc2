//! Health checks, and what comes of them.

use std::{collections::BTreeMap, net::SocketAddr};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;
use weir_model::{
    document::{HealthCheck, HealthMode},
    duration::GoDuration,
};

use super::{Documents, Fixture, answer, get, until};

/// What the operator makes of an empty one, but faster.
pub fn check() -> HealthCheck {
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

/// A service with a check.
pub fn service(address: SocketAddr, change: impl FnOnce(&mut HealthCheck)) -> Documents {
    Documents::default()
        .service_with("main", &[address], |leaf| {
            let mut check = check();
            change(&mut check);
            leaf.health_check = Some(check);
        })
        .route("/", "main")
}

/// The state of the only endpoint and what its last probe said, once there was one.
pub async fn verdict(fixture: &Fixture) -> (String, String) {
    let endpoint = async || -> Value {
        let page: Value = serde_json::from_slice(&get(fixture.admin, "/health").await.body).unwrap();
        page["endpoints"][0].clone()
    };
    until("a probe", async || !endpoint().await["lastProbe"].is_null()).await;
    let endpoint = endpoint().await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&endpoint["state"]), text(&endpoint["lastProbe"]["result"]))
}

/// The same, of documents.
pub async fn of(documents: &Documents) -> (String, String) {
    verdict(&Fixture::start(documents).await).await
}

pub fn up(result: &str) -> (String, String) {
    ("up".to_owned(), result.to_owned())
}

pub fn down(result: &str) -> (String, String) {
    ("down".to_owned(), result.to_owned())
}

/// A probe that was down for a reason that begins so.
#[track_caller]
pub fn assert_down(verdict: &(String, String), start: &str) {
    assert!(verdict.0 == "down" && verdict.1.starts_with(start), "{verdict:?}");
}

pub fn status(status: u16) -> Response<Full<Bytes>> {
    let mut response = answer("body");
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

pub fn redirect(status: u16, location: &str) -> Response<Full<Bytes>> {
    let mut response = self::status(status);
    response
        .headers_mut()
        .insert("location", location.parse().unwrap());
    response
}
