//! All objects at one moment, sorted, so that the order of their arrival changes nothing.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map},
    sync::Arc,
};

use serde_json::Value;
use weir_model::{
    crd::{ServersTransportSpec, TraefikServiceSpec},
    name::NamespacedName,
};

use super::{
    EndpointSlice, Node, Service, Stored,
    difference::Difference,
    object::{Content, Entry, IngressRouteInput, Object, kind_of},
};
use crate::compile::finding::{Kind, ObjectId};

/// All objects at one moment. Cheap to clone: objects are shared.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// By name.
    pub traefik_services: BTreeMap<NamespacedName, Arc<Entry<TraefikServiceSpec>>>,
    /// By name.
    pub ingress_routes: BTreeMap<NamespacedName, Arc<Entry<IngressRouteInput>>>,
    /// By name.
    pub servers_transports: BTreeMap<NamespacedName, Arc<Entry<ServersTransportSpec>>>,
    /// By name; the text says why one could not be read.
    pub services: BTreeMap<NamespacedName, Result<Arc<Service>, String>>,
    /// By Service, then by the slice's own name.
    pub endpoint_slices: BTreeMap<NamespacedName, BTreeMap<String, Result<Arc<EndpointSlice>, String>>>,
    /// By name.
    pub secrets: BTreeMap<NamespacedName, Arc<Stored>>,
    /// By name.
    pub config_maps: BTreeMap<NamespacedName, Arc<Stored>>,
    /// Secrets and ConfigMaps of which nobody knows whether they exist, nor what is in them.
    pub unreadable: BTreeSet<ObjectId>,
    /// By name.
    pub nodes: BTreeMap<String, Arc<Node>>,
    /// Whether endpoints are known at all: where manifests hold no EndpointSlice, a Service without
    /// endpoints is no finding.
    pub endpoints_known: bool,
    /// The Service of each slice.
    slice_services: BTreeMap<NamespacedName, NamespacedName>,
}

/// What became of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is in the snapshot, and took the place of another one of its name or not.
    Object {
        /// Which one.
        id: ObjectId,
        /// Whether there was one already.
        replaced: bool,
    },
    /// The compiler does not read this kind.
    Unrelated,
}

impl Snapshot {
    /// An empty one of a cluster: a Service without EndpointSlices has no endpoints.
    pub fn of_cluster() -> Self {
        Self {
            endpoints_known: true,
            ..Self::default()
        }
    }

    /// Takes an object in. Its namespace is `default` where it has none.
    pub fn insert(&mut self, object: &Value) -> Inserted {
        let Some(kind) = kind_of(object) else {
            return Inserted::Unrelated;
        };
        let object = Object::convert(kind, object);
        let id = object.id.clone();
        let replaced = self.put(object) != Difference::Appeared;
        Inserted::Object { id, replaced }
    }

    /// Takes a converted object in, and tells it from the one of its name that was there.
    pub fn put(&mut self, object: Object) -> Difference {
        self.unreadable.remove(&object.id);
        let Object {
            id: ObjectId { kind: _, name },
            content,
        } = object;
        match content {
            Content::TraefikService(entry) => put(&mut self.traefik_services, name, entry, |old, new| {
                Difference::of_entries(old, new)
            }),
            Content::IngressRoute(entry) => put(&mut self.ingress_routes, name, entry, |old, new| {
                Difference::of_entries(old, new)
            }),
            Content::ServersTransport(entry) => {
                put(&mut self.servers_transports, name, entry, Difference::of)
            }
            Content::Service(service) => put(&mut self.services, name, service, Difference::of),
            Content::EndpointSlice { service, slice } => self.put_slice(name, service, slice),
            Content::Secret(stored) => put(&mut self.secrets, name, stored, Difference::of),
            Content::ConfigMap(stored) => put(&mut self.config_maps, name, stored, Difference::of),
            Content::Node(node) => put(&mut self.nodes, name.name, node, Difference::of),
        }
    }

    fn put_slice(
        &mut self,
        name: NamespacedName,
        service: NamespacedName,
        slice: Result<Arc<EndpointSlice>, String>,
    ) -> Difference {
        self.endpoints_known = true;
        // its label may have been edited: then it is another Service's now
        let moved = self.slice_services.get(&name).is_some_and(|old| *old != service);
        if moved {
            self.remove_slice(&name);
        }
        let slices = self.endpoint_slices.entry(service.clone()).or_default();
        let difference = put(slices, name.name.clone(), slice, Difference::of);
        if difference == Difference::Appeared {
            self.slice_services.insert(name, service);
        }
        if moved { Difference::Changed } else { difference }
    }

    /// An object cannot be read; whether that is news. What is known of it stays.
    pub fn put_unreadable(&mut self, id: ObjectId) -> bool {
        let known = match id.kind {
            Kind::Secret => self.secrets.contains_key(&id.name),
            Kind::ConfigMap => self.config_maps.contains_key(&id.name),
            _ => true,
        };
        !known && self.unreadable.insert(id)
    }

    /// Takes an object out; whether it was there, or was not known not to be.
    pub fn remove(&mut self, id: &ObjectId) -> bool {
        let name = &id.name;
        let unreadable = self.unreadable.remove(id);
        unreadable
            | match id.kind {
                Kind::TraefikService => self.traefik_services.remove(name).is_some(),
                Kind::IngressRoute => self.ingress_routes.remove(name).is_some(),
                Kind::ServersTransport => self.servers_transports.remove(name).is_some(),
                Kind::Service => self.services.remove(name).is_some(),
                Kind::EndpointSlice => self.remove_slice(name),
                Kind::Secret => self.secrets.remove(name).is_some(),
                Kind::ConfigMap => self.config_maps.remove(name).is_some(),
                Kind::Node => self.nodes.remove(&name.name).is_some(),
            }
    }

    fn remove_slice(&mut self, name: &NamespacedName) -> bool {
        let Some(service) = self.slice_services.remove(name) else {
            return false;
        };
        if let btree_map::Entry::Occupied(mut slices) = self.endpoint_slices.entry(service) {
            slices.get_mut().remove(&name.name);
            if slices.get().is_empty() {
                slices.remove();
            }
        }
        true
    }

    /// The Service that an EndpointSlice in the snapshot belongs to.
    pub fn service_of_slice(&self, slice: &NamespacedName) -> Option<&NamespacedName> {
        self.slice_services.get(slice)
    }

    /// All objects of a kind.
    pub fn ids(&self, kind: Kind) -> Vec<ObjectId> {
        let id = |name: &NamespacedName| ObjectId {
            kind,
            name: name.clone(),
        };
        match kind {
            Kind::TraefikService => self.traefik_services.keys().map(id).collect(),
            Kind::IngressRoute => self.ingress_routes.keys().map(id).collect(),
            Kind::ServersTransport => self.servers_transports.keys().map(id).collect(),
            Kind::Service => self.services.keys().map(id).collect(),
            Kind::EndpointSlice => self.slice_services.keys().map(id).collect(),
            Kind::Secret => self.secrets.keys().map(id).collect(),
            Kind::ConfigMap => self.config_maps.keys().map(id).collect(),
            // they have no namespace
            Kind::Node => self
                .nodes
                .keys()
                .map(|name| id(&NamespacedName::new("default", name)))
                .collect(),
        }
    }

    /// Takes many objects in.
    pub fn from_objects<'a>(objects: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut snapshot = Self::default();
        for object in objects {
            snapshot.insert(object);
        }
        snapshot
    }
}

fn put<K: Ord, V>(
    map: &mut BTreeMap<K, V>,
    key: K,
    new: V,
    difference: impl FnOnce(&V, &V) -> Difference,
) -> Difference {
    match map.entry(key) {
        btree_map::Entry::Vacant(place) => {
            place.insert(new);
            Difference::Appeared
        }
        btree_map::Entry::Occupied(mut place) => {
            let difference = difference(place.get(), &new);
            if difference != Difference::Same {
                place.insert(new);
            }
            difference
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slice(service: &str, address: &str) -> Object {
        let value = json!({
            "metadata": { "namespace": "apps", "name": "s1", "labels": { "kubernetes.io/service-name": service } },
            "ports": [{ "port": 80 }], "endpoints": [{ "addresses": [address] }],
        });
        Object::convert(Kind::EndpointSlice, &value)
    }

    #[test]
    fn an_object_that_is_as_it_was_makes_no_difference() {
        let mut snapshot = Snapshot::default();
        assert_eq!(snapshot.put(slice("a", "10.0.0.1")), Difference::Appeared);
        assert_eq!(snapshot.put(slice("a", "10.0.0.1")), Difference::Same);
        assert_eq!(snapshot.put(slice("a", "10.0.0.2")), Difference::Changed);
    }

    #[test]
    fn a_slice_whose_label_is_edited_leaves_its_old_service() {
        let mut snapshot = Snapshot::default();
        snapshot.put(slice("a", "10.0.0.1"));
        assert_eq!(snapshot.put(slice("b", "10.0.0.1")), Difference::Changed);
        let services: Vec<_> = snapshot.endpoint_slices.keys().map(|s| s.name.as_str()).collect();
        assert_eq!(services, ["b"]);
    }

    #[test]
    fn what_is_removed_leaves_nothing_behind() {
        let mut snapshot = Snapshot::default();
        let slice = slice("a", "10.0.0.1");
        let id = slice.id.clone();
        snapshot.put(slice);
        assert!(snapshot.remove(&id));
        assert!(!snapshot.remove(&id));
        assert!(snapshot.endpoint_slices.is_empty() && snapshot.slice_services.is_empty());
    }
}
