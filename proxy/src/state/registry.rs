//! What outlives a snapshot, found again by what identifies it.

use std::sync::{Arc, Weak};

use hashbrown::HashMap;
use weir_model::document::{self, Address, EndpointSet, NodeId, RouteId, Scheme};

use super::{Endpoint, Leaf, Transport};
use crate::{
    balance::Counter,
    health::{Check, Health},
    tls::{CertificateStore, ClientTlsStore},
    traffic::{ServiceId, Services},
};

/// What a leaf without health checks is made of.
#[derive(Debug)]
pub(super) struct Origin<'a> {
    pub(super) settings: &'a document::Leaf,
    pub(super) set: &'a EndpointSet,
    pub(super) service: ServiceId,
    pub(super) transport: Arc<Transport>,
}

#[derive(Debug)]
struct KnownLeaf {
    settings: document::Leaf,
    set: EndpointSet,
    leaf: Weak<Leaf>,
}

/// Finds the endpoints, leaves and counters that an earlier snapshot had, and makes those that none had. It keeps
/// nothing alive: what no snapshot has any more is forgotten at the next [`Registry::sweep`].
#[derive(Debug)]
pub struct Registry {
    pub(super) certificates: CertificateStore,
    pub(super) client_tls: ClientTlsStore,
    pub(super) services: Services,
    /// By the sticky node and the identity of its child, or nothing.
    sticky_counters: HashMap<(NodeId, Box<str>), Weak<Counter>>,
    counters: HashMap<RouteId, Weak<Counter>>,
    endpoints: HashMap<(Scheme, Arc<Transport>), HashMap<Address, Weak<Endpoint>>>,
    leaves: HashMap<NodeId, KnownLeaf>,
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
            leaves: HashMap::new(),
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

    /// The endpoints at addresses, reached in the given way.
    pub(super) fn endpoints(
        &mut self,
        addresses: &[Address],
        scheme: Scheme,
        transport: &Arc<Transport>,
    ) -> Vec<Arc<Endpoint>> {
        let known = self.endpoints.entry((scheme, Arc::clone(transport))).or_default();
        let endpoint = |address: &Address| {
            if let Some(endpoint) = known.get(address).and_then(Weak::upgrade) {
                return endpoint;
            }
            let endpoint = Arc::new(Endpoint::new(self.next_endpoint, address.clone(), scheme));
            self.next_endpoint += 1;
            known.insert(address.clone(), Arc::downgrade(&endpoint));
            endpoint
        };
        addresses.iter().map(endpoint).collect()
    }

    /// A leaf that an earlier snapshot has made of the same: most are the same from one snapshot to the next, and to compare what
    /// they are made of costs a small part of finding all their endpoints.
    pub(super) fn leaf(&self, id: &NodeId, origin: &Origin<'_>) -> Option<Arc<Leaf>> {
        let known = self.leaves.get(id)?;
        let same = known.settings == *origin.settings && known.set == *origin.set;
        let leaf = known.leaf.upgrade().filter(|_| same)?;
        (leaf.service == origin.service && leaf.transport == origin.transport).then_some(leaf)
    }

    /// Remembers what a leaf was made of.
    pub(super) fn keep_leaf(&mut self, leaf: &Arc<Leaf>, origin: &Origin<'_>) {
        let known = KnownLeaf {
            settings: origin.settings.clone(),
            set: origin.set.clone(),
            leaf: Arc::downgrade(leaf),
        };
        self.leaves.insert(leaf.id.clone(), known);
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
    pub fn sweep(&mut self) {
        self.sticky_counters
            .retain(|_, counter| counter.strong_count() > 0);
        self.counters.retain(|_, counter| counter.strong_count() > 0);
        self.leaves.retain(|_, known| known.leaf.strong_count() > 0);
        self.endpoints.retain(|_, known| {
            known.retain(|_, endpoint| endpoint.strong_count() > 0);
            !known.is_empty()
        });
        self.health.retain(|_, health| health.strong_count() > 0);
        self.services.sweep();
        self.client_tls.sweep();
    }

    /// How many counters and endpoints are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (
            self.counters.len(),
            self.endpoints.values().map(HashMap::len).sum(),
        )
    }
}
