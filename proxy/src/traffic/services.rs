//! The services that requests are counted for, found again by their names.

use std::{
    num::NonZeroU32,
    sync::{Arc, OnceLock, Weak},
};

use hashbrown::HashMap;

use super::Chain;

/// What requests to services of one name are counted in.
#[derive(Debug)]
pub struct Service {
    pub(crate) id: ServiceId,
    /// Traefik's name: `apps-svc1-80@kubernetescrd`.
    pub(crate) name: Arc<str>,
    /// A chain for each worker, once there was a request.
    chains: OnceLock<Box<[Chain]>>,
}

/// Where a snapshot has a service, and which one that is: places are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceId {
    pub(crate) place: u32,
    /// Another one for each service.
    number: NonZeroU32,
}

impl Service {
    /// The counts of one of `workers` workers.
    pub(crate) fn chain(&self, worker: usize, workers: usize) -> Option<&Chain> {
        let chains = || (0..workers).map(|_| Chain::default()).collect();
        self.chains.get_or_init(chains).get(worker)
    }

    /// The counts of all workers.
    pub(crate) fn chains(&self) -> &[Chain] {
        self.chains.get().map_or(&[], |chains| chains)
    }
}

/// Finds the counts of a service that an earlier snapshot had. Keeps nothing alive.
#[derive(Debug)]
pub struct Services {
    known: HashMap<Arc<str>, (u32, Weak<Service>)>,
    /// Places that may be used again.
    free: Vec<u32>,
    places: u32,
    numbers: NonZeroU32,
}

impl Default for Services {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            free: Vec::new(),
            places: 0,
            numbers: NonZeroU32::MIN,
        }
    }
}

impl Services {
    /// The counts of services of one name.
    pub(crate) fn named(&mut self, name: &str) -> Arc<Service> {
        if let Some(service) = self.known.get(name).and_then(|(_, known)| known.upgrade()) {
            return service;
        }
        let earlier = self.known.get(name).map(|(place, _)| *place);
        let place = earlier.or_else(|| self.free.pop()).unwrap_or_else(|| {
            self.places += 1;
            self.places - 1
        });
        self.numbers = self.numbers.checked_add(1).unwrap_or(NonZeroU32::MIN);
        let service = Arc::new(Service {
            id: ServiceId {
                place,
                number: self.numbers,
            },
            name: name.into(),
            chains: OnceLock::new(),
        });
        self.known
            .insert(service.name.clone(), (place, Arc::downgrade(&service)));
        service
    }

    /// Forgets what no snapshot has any more.
    pub(crate) fn sweep(&mut self) {
        let free = &mut self.free;
        self.known.retain(|_, (place, service)| {
            let is_known = service.strong_count() > 0;
            if !is_known {
                free.push(*place);
            }
            is_known
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_known_by_its_name_while_a_snapshot_has_it() {
        let mut services = Services::default();
        let (a, b) = (services.named("a"), services.named("b"));
        assert!(Arc::ptr_eq(&a, &services.named("a")));
        assert_ne!(a.id.place, b.id.place);
        let before = a.id;
        drop(a);
        services.sweep();
        let c = services.named("c");
        assert_eq!(c.id.place, before.place);
        assert_ne!(c.id, before);
        assert_ne!(services.named("a").id.place, c.id.place);
    }

    #[test]
    fn who_comes_back_before_it_was_swept_gets_new_counts() {
        let mut services = Services::default();
        let before = services.named("a").id;
        let after = services.named("a").id;
        assert_eq!(after.place, before.place);
        assert_ne!(after, before);
        services.sweep();
        assert!(services.free.len() == 1);
    }

    #[test]
    fn a_service_that_nobody_asks_for_has_no_counts() {
        let service = Services::default().named("a");
        assert!(service.chains().is_empty());
        assert!(service.chain(1, 2).is_some());
        assert!(service.chain(2, 2).is_none());
        assert_eq!(service.chains().len(), 2);
    }
}
