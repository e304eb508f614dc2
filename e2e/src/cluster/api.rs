//! The Kubernetes API as JSON, for requests that kubectl cannot make or that many tests make often.
//!
//! They go through `kubectl proxy`, which knows about certificates and tokens of any cluster.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, anyhow, ensure};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request};
use serde_json::Value;

use super::watch::Watch;
use crate::http;

/// An answer of the API server that is not a success.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{method} {path}: {status} {reason}: {message}")]
pub struct Refusal {
    method: Method,
    path: String,
    /// HTTP's status code.
    pub status: u16,
    /// Kubernetes' reason, for example `NotFound`.
    pub reason: String,
    /// What kubectl would print.
    pub message: String,
}

impl Refusal {
    /// The status code of an error that is, or is caused by, a refusal.
    pub fn status_of(error: &anyhow::Error) -> Option<u16> {
        Some(error.downcast_ref::<Self>()?.status)
    }
}

/// A client.
#[derive(Clone, Copy, Debug)]
pub struct Api {
    address: SocketAddr,
}

impl Api {
    /// Of the `kubectl proxy` at this address.
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Where it is answered without encryption and without a token.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Reads an object or a list.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.send(Method::GET, path, "", None).await
    }

    /// Reads an object that need not exist.
    pub async fn find(&self, path: &str) -> Result<Option<Value>> {
        match self.get(path).await {
            Err(error) if Refusal::status_of(&error) == Some(404) => Ok(None),
            result => result.map(Some),
        }
    }

    /// Creates an object in a collection.
    pub async fn create(&self, path: &str, object: &Value) -> Result<Value> {
        self.send(Method::POST, path, "application/json", Some(object))
            .await
    }

    /// Replaces an object, or with `/status` at the end of the path its status.
    pub async fn replace(&self, path: &str, object: &Value) -> Result<Value> {
        self.send(Method::PUT, path, "application/json", Some(object))
            .await
    }

    /// Changes some fields of an object, or with `/status` at the end of the path of its status. Null removes a field,
    /// and lists are replaced (JSON merge patch).
    pub async fn patch(&self, path: &str, fields: &Value) -> Result<Value> {
        let content_type = "application/merge-patch+json";
        self.send(Method::PATCH, path, content_type, Some(fields)).await
    }

    /// Deletes an object.
    pub async fn delete(&self, path: &str) -> Result<()> {
        self.send(Method::DELETE, path, "", None).await?;
        Ok(())
    }

    /// What is not JSON: `/readyz`, `/metrics`, a log.
    pub async fn text(&self, path: &str) -> Result<String> {
        let body = self.exchange(Method::GET, path, "", None).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Watches a collection from what a list of it said last.
    pub async fn watch(&self, path: &str, resource_version: &str) -> Result<Watch> {
        let path = format!("{path}?watch=true&resourceVersion={resource_version}");
        let request = self.request(&Method::GET, &path, "", None)?;
        let mut sender = http::connect(self.address).await?;
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        ensure!(response.status().is_success(), "{path}: {}", response.status());
        Ok(Watch::new(sender, response.into_body()))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        content: Option<&Value>,
    ) -> Result<Value> {
        let body = self.exchange(method, path, content_type, content).await?;
        serde_json::from_slice(&body).with_context(|| format!("{path}: {}", String::from_utf8_lossy(&body)))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        content: Option<&Value>,
    ) -> Result<Bytes> {
        let request = self.request(&method, path, content_type, content)?;
        let exchange = async {
            let mut sender = http::connect(self.address).await?;
            Ok::<_, anyhow::Error>(http::exchange(&mut sender, request).await?)
        };
        let exchange = exchange.await;
        let (status, body) = exchange.with_context(|| format!("{method} {path} through kubectl proxy"))?;
        if status.is_success() {
            return Ok(body);
        }
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |field: &str| answer[field].as_str().map(str::to_owned);
        Err(anyhow!(Refusal {
            method,
            path: path.to_owned(),
            status: status.as_u16(),
            reason: text("reason").unwrap_or_default(),
            message: text("message").unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned()),
        }))
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        content_type: &str,
        content: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>> {
        let body = content.map(serde_json::to_vec).transpose()?;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string());
        if content.is_some() {
            request = request.header("content-type", content_type);
        }
        request
            .body(Full::from(body.unwrap_or_default()))
            .with_context(|| format!("{path} is no path"))
    }
}
