//! How connections to endpoints are made.

use std::time::Duration;

use weir_model::{
    document::{self, Scheme},
    duration::GoDuration,
};

use crate::tls::ClientTls;

/// The settings of a ServersTransport, or the defaults. Endpoints are told apart by it: connections made
/// under other settings are not taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Transport {
    /// For connecting; none: as long as the system tries.
    pub dial_timeout: Option<Duration>,
    /// How long an unused connection is kept; none: for ever.
    pub idle_timeout: Option<Duration>,
    /// Unused connections kept for an endpoint by the whole process; none: not configured.
    pub max_idle: Option<u32>,
    /// From the request's last byte to the response's head; none: no limit.
    pub response_header_timeout: Option<Duration>,
    /// How long an HTTP/2 connection is silent before it is pinged; none: it is not.
    pub ping_after: Option<Duration>,
    /// For the answer to a ping.
    pub ping_timeout: Duration,
    /// For endpoints that speak TLS.
    pub tls: Option<ClientTls>,
}

/// As Traefik's default, and where a transport says 0, which would close every connection that is pinged.
const PING_TIMEOUT: Duration = Duration::from_secs(15);

impl Default for Transport {
    /// Traefik's defaults.
    fn default() -> Self {
        Self {
            dial_timeout: Some(Duration::from_secs(30)),
            idle_timeout: Some(Duration::from_secs(90)),
            max_idle: None,
            response_header_timeout: None,
            ping_after: None,
            ping_timeout: PING_TIMEOUT,
            tls: None,
        }
    }
}

impl Transport {
    /// For endpoints with a scheme. `tls` is asked where they speak TLS; its error is that it cannot be spoken as the
    /// transport wants it.
    pub(super) fn new<E>(
        transport: Option<&document::Transport>,
        scheme: Scheme,
        tls: impl FnOnce() -> Result<ClientTls, E>,
    ) -> Result<Self, E> {
        let tls = match scheme {
            Scheme::Http | Scheme::H2c => None,
            Scheme::Https => Some(tls()?),
        };
        let plain = transport.map(Self::from).unwrap_or_default();
        Ok(Self { tls, ..plain })
    }
}

impl From<&document::Transport> for Transport {
    /// But for TLS.
    fn from(transport: &document::Transport) -> Self {
        let limit = |duration: GoDuration| duration.to_std().filter(|duration| !duration.is_zero());
        Self {
            dial_timeout: limit(transport.dial_timeout),
            idle_timeout: limit(transport.idle_conn_timeout),
            max_idle: transport.max_idle_conns_per_host,
            response_header_timeout: limit(transport.response_header_timeout),
            ping_after: limit(transport.read_idle_timeout),
            ping_timeout: limit(transport.ping_timeout).unwrap_or(PING_TIMEOUT),
            tls: None,
        }
    }
}
