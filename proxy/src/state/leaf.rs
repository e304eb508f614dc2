//! A leaf: the endpoints of a reference to a Service, and how they are reached.

use std::{sync::Arc, time::Duration};

use weir_model::{document::Scheme, duration::GoDuration};

use super::{Endpoint, Transport};

/// A reference to a port of a Service that has endpoints.
#[derive(Debug)]
pub struct Leaf {
    /// When response bytes are sent on.
    pub flush: Flush,
    /// Traefik's name (`apps-svc1-80@kubernetescrd`), for metrics.
    pub label: Arc<str>,
    /// Whether the upstream sees the client's `Host`, else [`Endpoint::authority`].
    pub pass_host_header: bool,
    /// The protocol.
    pub scheme: Scheme,
    /// How connections are made.
    pub transport: Arc<Transport>,
    /// Why nothing can be sent there yet: such a leaf answers 502, rather than being reached in a
    /// way that nobody asked for.
    pub unsupported: Option<Unsupported>,
    /// Never empty: the ready ones, or the terminating ones where none is ready.
    pub(super) endpoints: Box<[Arc<Endpoint>]>,
}

impl Leaf {
    /// The endpoint for a [`crate::balance::Pick::turn`] at `now` (the clock of [`Endpoint::record_failure`]),
    /// without those whose ids are in `tried`; none when all are.
    ///
    /// Endpoints take their turns one after the other. One that is held out is passed over, its
    /// turns spread over the others; when all are, nothing is known to be better than the one in turn.
    #[inline]
    pub fn endpoint(&self, turn: u64, now: u64, tried: &[u64]) -> Option<&Arc<Endpoint>> {
        let in_turn = self
            .endpoints
            .get((turn % self.endpoints.len() as u64) as usize)?;
        if !in_turn.is_held_out(now) && !tried.contains(&in_turn.id) {
            return Some(in_turn);
        }
        self.another(turn, now, tried)
    }

    #[cold]
    fn another(&self, turn: u64, now: u64, tried: &[u64]) -> Option<&Arc<Endpoint>> {
        let count = self.endpoints.len() as u64;
        let (round, at) = (turn / count, turn % count);
        let from = |start: u64| (0..count).map(move |i| &self.endpoints[((start + i) % count) as usize]);
        let untried = |endpoint: &&Arc<Endpoint>| !tried.contains(&endpoint.id);
        // not always the next one, which would then take twice its share
        let spread = at + 1 + round % count.saturating_sub(1).max(1);
        from(spread)
            .find(|endpoint| untried(endpoint) && !endpoint.is_held_out(now))
            .or_else(|| from(at).find(untried))
    }

    /// All of them, in turn.
    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }
}

/// When response bytes are sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// After each write.
    AtOnce,
    /// When buffers are full or the response ends.
    WhenFull,
    /// After this long at the latest.
    Within(Duration),
}

/// What weir cannot do towards an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unsupported {
    /// HTTP/2 without TLS.
    H2c,
    /// TLS.
    Https,
}

impl From<GoDuration> for Flush {
    /// 0: as long as it takes, negative: not at all.
    fn from(interval: GoDuration) -> Self {
        match interval.to_std() {
            None => Self::AtOnce,
            Some(Duration::ZERO) => Self::WhenFull,
            Some(interval) => Self::Within(interval),
        }
    }
}

impl Unsupported {
    pub(super) fn of(scheme: Scheme) -> Option<Self> {
        match scheme {
            Scheme::H2c => Some(Self::H2c),
            Scheme::Http => None,
            Scheme::Https => Some(Self::Https),
        }
    }
}
