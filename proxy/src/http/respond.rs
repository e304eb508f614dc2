//! The answers that the proxy gives itself, in Traefik's words.

use std::rc::Rc;

use http::{
    HeaderValue, Response,
    header::{CONTENT_TYPE, LOCATION, X_CONTENT_TYPE_OPTIONS},
};

use super::{body::ResponseBody, client::Client, redirect::Redirect};
use crate::error::Failure;

/// The answer to a request that no upstream answers.
pub(super) fn failure(client: Rc<Client>, failure: Failure) -> Response<ResponseBody> {
    let status = failure.status();
    let text = match failure {
        Failure::NoRoute => "404 page not found\n",
        Failure::NoServer => "no available server\n",
        _ => status.canonical_reason().unwrap_or_default(),
    };
    let mut response = Response::new(ResponseBody::own(client, text));
    *response.status_mut() = status;
    // as Go's http.Error does it; errors of the proxy itself have a body and no type
    if matches!(failure, Failure::NoRoute | Failure::NoServer) {
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    response
}

/// The answer that sends a client elsewhere.
pub(super) fn redirect(client: Rc<Client>, redirect: &Redirect) -> Response<ResponseBody> {
    let text = redirect.status.canonical_reason().unwrap_or_default();
    let mut response = Response::new(ResponseBody::own(client, text));
    *response.status_mut() = redirect.status;
    response.headers_mut().insert(LOCATION, redirect.location.clone());
    response
}
