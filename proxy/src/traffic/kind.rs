//! What series of one service or entry point differ by: status, method, protocol. Clients choose the latter two, so there are few of each.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT, CONNECTION, CONTENT_TYPE, UPGRADE},
};

/// A request's method, as far as Traefik tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Method {
    Connect,
    Delete,
    Extension,
    Get,
    Head,
    Options,
    Patch,
    Post,
    Put,
    Trace,
}

impl Method {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Delete => "DELETE",
            Self::Extension => "EXTENSION_METHOD",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Trace => "TRACE",
        }
    }
}

impl From<&http::Method> for Method {
    fn from(method: &http::Method) -> Self {
        match *method {
            http::Method::CONNECT => Self::Connect,
            http::Method::DELETE => Self::Delete,
            http::Method::GET => Self::Get,
            http::Method::HEAD => Self::Head,
            http::Method::OPTIONS => Self::Options,
            http::Method::PATCH => Self::Patch,
            http::Method::POST => Self::Post,
            http::Method::PUT => Self::Put,
            http::Method::TRACE => Self::Trace,
            _ => Self::Extension,
        }
    }
}

/// What a request speaks on top of HTTP, as Traefik guesses it from the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Protocol {
    Grpc,
    GrpcWeb,
    Http,
    Sse,
    WebSocket,
}

impl Protocol {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::GrpcWeb => "grpc-web",
            Self::Http => "http",
            Self::Sse => "sse",
            Self::WebSocket => "websocket",
        }
    }
}

impl From<&HeaderMap> for Protocol {
    fn from(headers: &HeaderMap) -> Self {
        let starts = |with: &[u8]| {
            let content = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
            content.is_some_and(|content| content.starts_with(with))
        };
        if names(headers, &CONNECTION, b"upgrade") && names(headers, &UPGRADE, b"websocket") {
            Self::WebSocket
        } else if names(headers, &ACCEPT, b"text/event-stream") {
            Self::Sse
        } else if !starts(b"application/grpc") {
            Self::Http
        } else if starts(b"application/grpc-web") {
            Self::GrpcWeb
        } else {
            Self::Grpc
        }
    }
}

/// Whether a header's first line has a word in its list.
fn names(headers: &HeaderMap, name: &HeaderName, word: &[u8]) -> bool {
    headers.get(name).is_some_and(|value| {
        let mut items = value.as_bytes().split(|byte| *byte == b',');
        items.any(|item| item.trim_ascii().eq_ignore_ascii_case(word))
    })
}

/// What came of a request: what one series counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    /// The status; of gRPC its own status.
    pub(crate) code: u16,
    pub(crate) method: Method,
    pub(crate) protocol: Protocol,
}

/// What gRPC answers when nobody says what came of a call.
const UNKNOWN: u16 = 2;

impl Kind {
    /// Of a request that is not answered yet.
    pub(crate) fn of(method: &http::Method, headers: &HeaderMap) -> Self {
        Self {
            code: 0,
            method: method.into(),
            protocol: headers.into(),
        }
    }

    /// Whether Traefik counts its calls by the status of gRPC.
    pub(crate) fn is_grpc(self) -> bool {
        matches!(self.protocol, Protocol::Grpc | Protocol::GrpcWeb)
    }

    /// It is answered with a status, and maybe with one of gRPC.
    pub(crate) fn answered(&mut self, status: u16, headers: Option<&HeaderMap>) {
        self.code = if self.is_grpc() {
            headers.and_then(grpc_status).unwrap_or(UNKNOWN)
        } else {
            status
        };
    }

    /// The same among fewer: by the class of its status.
    pub(super) fn rough(self) -> Self {
        let code = if self.code < 100 {
            UNKNOWN
        } else {
            self.code / 100 * 100
        };
        Self { code, ..self }
    }
}

/// The status of gRPC in headers or trailers: 0 to 16 are defined.
pub(crate) fn grpc_status(headers: &HeaderMap) -> Option<u16> {
    let status = headers.get("grpc-status")?.to_str().ok()?;
    status.parse().ok().filter(|status| *status <= 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protocol(headers: &[(&'static str, &'static str)]) -> &'static str {
        let header = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let headers: HeaderMap = headers.iter().map(header).collect();
        Protocol::from(&headers).label()
    }

    #[test]
    fn protocols_are_guessed_as_traefik_does() {
        assert_eq!(protocol(&[]), "http");
        assert_eq!(protocol(&[("accept", "text/html, Text/Event-Stream")]), "sse");
        assert_eq!(protocol(&[("accept", "text/event-stream;q=1")]), "http");
        assert_eq!(protocol(&[("content-type", "application/grpc+proto")]), "grpc");
        assert_eq!(protocol(&[("content-type", "application/grpc-web")]), "grpc-web");
        let (connection, upgrade) = (("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket"));
        assert_eq!(protocol(&[connection, upgrade]), "websocket");
        assert_eq!(protocol(&[upgrade]), "http");
    }

    #[test]
    fn methods_are_a_closed_set() {
        for method in ["GET", "PATCH", "TRACE", "CONNECT"] {
            assert_eq!(Method::from(&method.parse().unwrap()).label(), method);
        }
        for method in ["PROPFIND", "get", "X"] {
            assert_eq!(Method::from(&method.parse().unwrap()).label(), "EXTENSION_METHOD");
        }
    }

    #[test]
    fn calls_of_grpc_are_counted_by_their_own_status() {
        let mut kind = Kind {
            code: 0,
            method: Method::Post,
            protocol: Protocol::Grpc,
        };
        kind.answered(200, None);
        assert_eq!(kind.code, UNKNOWN);
        let headers = |status| HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), status)]);
        kind.answered(200, Some(&headers(HeaderValue::from_static("14"))));
        assert_eq!(kind.code, 14);
        kind.answered(200, Some(&headers(HeaderValue::from_static("17"))));
        assert_eq!(kind.code, UNKNOWN);
    }
}
