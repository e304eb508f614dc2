//! Entry points that send their clients to another one, as a rule from HTTP to HTTPS.

use http::{HeaderValue, Method, StatusCode, header::HOST, request::Parts};

use super::{client::Client, forwarded::claimed_scheme};
use crate::error::Failure;

/// An answer that sends a client elsewhere.
#[derive(Debug)]
pub(super) struct Redirect {
    pub(super) status: StatusCode,
    pub(super) location: HeaderValue,
}

/// Where a request's entry point sends it; none: it is served. Who has used the right scheme already, up to a forwarder
/// that is trusted, is served: it would be sent around for ever.
pub(super) fn of(client: &Client, parts: &Parts) -> Result<Option<Redirect>, Failure> {
    let Some(redirection) = &client.entry_point().redirection else {
        return Ok(None);
    };
    if client.is_trusted && claimed_scheme(&parts.headers) == Some(redirection.scheme) {
        return Ok(None);
    }
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let name = host.map(without_port).filter(|name| !name.is_empty());
    // nowhere to send to
    let name = name.ok_or(Failure::NoRoute)?;
    let target = parts.uri.path_and_query().ok_or(Failure::BadRequest)?;
    // of the server as a whole
    let target = Some(target.as_str())
        .filter(|target| *target != "*")
        .unwrap_or_default();
    let (scheme, port) = (redirection.scheme.as_str(), &redirection.port);
    let location = HeaderValue::try_from(format!("{scheme}://{name}{port}{target}"));
    // others than a GET must be repeated as they are
    let status = match (redirection.permanent, parts.method == Method::GET) {
        (true, true) => StatusCode::MOVED_PERMANENTLY,
        (true, false) => StatusCode::PERMANENT_REDIRECT,
        (false, true) => StatusCode::FOUND,
        (false, false) => StatusCode::TEMPORARY_REDIRECT,
    };
    let location = location.map_err(|_| Failure::BadRequest)?;
    Ok(Some(Redirect { status, location }))
}

fn without_port(host: &str) -> &str {
    let end = match host.strip_prefix('[') {
        Some(_) => host.find(']').map(|bracket| bracket + 1),
        None => host.find(':'),
    };
    &host[..end.unwrap_or(host.len())]
}
