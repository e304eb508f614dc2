//! Requests that ask to leave HTTP (RFC 9110, section 7.8), such as for WebSocket: what they ask for, and whether the
//! upstream's answer is one to that.

use std::{cell::RefCell, fmt};

use http::{
    HeaderMap, HeaderValue, Response, StatusCode, Version,
    header::{CONNECTION, UPGRADE},
    request::Parts,
};

use super::{account::Account, body::ResponseBody, client::Client, headers};
use crate::{
    error::Failure,
    upstream::{Lease, Sent},
};

/// How far a request has come on its way out of HTTP. In a box, as most requests do not go there.
#[derive(Default)]
pub(super) struct Upgrade(RefCell<Option<Box<Step>>>);

enum Step {
    /// The client names protocols.
    Asked(HeaderValue),
    /// The upstream has agreed; its connection goes on as the client's does, and so does the exchange.
    Agreed(Lease, Option<Account>),
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade").finish_non_exhaustive()
    }
}

impl Upgrade {
    /// Another request has come.
    pub(super) fn clear(&self) {
        if self.is_asked() {
            self.0.take();
        }
    }

    /// Whether the request asks to leave HTTP.
    pub(super) fn is_asked(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Whether the upstream has agreed to that.
    pub(super) fn is_agreed(&self) -> bool {
        matches!(self.0.borrow().as_deref(), Some(Step::Agreed(..)))
    }

    /// After the answer, if the upstream has agreed: the exchange is not over. Gives the account back if it is.
    pub(super) fn go_on(&self, account: Account) -> Option<Account> {
        match self.0.borrow_mut().as_deref_mut() {
            Some(Step::Agreed(_, open)) => open.replace(account),
            _ => Some(account),
        }
    }

    /// Takes the upstream's connection, if the upstream has agreed.
    pub(super) fn take(&self) -> Option<(Lease, Option<Account>)> {
        match *self.0.take()? {
            Step::Agreed(lease, account) => Some((lease, account)),
            Step::Asked(_) => None,
        }
    }
}

/// Notes and gives back which protocols a request wants to be spoken from here on. Never h2c: HTTP/2 is spoken here by who
/// begins with it, and an upstream that were led into it would be asked what nobody has checked.
pub(super) fn asked(client: &Client, parts: &Parts) -> Option<HeaderValue> {
    // the one look that a request costs which asks for nothing
    if !parts.headers.contains_key(UPGRADE) {
        return None;
    }
    if client.is_part || parts.version != Version::HTTP_11 || !headers::wants_upgrade(&parts.headers) {
        return None;
    }
    let wanted: Vec<_> = protocols(&parts.headers)
        .filter(|protocol| !protocol.eq_ignore_ascii_case("h2c"))
        .collect();
    let wanted = (!wanted.is_empty()).then(|| HeaderValue::try_from(wanted.join(", ")).ok())??;
    client
        .upgrade
        .0
        .replace(Some(Box::new(Step::Asked(wanted.clone()))));
    Some(wanted)
}

/// Names the protocols for the upstream.
pub(super) fn ask(headers: &mut HeaderMap, protocols: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, protocols);
}

/// Hands an upstream's consent to the client. From then on both connections belong together.
pub(super) fn agree(client: &std::rc::Rc<Client>, sent: Sent) -> Result<Response<ResponseBody>, Failure> {
    let Sent { response, lease, .. } = sent;
    let (parts, ()) = response.into_parts();
    let chosen = match client.upgrade.0.take().map(|step| *step) {
        Some(Step::Asked(asked)) => chosen(&asked, &parts.headers),
        _ => None,
    };
    let chosen = chosen.ok_or(Failure::Switched)?;
    let mut response = Response::new(ResponseBody::own(client.clone(), ""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = parts.headers;
    let headers = response.headers_mut();
    headers::prepare_response(headers);
    headers::remove_framing(headers);
    ask(headers, chosen);
    client
        .upgrade
        .0
        .replace(Some(Box::new(Step::Agreed(lease, None))));
    Ok(response)
}

/// What the upstream will speak, if it was asked for.
fn chosen(asked: &HeaderValue, answer: &HeaderMap) -> Option<HeaderValue> {
    let is_asked = |chosen: &str| headers::tokens(asked).any(|asked| asked.eq_ignore_ascii_case(chosen));
    let mut protocols = protocols(answer).peekable();
    protocols.peek()?;
    protocols.all(is_asked).then(|| answer.get(UPGRADE).cloned())?
}

/// All that are named, in the order of preference.
fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(UPGRADE).iter().flat_map(headers::tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(upgrade: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(UPGRADE, HeaderValue::from_static(upgrade))])
    }

    #[test]
    fn an_upstream_chooses_among_what_is_asked_for() {
        let asked = HeaderValue::from_static("one/2, WebSocket, three");
        for (choice, suits) in [
            ("three", true),
            ("websocket", true),
            ("three, one/2", true),
            ("one", false),
            ("websocket, h2c", false),
            ("", false),
        ] {
            assert_eq!(chosen(&asked, &answer(choice)).is_some(), suits, "{choice}");
        }
        assert_eq!(chosen(&asked, &HeaderMap::new()), None);
    }
}
