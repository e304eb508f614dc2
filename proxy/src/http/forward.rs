//! The way of a request: check, route, pick, send, answer.

use std::{convert::Infallible, rc::Rc};

use http::{
    HeaderValue, Request, Response, StatusCode, Version,
    header::{CONNECTION, HOST},
    request::Parts,
};
use hyper::body::{Body as _, Incoming};

use super::{
    body::{FromClient, RequestBody, ResponseBody},
    client::{Client, Order},
    headers::{self, Forwarded},
    request, respond,
};
use crate::{
    balance::Pick,
    error::Failure,
    mirror::Shadow,
    router::RequestView,
    state::Held as Snapshot,
    upstream::{Origin, Sent, send},
};

/// Answers a request, one way or the other.
pub(super) async fn handle(
    client: Rc<Client>,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    let (parts, body) = request.into_parts();
    client.begin(body.is_end_stream(), parts.version < Version::HTTP_11);
    let unanswered = Unanswered(&client);
    let answer = forward(&client, parts, body).await;
    unanswered.answered();
    let metrics = &client.worker.metrics;
    let mut response = answer.unwrap_or_else(|failure| {
        metrics.failures[failure as usize].inc();
        respond::failure(client.clone(), failure)
    });
    metrics.count_response(client.entry_point, response.status().as_u16());
    if client.order() == Order::Drain {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

async fn forward(
    client: &Rc<Client>,
    mut parts: Parts,
    body: Incoming,
) -> Result<Response<ResponseBody>, Failure> {
    request::normalize(&mut parts)?;
    let Picked {
        snapshot,
        pick,
        shadow,
    } = pick(client, &parts, &body)?;
    let worker = &client.worker;
    let entry_point = &worker.process.entry_points[client.entry_point];
    headers::prepare_request(
        &mut parts.headers,
        &Forwarded {
            peer: &client.peer_header,
            port: &entry_point.public_port,
            server: &worker.process.hostname,
        },
    );
    parts.version = Version::HTTP_11;
    let body = match &shadow {
        _ if body.is_end_stream() => RequestBody::Empty,
        None => RequestBody::Client(FromClient::new(body, client.clone())),
        Some(shadow) => {
            let from_client = FromClient::new(body, client.clone());
            match shadow.capture() {
                Some(capture) => RequestBody::Captured(from_client, capture),
                None => RequestBody::Client(from_client),
            }
        }
    };
    if let Some(shadow) = &shadow {
        shadow.remember(&parts);
    }
    let request = Request::from_parts(parts, body);
    let leaf = snapshot.leaf(pick.leaf);
    let sent = send(worker, leaf, pick.turn, request, Origin::Client(client)).await;
    if let Some(shadow) = shadow {
        shadow.main_answered();
    }
    respond(client, sent?)
}

/// Where a request goes.
struct Picked {
    snapshot: Rc<Snapshot>,
    pick: Pick,
    /// The copies that mirrors on the way make of it.
    shadow: Option<Rc<Shadow>>,
}

fn pick(client: &Rc<Client>, parts: &Parts, body: &Incoming) -> Result<Picked, Failure> {
    let worker = &client.worker;
    let snapshot = worker.snapshot();
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let (path, query) = (parts.uri.path(), parts.uri.query());
    let (method, host) = (parts.method.as_str(), host.unwrap_or_default());
    let view = RequestView::new(method, host, path, query, &parts.headers, client.peer)
        .map_err(|_| Failure::BadRequest)?;
    let route = snapshot
        .route(client.entry_point, &view)
        .ok_or(Failure::NoRoute)?;
    let root = route.target.ok_or(Failure::NoServer)?;
    let mut copies = Vec::new();
    let pick = snapshot
        .forest()
        .pick(root, route.counter.next(), |copy| copies.push(copy));
    let shadow = (!copies.is_empty()).then(|| {
        let upgrade = headers::wants_upgrade(&parts.headers);
        Shadow::new(worker, &snapshot, copies, body.size_hint().exact(), upgrade)
    });
    Ok(Picked {
        snapshot,
        pick,
        shadow,
    })
}

/// Hands an upstream's answer to the client.
fn respond(client: &Rc<Client>, sent: Sent) -> Result<Response<ResponseBody>, Failure> {
    let Sent { response, lease } = sent;
    let (mut parts, body) = response.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Failure::Switched);
    }
    // hyper writes what the client's version asks for
    parts.version = Version::HTTP_11;
    headers::prepare_response(&mut parts.headers);
    Ok(Response::from_parts(
        parts,
        ResponseBody::upstream(client.clone(), body, lease),
    ))
}

/// Counts a request whose client went away before its answer: then all that served it is dropped,
/// which ends the upstream's request as well.
struct Unanswered<'a>(&'a Client);

impl Unanswered<'_> {
    fn answered(self) {
        std::mem::forget(self);
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let metrics = &self.0.worker.metrics;
        metrics.failures[Failure::ClientGone as usize].inc();
        metrics.count_response(self.0.entry_point, crate::error::CLIENT_CLOSED_REQUEST);
    }
}
