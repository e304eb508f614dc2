//! What outlives a snapshot, found again by what identifies it.

use std::sync::{Arc, Weak};

use hashbrown::HashMap;
use weir_model::document::{Address, NodeId, RouteId, Scheme};

use super::{Endpoint, Transport};
use crate::{
    balance::Counter,
    health::{Check, Health},
    tls::{CertificateStore, ClientTlsStore},
    traffic::Services,
};

/// Finds the endpoints and counters that an earlier snapshot had, and makes those that none had. It keeps
/// nothing alive: what no snapshot has any more is forgotten at the next [`Registry::sweep`].
#[derive(Debug)]
pub struct Registry {
    pub(super) certificates: CertificateStore,
    pub(super) client_tls: ClientTlsStore,
    pub(super) services: Services,
    /// By the sticky node and the identity of its child, or nothing.
    sticky_counters: HashMap<(NodeId, Box<str>), Weak<Counter>>,
    counters: HashMap<RouteId, Weak<Counter>>,
    endpoints: HashMap<(Address, Scheme, Arc<Transport>), Weak<Endpoint>>,
    health: HashMap<(Address, Arc<Check>), Weak<Health>>,
    next_endpoint: u64,
    next_health: u64,
    offset: u64,
}

impl Registry {
    /// Counters start at `offset`. When each process has another one, several of them do not send
    /// their first requests to the same children; tests fix it. A counter must not get past
    /// `u64::MAX`, so it should leave room for all requests of the process's life: below 2⁶², say.
    pub fn new(offset: u64) -> Self {
        Self {
            certificates: CertificateStore::default(),
            client_tls: ClientTlsStore::default(),
            services: Services::default(),
            sticky_counters: HashMap::new(),
            counters: HashMap::new(),
            endpoints: HashMap::new(),
            health: HashMap::new(),
            next_endpoint: 1,
            next_health: 1,
            offset,
        }
    }

    /// The counter of a route.
    pub(super) fn counter(&mut self, route: &RouteId) -> Arc<Counter> {
        if let Some(counter) = self.counters.get(route).and_then(Weak::upgrade) {
            return counter;
        }
        let counter = Arc::new(Counter::new(self.offset));
        self.counters.insert(route.clone(), Arc::downgrade(&counter));
        counter
    }

    /// The counter of what cookies lead to a sticky node's child; with an empty identity of what it chooses for.
    pub(super) fn sticky_counter(&mut self, service: &NodeId, identity: &str) -> Arc<Counter> {
        let known = self
            .sticky_counters
            .entry((service.clone(), identity.into()))
            .or_default();
        known.upgrade().unwrap_or_else(|| {
            let counter = Arc::new(Counter::new(self.offset));
            *known = Arc::downgrade(&counter);
            counter
        })
    }

    /// The endpoint at an address, reached in the given way.
    pub(super) fn endpoint(
        &mut self,
        address: &Address,
        scheme: Scheme,
        transport: &Arc<Transport>,
    ) -> Arc<Endpoint> {
        let known = self
            .endpoints
            .entry((address.clone(), scheme, Arc::clone(transport)))
            .or_default();
        known.upgrade().unwrap_or_else(|| {
            let endpoint = Arc::new(Endpoint::new(self.next_endpoint, address.clone(), scheme));
            self.next_endpoint += 1;
            *known = Arc::downgrade(&endpoint);
            endpoint
        })
    }

    /// What is known of an address by a check.
    pub(super) fn health(&mut self, address: &Address, check: &Arc<Check>) -> Arc<Health> {
        let known = self
            .health
            .entry((address.clone(), Arc::clone(check)))
            .or_default();
        known.upgrade().unwrap_or_else(|| {
            let health = Health::new(self.next_health, address.clone(), Arc::clone(check));
            let health = Arc::new(health);
            self.next_health += 1;
            *known = Arc::downgrade(&health);
            health
        })
    }

    /// Forgets what no snapshot has any more.
    pub(super) fn sweep(&mut self) {
        self.sticky_counters
            .retain(|_, counter| counter.strong_count() > 0);
        self.counters.retain(|_, counter| counter.strong_count() > 0);
        self.endpoints.retain(|_, endpoint| endpoint.strong_count() > 0);
        self.health.retain(|_, health| health.strong_count() > 0);
        self.services.sweep();
        self.client_tls.sweep();
    }

    /// How many counters and endpoints are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.counters.len(), self.endpoints.len())
    }
}
