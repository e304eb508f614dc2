//! How endpoints of a leaf are probed.

use std::{sync::Arc, time::Duration};

use weir_model::{
    document::{self, Address, HealthCheck, HealthMode, Scheme},
    duration::GoDuration,
};

use crate::tls::ClientTls;

/// A health check, with all that it takes from its leaf. Probes are shared by leaves whose checks are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Check {
    /// What is asked, and when.
    pub settings: HealthCheck,
    /// How it is asked.
    pub scheme: Scheme,
    /// For connecting; none: the probe's own.
    pub(super) dial_timeout: Option<Duration>,
    /// From the request to the response's head; none: the probe's own.
    pub(super) head_timeout: Option<Duration>,
    /// Where TLS may be spoken: how, or why it cannot be spoken as the transport wants it.
    pub(super) tls: Option<Result<ClientTls, Arc<str>>>,
}

impl Check {
    /// For a leaf with a scheme and a transport. `tls` is asked when TLS may be spoken.
    pub(crate) fn new(
        settings: &HealthCheck,
        scheme: Scheme,
        transport: Option<&document::Transport>,
        tls: impl FnOnce() -> Result<ClientTls, Arc<str>>,
    ) -> Self {
        let limit = |of: fn(&document::Transport) -> GoDuration| {
            let duration = transport.and_then(|transport| of(transport).to_std());
            duration.filter(|duration| !duration.is_zero())
        };
        let scheme = settings.scheme.unwrap_or(scheme);
        // a redirect may lead to https
        let may_be_secure =
            scheme == Scheme::Https || (settings.mode == HealthMode::Http && settings.follow_redirects);
        Self {
            settings: settings.clone(),
            scheme,
            dial_timeout: limit(|transport| transport.dial_timeout),
            head_timeout: limit(|transport| transport.response_header_timeout),
            tls: may_be_secure.then(tls),
        }
    }

    /// Where an endpoint is probed.
    pub(crate) fn address(&self, endpoint: &Address) -> Address {
        Address {
            port: self.settings.port.unwrap_or(endpoint.port),
            ..endpoint.clone()
        }
    }

    /// From the start of a probe to that of the next one.
    pub(super) fn interval(&self, healthy: bool) -> Duration {
        let interval = if healthy {
            self.settings.interval
        } else {
            self.settings.unhealthy_interval
        };
        at_least(interval)
    }

    /// For a whole probe.
    pub(super) fn timeout(&self) -> Duration {
        at_least(self.settings.timeout)
    }
}

/// Documents with less are refused; this only rules out a probe without a pause.
fn at_least(duration: GoDuration) -> Duration {
    duration
        .to_std()
        .unwrap_or_default()
        .max(Duration::from_millis(1))
}
