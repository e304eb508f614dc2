//! Requests that may be sent again although an upstream may have seen them.

use http::{Extensions, HeaderMap, Method, Request, Uri, Version};

use crate::http::RequestBody;

/// A request's head, kept to be sent again.
pub(super) struct Replay {
    method: Repeatable,
    uri: Uri,
    headers: HeaderMap,
    extensions: Extensions,
}

/// Methods that may be repeated (RFC 9110, section 9.2.2, without `PUT` and `DELETE`, which Go's client does not repeat either).
#[derive(Clone, Copy, Debug)]
pub(super) enum Repeatable {
    Get,
    Head,
    Options,
    Trace,
}

impl Repeatable {
    fn of(method: &Method) -> Option<Self> {
        match *method {
            Method::GET => Some(Self::Get),
            Method::HEAD => Some(Self::Head),
            Method::OPTIONS => Some(Self::Options),
            Method::TRACE => Some(Self::Trace),
            _ => None,
        }
    }
}

impl From<Repeatable> for Method {
    fn from(method: Repeatable) -> Self {
        match method {
            Repeatable::Get => Self::GET,
            Repeatable::Head => Self::HEAD,
            Repeatable::Options => Self::OPTIONS,
            Repeatable::Trace => Self::TRACE,
        }
    }
}

impl Replay {
    /// Of a request that may be sent again when its connection has ended: it has no body, and its method may be repeated.
    pub(super) fn is_for(request: &Request<RequestBody>) -> Option<Repeatable> {
        Repeatable::of(request.method()).filter(|_| matches!(request.body(), RequestBody::Empty))
    }

    pub(super) fn of(request: &Request<RequestBody>) -> Option<Self> {
        Some(Self {
            method: Self::is_for(request)?,
            uri: request.uri().clone(),
            headers: request.headers().clone(),
            extensions: request.extensions().clone(),
        })
    }

    pub(super) fn again(self) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::Empty);
        *request.method_mut() = self.method.into();
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        *request.extensions_mut() = self.extensions;
        *request.version_mut() = Version::HTTP_11;
        request
    }
}
