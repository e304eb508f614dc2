//! Requests that come round again, as they do where a route leads to the proxy itself.
//!
//! Every pass of a request that has been through a proxy already, which its `X-Forwarded-Server` tells, adds to
//! `CDN-Loop` (RFC 8586); after some passes the request is answered. A client's own request passes without a trace.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::forwarded::X_FORWARDED_SERVER;
use crate::error::Failure;

static CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");
/// This proxy, among the members of the header.
const OWN: &str = "weir";
/// Several in a row may be meant: one before a cluster, one in it, one for a part of it.
const MOST: usize = 10;

/// Counts a pass.
pub(super) fn pass(headers: &mut HeaderMap) -> Result<(), Failure> {
    if !headers.contains_key(&X_FORWARDED_SERVER) {
        return Ok(());
    }
    let members = headers.get_all(&CDN_LOOP).iter().flat_map(members);
    if members.filter(|member| *member == OWN).count() >= MOST {
        return Err(Failure::Loop);
    }
    headers
        .try_append(&CDN_LOOP, HeaderValue::from_static(OWN))
        .map_err(|_| Failure::HeadTooLarge)?;
    Ok(())
}

/// Whom it names, without their parameters.
fn members(value: &HeaderValue) -> impl Iterator<Item = &str> {
    let text = value.to_str().unwrap_or_default();
    text.split(',')
        .map(|member| member.split(';').next().unwrap_or_default().trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let lines = lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        lines.collect()
    }

    #[test]
    fn a_clients_own_request_has_no_trace_of_it() {
        let mut plain = headers(&[("host", "a")]);
        assert_eq!(pass(&mut plain), Ok(()));
        assert_eq!(plain.len(), 1);
    }

    #[test]
    fn passes_are_counted_however_they_are_written() {
        let mut passed = headers(&[("x-forwarded-server", "other")]);
        for _ in 0..MOST {
            assert_eq!(pass(&mut passed), Ok(()));
        }
        assert_eq!(pass(&mut passed), Err(Failure::Loop));
        let written = "other, weir;v=1,weir ,weir, weird,weir,weir,weir,weir,weir,weir";
        let mut passed = headers(&[("x-forwarded-server", "other"), ("cdn-loop", written)]);
        assert_eq!(pass(&mut passed), Ok(()));
        assert_eq!(pass(&mut passed), Err(Failure::Loop));
    }
}
