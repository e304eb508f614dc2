//! Why a request is not answered by an upstream.

use http::StatusCode;

/// Why the proxy answers a request itself. A closed set: metrics count by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The request breaks a rule of HTTP.
    BadRequest,
    /// The request has more headers than it may.
    HeadTooLarge,
    /// The request's body broke off or is malformed.
    RequestBody,
    /// The client went away before its answer.
    ClientGone,
    /// `CONNECT`, or a transfer coding other than `chunked`.
    NotImplemented,
    /// The request has come round too often.
    Loop,
    /// No route matches.
    NoRoute,
    /// The route has nothing usable behind it.
    NoServer,
    /// The endpoint's name does not resolve.
    Resolve,
    /// No connection: refused, unreachable, reset.
    Connect,
    /// No connection in time.
    ConnectTimeout,
    /// TLS with the upstream fails: its certificate is not believed, or it speaks something else.
    Tls,
    /// The upstream closed the connection without an answer.
    Closed,
    /// The connection broke.
    Broken,
    /// No answer in time.
    ResponseTimeout,
    /// The answer is not HTTP/1, or its head is too large.
    Malformed,
    /// The upstream switched protocols without being asked to.
    Switched,
    /// The answer's body broke off or is malformed: the client has its head by then, and sees its connection break.
    ResponseBody,
}

/// Traefik's (and nginx's) status for a client that went away; counted, never sent.
pub const CLIENT_CLOSED_REQUEST: u16 = 499;

impl Failure {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 18] = [
        Self::BadRequest,
        Self::HeadTooLarge,
        Self::RequestBody,
        Self::ClientGone,
        Self::NotImplemented,
        Self::Loop,
        Self::NoRoute,
        Self::NoServer,
        Self::Resolve,
        Self::Connect,
        Self::ConnectTimeout,
        Self::Tls,
        Self::Closed,
        Self::Broken,
        Self::ResponseTimeout,
        Self::Malformed,
        Self::Switched,
        Self::ResponseBody,
    ];

    /// A stable label.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::HeadTooLarge => "head_too_large",
            Self::RequestBody => "request_body",
            Self::ClientGone => "client_gone",
            Self::NotImplemented => "not_implemented",
            Self::Loop => "loop",
            Self::NoRoute => "no_route",
            Self::NoServer => "no_server",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls",
            Self::Closed => "closed",
            Self::Broken => "broken",
            Self::ResponseTimeout => "response_timeout",
            Self::Malformed => "malformed",
            Self::Switched => "switched",
            Self::ResponseBody => "response_body",
        }
    }

    /// The status that the client gets, as Traefik maps errors: a network error is 502, a timeout 504,
    /// what is left 500.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest | Self::RequestBody | Self::ClientGone => StatusCode::BAD_REQUEST,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::NotImplemented => StatusCode::NOT_IMPLEMENTED,
            Self::Loop => StatusCode::LOOP_DETECTED,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::NoServer => StatusCode::SERVICE_UNAVAILABLE,
            Self::Resolve | Self::Connect | Self::Closed | Self::Broken | Self::ResponseBody => {
                StatusCode::BAD_GATEWAY
            }
            Self::ConnectTimeout | Self::ResponseTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Tls | Self::Malformed | Self::Switched => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_is_listed_at_its_place() {
        for (place, failure) in Failure::ALL.into_iter().enumerate() {
            assert_eq!(failure as usize, place, "{}", failure.reason());
        }
    }
}
