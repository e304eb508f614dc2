//! What the admin port answers.

use std::{fmt::Write as _, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE},
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Body;
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::time::timeout;

use super::{
    Sources, Stage,
    graph::Drawing,
    readiness::{pending, unwell},
};
use crate::{metrics::Metrics, telemetry::LevelError};

const TEXT: &str = "text/plain; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Bytes that a log level may have.
const LEVEL_LIMIT: usize = 1024;
/// For a log level to arrive.
const LEVEL_TIMEOUT: Duration = Duration::from_secs(5);
const HELP: &str = "\
/livez      whether the program works
/readyz     whether it knows the cluster and has compiled, and what it waits for
/metrics    for Prometheus
/graph      who sends requests to whom, with the share that takes each way, as in the last compilation:
            ?output=mermaid (default), dot or json; ?name=NAMESPACE/NAME for what one object reaches
/log-level  GET shows what is logged, PUT changes it, from the pod itself:
            error, warn, info, debug, trace, or directives such as info,weir_operator=debug
";

/// What the admin port knows.
#[derive(Debug)]
pub(super) struct Pages {
    pub sources: Sources,
    pub registry: Registry,
    pub metrics: Metrics,
    pub drawing: Drawing,
}

pub(super) type Page = (StatusCode, &'static str, String);

pub(super) fn text(status: StatusCode, text: impl Into<String>) -> Page {
    (status, TEXT, text.into())
}

impl Pages {
    /// Answers a request of a client at that address.
    pub async fn answer<B>(&self, request: Request<B>, peer: SocketAddr) -> Response<Full<Bytes>>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let path = request.uri().path();
        let allowed = if path == "/log-level" {
            "GET, HEAD, PUT"
        } else {
            "GET, HEAD"
        };
        let method = request.method().clone();
        let readable = matches!(method, Method::GET | Method::HEAD);
        let (status, kind, text) = match path {
            "/log-level" if method == Method::PUT => self.set_level(request, peer).await,
            _ if !readable => text(StatusCode::METHOD_NOT_ALLOWED, format!("only {allowed}\n")),
            "/livez" => text(StatusCode::OK, "ok\n"),
            "/readyz" => self.readyz(),
            "/metrics" => self.metrics(),
            "/graph" => self.drawing.draw(request.uri().query().unwrap_or_default()).await,
            "/log-level" => self.level(StatusCode::OK),
            "/" => text(StatusCode::OK, HELP),
            _ => text(StatusCode::NOT_FOUND, "not found\n"),
        };
        let mut response = Response::new(Full::new(text.into()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static(allowed));
        }
        response
    }

    fn leads(&self) -> bool {
        matches!(&*self.sources.stage.borrow(), Stage::Running(leadership) if leadership.holds())
    }

    fn readyz(&self) -> Page {
        let Sources {
            stage,
            health,
            compiled,
            ..
        } = &self.sources;
        let health = health.borrow();
        let pending = pending(&stage.borrow(), &health, compiled.borrow().is_some());
        if !pending.is_empty() {
            let lines = format!("not ready:\n{}\n", pending.join("\n"));
            return text(StatusCode::SERVICE_UNAVAILABLE, lines);
        }
        let role = if self.leads() {
            "this replica writes"
        } else {
            "this replica does not lead"
        };
        let mut lines = format!("ready: {role}\n");
        for line in unwell(&health) {
            // writing to a String cannot fail
            let _ = writeln!(lines, "not up to date: {line}");
        }
        text(StatusCode::OK, lines)
    }

    fn metrics(&self) -> Page {
        self.metrics.leader.set(i64::from(self.leads()));
        let mut lines = String::new();
        match encode(&mut lines, &self.registry) {
            Ok(()) => (StatusCode::OK, OPEN_METRICS, lines),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        }
    }

    fn level(&self, status: StatusCode) -> Page {
        text(status, format!("{}\n", self.sources.level.show()))
    }

    async fn set_level<B>(&self, request: Request<B>, peer: SocketAddr) -> Page
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        // whoever can reach the port could fill the disk with logs, or hide what else they do
        if !peer.ip().to_canonical().is_loopback() {
            return text(
                StatusCode::FORBIDDEN,
                "the level can be changed from the pod itself only: use kubectl port-forward\n",
            );
        }
        let body = Limited::new(request.into_body(), LEVEL_LIMIT).collect();
        let Ok(Ok(body)) = timeout(LEVEL_TIMEOUT, body).await else {
            let lines = format!("a log level of at most {LEVEL_LIMIT} bytes is needed\n");
            return text(StatusCode::BAD_REQUEST, lines);
        };
        match self.sources.level.set(&String::from_utf8_lossy(&body.to_bytes())) {
            Ok(()) => self.level(StatusCode::OK),
            Err(error @ LevelError::Unknown(..)) => text(StatusCode::BAD_REQUEST, format!("{error}\n")),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        }
    }
}
