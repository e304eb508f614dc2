//! How connections to endpoints are made.

use std::time::Duration;

use weir_model::{document, duration::GoDuration};

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
}

impl Default for Transport {
    /// Traefik's defaults.
    fn default() -> Self {
        Self {
            dial_timeout: Some(Duration::from_secs(30)),
            idle_timeout: Some(Duration::from_secs(90)),
            max_idle: None,
            response_header_timeout: None,
        }
    }
}

impl From<&document::Transport> for Transport {
    fn from(transport: &document::Transport) -> Self {
        let limit = |duration: GoDuration| duration.to_std().filter(|duration| !duration.is_zero());
        Self {
            dial_timeout: limit(transport.dial_timeout),
            idle_timeout: limit(transport.idle_conn_timeout),
            max_idle: transport.max_idle_conns_per_host,
            response_header_timeout: limit(transport.response_header_timeout),
        }
    }
}
