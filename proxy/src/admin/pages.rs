//! What the admin port answers.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE},
};
use http_body_util::Full;
use serde_json::{Value, json};

use super::{About, collect, format::Format, health};
use crate::{
    config::{Rejection, Status},
    metrics::Shard,
    readiness,
    timestamp::rfc3339,
    worker::FINISHED,
};

/// A worker that has not looked at its clock for so many milliseconds is stuck.
const STUCK: u64 = 30_000;
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// What the admin port answers.
#[derive(Debug)]
pub(super) struct Pages(pub(super) About);

type Page = (StatusCode, &'static str, String);

impl Pages {
    /// Answers a request.
    pub(super) fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let readable = matches!(*request.method(), Method::GET | Method::HEAD);
        let (status, kind, text) = match request.uri().path() {
            _ if !readable => (StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n".into()),
            "/livez" => self.livez(),
            "/readyz" => self.readyz(),
            "/metrics" => self.metrics(Format::wanted(request.headers())),
            "/config" => self.config(),
            "/health" => (
                StatusCode::OK,
                JSON,
                format!("{:#}\n", health::page(&self.0.current.load())),
            ),
            "/" => (
                StatusCode::OK,
                TEXT,
                "/livez\n/readyz\n/metrics\n/config\n/health\n".into(),
            ),
            _ => (StatusCode::NOT_FOUND, TEXT, "not found\n".into()),
        };
        let mut response = Response::new(Full::new(text.into()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if !readable {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }

    fn livez(&self) -> Page {
        let now = self.0.process.start.elapsed().as_millis() as u64;
        let silent = |shard: &Arc<Shard>| match shard.heartbeat.get() {
            FINISHED => 0,
            heartbeat => now.saturating_sub(heartbeat),
        };
        match self
            .0
            .shards
            .iter()
            .map(silent)
            .enumerate()
            .find(|(_, silent)| *silent > STUCK)
        {
            None => (StatusCode::OK, TEXT, "ok\n".into()),
            Some((worker, silent)) => {
                let text = format!("worker {worker} has been stuck for {} s\n", silent / 1000);
                (StatusCode::SERVICE_UNAVAILABLE, TEXT, text)
            }
        }
    }

    fn readyz(&self) -> Page {
        match readiness::check(&self.0.status.borrow(), self.0.drain.stage()) {
            Ok(()) => (StatusCode::OK, TEXT, "ready\n".into()),
            Err(why) => (
                StatusCode::SERVICE_UNAVAILABLE,
                TEXT,
                format!("not ready: {why}\n"),
            ),
        }
    }

    fn metrics(&self, format: Format) -> Page {
        match collect::text(&self.0) {
            Ok(text) => (StatusCode::OK, format.kind(), format.of(text)),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
        }
    }

    fn config(&self) -> Page {
        let status = self.0.status.borrow().clone();
        let text = format!("{:#}\n", config(&status));
        (StatusCode::OK, JSON, text)
    }
}

/// What is loaded, as JSON.
fn config(status: &Status) -> Value {
    let loaded = status.loaded.as_ref().map(|loaded| {
        json!({
            "absent": loaded.absent,
            "at": rfc3339(loaded.at),
            "digests": loaded.digests,
            "revision": loaded.revision,
            "routes": loaded.routes,
            "unknownEntryPoints": loaded.unknown_entry_points,
        })
    });
    json!({
        "inSync": status.in_sync,
        "lastRejection": status.last_rejection.as_deref().map(rejection),
        "loaded": loaded,
        "version": env!("CARGO_PKG_VERSION"),
        "waitingFor": status.waiting_for,
    })
}

fn rejection(rejection: &Rejection) -> Value {
    json!({
        "at": rfc3339(rejection.at),
        "code": rejection.reason.code.as_str(),
        "digests": rejection.digests,
        "message": rejection.reason.to_string(),
    })
}
