//! What all threads of one proxy share: its settings, and the counts behind limits that mean all of them.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use http::HeaderValue;
use rustls::ServerConfig;
use weir_model::entry_point::{RedirectScheme, Trust};

use crate::{limits::Limits, traffic::Buckets};

/// What all threads of one proxy share.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) limits: Limits,
    /// Of histograms of requests.
    pub(crate) buckets: Buckets,
    /// How many threads serve.
    pub(crate) workers: usize,
    pub(crate) entry_points: Box<[EntryPoint]>,
    /// How TLS is spoken with clients, where it is.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// The DNS servers that are asked; none: the system's.
    pub(crate) dns_servers: Arc<[SocketAddr]>,
    /// `X-Forwarded-Server`.
    pub(crate) hostname: HeaderValue,
    /// Where all clocks start.
    pub(crate) start: Instant,
    /// Client connections.
    pub(crate) connections: AtomicUsize,
    /// Mirrored copies under way.
    pub(crate) mirror_copies: Budget,
    /// Bytes held for them.
    pub(crate) mirror_bytes: Budget,
}

#[cfg(test)]
impl Process {
    /// Without entry points, and with a budget of bytes for mirrors.
    pub(crate) fn for_tests(mirror_bytes: usize) -> Self {
        Self {
            limits: Limits::default(),
            buckets: Buckets::default(),
            workers: 1,
            entry_points: Box::default(),
            tls: None,
            dns_servers: Arc::default(),
            hostname: HeaderValue::from_static("test"),
            start: Instant::now(),
            connections: 0.into(),
            mirror_copies: Budget::new(1),
            mirror_bytes: Budget::new(mirror_bytes),
        }
    }
}

/// An entry point as requests need it.
#[derive(Debug)]
pub(crate) struct EntryPoint {
    pub(crate) name: String,
    /// The port that clients use.
    pub(crate) public_port: HeaderValue,
    /// Whether they speak TLS.
    pub(crate) tls: bool,
    /// Where requests are sent instead of being served.
    pub(crate) redirection: Option<Redirection>,
    /// Whose PROXY protocol headers are believed.
    pub(crate) proxy_protocol: Trust,
    /// Whose `X-Forwarded-*` headers are believed.
    pub(crate) forwarded_headers: Trust,
}

/// Where clients are sent.
#[derive(Debug)]
pub(crate) struct Redirection {
    pub(crate) scheme: RedirectScheme,
    /// Behind the host: a colon and a port, or nothing.
    pub(crate) port: String,
    pub(crate) permanent: bool,
}

/// A number that may be taken from up to a limit.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            used: AtomicUsize::new(0),
        }
    }

    /// Takes some, unless that would exceed the limit.
    pub(crate) fn take(&self, amount: usize) -> bool {
        let taken = |used: usize| used.checked_add(amount).filter(|used| *used <= self.limit);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken)
            .is_ok()
    }

    /// Gives back what was taken.
    pub(crate) fn give(&self, amount: usize) {
        self.used.fetch_sub(amount, Ordering::Relaxed);
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }
}

/// This host's name, as the kernel has it.
pub(crate) fn hostname() -> HeaderValue {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    HeaderValue::try_from(name.trim())
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| {
            // only where there is no such file
            HeaderValue::from_static("weir-proxy")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_never_gives_more_than_it_has() {
        let budget = Budget::new(10);
        assert!(budget.take(7));
        assert!(!budget.take(4) && !budget.take(usize::MAX));
        assert!(budget.take(3));
        budget.give(10);
        assert_eq!(budget.used(), 0);
    }
}
