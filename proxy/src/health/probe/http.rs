//! A probe by an HTTP request.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode,
    header::{
        AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, LOCATION, PROXY_AUTHORIZATION, TE,
        TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
    },
};
use http_body_util::Full;
use weir_model::document::HealthCheck;

use super::{
    exchange::{Speak, exchange},
    location::Place,
};
use crate::{
    dns::Resolver,
    health::{Fault, Health, Passed, Verdict},
};

/// Requests that a probe makes at most, redirects followed: as in Go.
const MAX_REQUESTS: usize = 10;
/// Who we are, when the check does not say.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("weir-proxy/", env!("CARGO_PKG_VERSION")));
/// What belongs to a connection and not to a request.
const OURS: [HeaderName; 8] = [
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    HOST,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Probes once.
pub(super) async fn ask(resolver: &Resolver, health: &Health) -> Verdict {
    let check = &health.check;
    let HealthCheck {
        hostname,
        method,
        path,
        ..
    } = &check.settings;
    let mut method = method.parse::<Method>().map_err(settings)?;
    let mut headers = headers(&check.settings)?;
    let mut place = Place {
        address: health.address.clone(),
        path: path.clone(),
        scheme: check.scheme,
    };
    let mut host = hostname.clone().unwrap_or_else(|| place.address.to_string());
    for _ in 0..MAX_REQUESTS {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = place.uri(&host)?;
        method.clone_into(request.method_mut());
        headers.clone_into(request.headers_mut());
        let speak = Speak::Any(place.scheme);
        let answer = exchange(resolver, check, &place.address, speak, request, false).await?;
        let (status, location) = (answer.head.status, answer.head.headers.get(LOCATION));
        let next = location.filter(|_| check.settings.follow_redirects && is_redirect(status));
        let Some(next) = next else {
            return judge(status, check.settings.status);
        };
        let next = next.to_str().ok().and_then(|location| place.at(location));
        let next =
            next.ok_or_else(|| Fault::Redirect("it leads to what is no http or https URL".to_owned()))?;
        if next.is_absolute {
            host = next.place.address.to_string();
        }
        if next.place.address.host != place.address.host {
            // what is meant for one host is not shown to another
            for secret in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
                headers.remove(secret);
            }
        }
        if !matches!(
            status,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
        ) && method != Method::HEAD
        {
            method = Method::GET;
        }
        place = next.place;
    }
    Err(Fault::Redirect(format!("more than {MAX_REQUESTS} of them")))
}

fn judge(status: StatusCode, wanted: Option<u16>) -> Verdict {
    let status = status.as_u16();
    let good = wanted.map_or_else(|| (200..400).contains(&status), |wanted| status == wanted);
    if good {
        Ok(Passed::Status(status))
    } else {
        Err(Fault::Status(status))
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Those of a check that are its to set.
pub(super) fn headers(settings: &HealthCheck) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    for (name, value) in &settings.headers {
        let name: HeaderName = name.parse().map_err(self::settings)?;
        let value = HeaderValue::try_from(value).map_err(self::settings)?;
        if !OURS.contains(&name) {
            headers.insert(name, value);
        }
    }
    headers.entry(USER_AGENT).or_insert(AGENT);
    Ok(headers)
}

/// A text of the documents that does not fit.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn settings(error: impl ToString) -> Fault {
    Fault::Settings(error.to_string())
}
