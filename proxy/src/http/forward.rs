//! The way of a request: check, route, pick, send, answer.

use std::{convert::Infallible, rc::Rc};

use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Version,
    header::{CONNECTION, HOST, SET_COOKIE},
    request::Parts,
};
use hyper::body::{Body as _, Incoming};

use super::{
    account::Account,
    body::{FromClient, RequestBody, ResponseBody},
    client::{Client, Order},
    forwarded::Forwarded,
    headers, loops, permission,
    redirect::{self, Redirect},
    request, respond, upgrade,
};
use crate::{
    balance::{Choice, CopyPick, Pick, Visitor},
    error::{CLIENT_CLOSED_REQUEST, Failure},
    mirror::Shadow,
    router::RequestView,
    state::Held as Snapshot,
    upstream::{Errand, Origin, Sent, send},
};

/// Answers a request, one way or the other.
///
/// What can be done at once is done before the future exists. It is moved into its connection, so it
/// holds each thing once, and nothing that is over by then.
pub(super) fn handle(
    client: Rc<Client>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<ResponseBody>, Infallible>> {
    client.begin(&request);
    let mut exchange = Exchange {
        account: Some(Account::open(&client, &request)),
        client,
    };
    let mut prepared = prepare(&exchange, request);
    async move {
        let answer = match &mut prepared {
            Ok(prepared) => prepared.forward(&exchange).await,
            Err(Instead::Failure(failure)) => Err(*failure),
            Err(Instead::Redirect(redirect)) => Ok(respond::redirect(exchange.client.clone(), redirect)),
        };
        Ok(exchange.answer(answer))
    }
}

/// A request that is ready to be sent.
struct Prepared {
    cookies: Option<Box<Cookies>>,
    snapshot: Rc<Snapshot>,
    /// The place of the route.
    route: usize,
    pick: Pick,
    /// The copies that mirrors on the way make of it.
    shadow: Option<Rc<Shadow>>,
    request: Option<Request<RequestBody>>,
}

/// What a request is answered without being sent.
enum Instead {
    Failure(Failure),
    Redirect(Box<Redirect>),
}

impl From<Failure> for Instead {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

fn prepare(exchange: &Exchange, request: Request<Incoming>) -> Result<Prepared, Instead> {
    let client = &exchange.client;
    let (mut parts, body) = request.into_parts();
    // hyper counts those of HTTP/1 only
    if parts.headers.len() > client.worker.process.limits.max_headers {
        return Err(Failure::HeadTooLarge.into());
    }
    request::normalize(&mut parts)?;
    let withheld = permission::is_asked(client, &parts, &body);
    client.flags.withheld.set(withheld);
    if let Some(redirect) = redirect::of(client, &parts)? {
        return Err(Instead::Redirect(redirect.into()));
    }
    loops::pass(&mut parts.headers)?;
    let upgrade = upgrade::asked(client, &parts);
    let snapshot = client.worker.snapshot();
    let Picked {
        cookies,
        route,
        pick,
        shadow,
    } = pick(exchange, &snapshot, &parts, &body)?;
    let entry_point = client.entry_point();
    headers::prepare_request(
        &mut parts.headers,
        &Forwarded {
            peer: &client.peer_header,
            port: &entry_point.public_port,
            secure: entry_point.tls,
            server: &client.worker.process.hostname,
            trusted: client.is_trusted,
            upgrade: upgrade.as_ref(),
        },
    );
    if let Some(protocols) = upgrade {
        upgrade::ask(&mut parts.headers, protocols);
    }
    parts.version = Version::HTTP_11;
    let body = outgoing_body(client, shadow.as_ref(), body);
    if let Some(shadow) = &shadow {
        shadow.remember(&parts);
    }
    let mut request = Request::from_parts(parts, body);
    if withheld {
        permission::ask(&mut request);
    }
    Ok(Prepared {
        cookies,
        snapshot,
        route,
        pick,
        shadow,
        request: Some(request),
    })
}

/// Cookies to set: of each sticky service on the way that the request had none of, or one of an older form. In a box, as
/// most requests have nothing there.
#[derive(Debug, Default)]
struct Cookies(Vec<HeaderValue>);

/// Where a request goes.
struct Picked {
    cookies: Option<Box<Cookies>>,
    /// The place of the route.
    route: usize,
    pick: Pick,
    /// The copies that mirrors on the way make of it.
    shadow: Option<Rc<Shadow>>,
}

fn pick(
    exchange: &Exchange,
    snapshot: &Rc<Snapshot>,
    parts: &Parts,
    body: &Incoming,
) -> Result<Picked, Failure> {
    let client = &exchange.client;
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let (path, query) = (parts.uri.path(), parts.uri.query());
    let (method, host) = (parts.method.as_str(), host.unwrap_or_default());
    let view = RequestView::new(method, host, path, query, &parts.headers, client.peer)
        .map_err(|_| Failure::BadRequest)?;
    let (place, route) = snapshot
        .route(client.entry_point, &view)
        .ok_or(Failure::NoRoute)?;
    if let Some(account) = &exchange.account {
        account.routed(&route.label);
    }
    let root = route.target.ok_or(Failure::NoServer)?;
    let mut way = Way {
        cookies: None,
        copies: Vec::new(),
        headers: &parts.headers,
    };
    let pick = snapshot
        .forest()
        .pick(root, route.counter.next(), &mut way)
        .ok_or(Failure::NoServer)?;
    let Way { cookies, copies, .. } = way;
    let shadow = (!copies.is_empty()).then(|| {
        let upgrade = client.asks_to_switch();
        Shadow::new(
            &client.worker,
            snapshot,
            copies,
            body.size_hint().exact(),
            upgrade,
        )
    });
    Ok(Picked {
        cookies,
        route: place,
        pick,
        shadow,
    })
}

/// What a request meets while it is picked.
struct Way<'a> {
    cookies: Option<Box<Cookies>>,
    copies: Vec<CopyPick>,
    headers: &'a HeaderMap,
}

impl Visitor for &mut Way<'_> {
    fn copy(&mut self, copy: CopyPick) {
        self.copies.push(copy);
    }

    fn find(&mut self, choice: &Choice) -> Option<usize> {
        let found = choice.places.find(self.headers)?;
        if !found.current {
            self.chosen(choice, found.place);
        }
        Some(found.place)
    }

    fn chosen(&mut self, choice: &Choice, child: usize) {
        let cookies = self.cookies.get_or_insert_default();
        cookies.0.push(choice.places.set(child));
    }
}

fn outgoing_body(client: &Rc<Client>, shadow: Option<&Rc<Shadow>>, body: Incoming) -> RequestBody {
    if body.is_end_stream() {
        return RequestBody::Empty;
    }
    let body = FromClient::new(body, client.clone());
    match shadow.and_then(Shadow::capture) {
        Some(capture) => RequestBody::Captured(body, capture),
        None => RequestBody::Client(body),
    }
}

impl Prepared {
    async fn forward(&mut self, exchange: &Exchange) -> Result<Response<ResponseBody>, Failure> {
        let Exchange { account, client } = exchange;
        let errand = Errand {
            worker: &client.worker,
            snapshot: &self.snapshot,
            origin: Origin::Client {
                account: account.as_ref(),
                client,
                route: self.route,
            },
        };
        let sent = send(&errand, self.pick, &mut self.request).await;
        if let Some(shadow) = &self.shadow {
            let status = match &sent {
                Ok(sent) => sent.response.status(),
                Err(failure) => failure.status(),
            };
            shadow.main_answered(status.as_u16());
        }
        let mut sent = sent?;
        let of_endpoint = sent.cookie.take().map(|cookie| *cookie);
        // who was sent elsewhere in need comes back to what was chosen
        let chosen = self.cookies.take().filter(|_| !sent.elsewhere);
        let on_the_way = chosen.into_iter().flat_map(|cookies| cookies.0);
        let mut response = respond(client, sent)?;
        for cookie in on_the_way.chain(of_endpoint) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(response)
    }
}

/// Hands an upstream's answer to the client.
fn respond(client: &Rc<Client>, sent: Sent) -> Result<Response<ResponseBody>, Failure> {
    if sent.response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return upgrade::agree(client, sent);
    }
    let Sent { response, lease, .. } = sent;
    let (mut parts, ()) = response.into_parts();
    // hyper writes what the client's version asks for
    parts.version = Version::HTTP_11;
    headers::prepare_response(&mut parts.headers);
    Ok(Response::from_parts(
        parts,
        ResponseBody::upstream(client.clone(), lease),
    ))
}

/// A request that waits for its answer. Dropped before, its client went away; then all that served it is
/// dropped, which ends the upstream's request as well.
struct Exchange {
    /// None once it is answered.
    account: Option<Account>,
    client: Rc<Client>,
}

impl Exchange {
    fn answer(&mut self, answer: Result<Response<ResponseBody>, Failure>) -> Response<ResponseBody> {
        self.client.flags.answered.set(true);
        let metrics = &self.client.worker.metrics;
        let mut response = answer.unwrap_or_else(|failure| {
            metrics.failures[failure as usize].inc();
            if let Some(account) = &self.account {
                account.failed(failure);
            }
            respond::failure(self.client.clone(), failure)
        });
        let status = response.status();
        metrics.count_response(self.client.entry_point, status.as_u16());
        if let Some(mut account) = self.account.take() {
            account.answered(status.as_u16(), Some(response.headers()));
            response.body_mut().account = Some(account);
        }
        let switches = status == StatusCode::SWITCHING_PROTOCOLS;
        if !switches {
            self.client.upgrade.clear();
        }
        // what comes next from a client that has not sent its body could be that
        let ends = self.client.order() == Order::Drain || self.client.flags.withheld.get();
        if ends && !switches {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(mut account) = self.account.take() {
            let metrics = &self.client.worker.metrics;
            metrics.failures[Failure::ClientGone as usize].inc();
            metrics.count_response(self.client.entry_point, CLIENT_CLOSED_REQUEST);
            account.answered(CLIENT_CLOSED_REQUEST, None);
            account.failed(Failure::ClientGone);
            account.close(&self.client, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<A, B, F: Future>(_: impl Fn(A, B) -> F) -> usize {
        size_of::<F>()
    }

    /// A request's future is moved into its connection; every byte of it is copied.
    #[test]
    fn a_request_is_cheap_to_move() {
        assert!(size(handle) <= 1_536, "{}", size(handle));
    }
}
