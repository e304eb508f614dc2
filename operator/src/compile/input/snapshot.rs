//! All objects at one moment, sorted, so that the order of their arrival changes nothing.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize as _;
use serde_json::Value;
use weir_model::{
    crd::{
        Deviation, DeviationKind, IngressRouteSpec, ResourceKind, Route, ServersTransportSpec,
        TraefikServiceSpec, deviations, parse_ingress_route, parse_servers_transport, parse_traefik_service,
    },
    name::NamespacedName,
    path::FieldPath,
};

use super::{
    EndpointSlice, Node, Service, Stored,
    fitting::{fitting_part, is_wrong},
};
use crate::compile::finding::{Kind, ObjectId};

/// What is read of `metadata`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// `uid`; empty offline.
    pub uid: String,
    /// `generation`; 0 offline.
    pub generation: i64,
    /// `creationTimestamp`; empty offline.
    pub created: String,
    /// The class of an IngressRoute: its field `ingressClassName`, else the annotation
    /// `kubernetes.io/ingress.class`. Read even where the rest cannot be: what is another's stays so.
    pub class: Option<String>,
}

/// An object of a custom resource. What does not fit its schema stands beside what was read.
#[derive(Clone, Debug)]
pub struct Entry<T> {
    /// From `metadata`.
    pub meta: Meta,
    /// What does not fit the schema.
    pub deviations: Vec<Deviation>,
    /// What fits its schema; nothing if that cannot be told, which a deviation then says.
    pub spec: Option<T>,
}

/// An IngressRoute; its routes are converted one by one, so that a broken one leaves the others whole.
#[derive(Clone, Debug)]
pub struct IngressRouteInput {
    /// All but the routes.
    pub head: IngressRouteSpec,
    /// The routes; nothing where one cannot be read.
    pub routes: Vec<Option<Route>>,
}

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
    /// By name.
    pub nodes: BTreeMap<String, Arc<Node>>,
    /// Whether endpoints are known at all: where manifests hold no EndpointSlice, a Service without
    /// endpoints is no finding.
    pub endpoints_known: bool,
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
    /// Takes an object in. Its namespace is `default` where it has none.
    pub fn insert(&mut self, object: &Value) -> Inserted {
        let Some(kind) = kind_of(object) else {
            return Inserted::Unrelated;
        };
        let metadata = object.get("metadata");
        let text = |key: &str| metadata.and_then(|m| m.get(key)).and_then(Value::as_str);
        let name = NamespacedName::new(
            text("namespace")
                .filter(|name| !name.is_empty())
                .unwrap_or("default"),
            text("name").unwrap_or_default(),
        );
        let id = ObjectId {
            kind,
            name: name.clone(),
        };
        let replaced = match kind {
            Kind::TraefikService => {
                let entry = entry(ResourceKind::TraefikService, object, |object| {
                    parse_traefik_service(object).ok()
                });
                self.traefik_services.insert(name, Arc::new(entry)).is_some()
            }
            Kind::IngressRoute => {
                let entry = entry(ResourceKind::IngressRoute, object, |fitting| {
                    ingress_route(object, fitting)
                });
                self.ingress_routes.insert(name, Arc::new(entry)).is_some()
            }
            Kind::ServersTransport => {
                let entry = entry(ResourceKind::ServersTransport, object, |object| {
                    parse_servers_transport(object).ok()
                });
                self.servers_transports.insert(name, Arc::new(entry)).is_some()
            }
            Kind::Service => {
                let service = Service::parse(object).map(Arc::new).map_err(|e| e.to_string());
                self.services.insert(name, service).is_some()
            }
            Kind::EndpointSlice => {
                self.endpoints_known = true;
                let label = object
                    .pointer("/metadata/labels/kubernetes.io~1service-name")
                    .and_then(Value::as_str);
                let service = NamespacedName::new(name.namespace, label.unwrap_or_default());
                let slice = EndpointSlice::parse(object)
                    .map(Arc::new)
                    .map_err(|e| e.to_string());
                self.endpoint_slices
                    .entry(service)
                    .or_default()
                    .insert(name.name, slice)
                    .is_some()
            }
            Kind::Secret | Kind::ConfigMap => {
                // one that cannot be read holds nothing
                let stored = Arc::new(Stored::parse(object, kind == Kind::Secret).unwrap_or_default());
                let map = if kind == Kind::Secret {
                    &mut self.secrets
                } else {
                    &mut self.config_maps
                };
                map.insert(name, stored).is_some()
            }
            Kind::Node => self
                .nodes
                .insert(name.name, Arc::new(Node::parse(object).unwrap_or_default()))
                .is_some(),
        };
        Inserted::Object { id, replaced }
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

/// The kind of an object that the compiler reads.
pub(crate) fn kind_of(object: &Value) -> Option<Kind> {
    let api_version = object.get("apiVersion").and_then(Value::as_str)?;
    match (api_version, object.get("kind").and_then(Value::as_str)?) {
        (weir_model::crd::API_VERSION, "TraefikService") => Some(Kind::TraefikService),
        (weir_model::crd::API_VERSION, "IngressRoute") => Some(Kind::IngressRoute),
        (weir_model::crd::API_VERSION, "ServersTransport") => Some(Kind::ServersTransport),
        ("v1", "Service") => Some(Kind::Service),
        ("v1", "Secret") => Some(Kind::Secret),
        ("v1", "ConfigMap") => Some(Kind::ConfigMap),
        ("v1", "Node") => Some(Kind::Node),
        ("discovery.k8s.io/v1", "EndpointSlice") => Some(Kind::EndpointSlice),
        _ => None,
    }
}

fn entry<T>(kind: ResourceKind, object: &Value, parse: impl FnOnce(&Value) -> Option<T>) -> Entry<T> {
    let metadata = object.get("metadata");
    let field = |key: &str| metadata.and_then(|m| m.get(key));
    let text = |key: &str| field(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let class = [
        "/spec/ingressClassName",
        "/metadata/annotations/kubernetes.io~1ingress.class",
    ];
    let meta = Meta {
        uid: text("uid"),
        generation: field("generation").and_then(Value::as_i64).unwrap_or_default(),
        created: text("creationTimestamp"),
        class: class
            .iter()
            .filter_map(|path| object.pointer(path)?.as_str())
            .find(|class| !class.is_empty())
            .map(str::to_owned),
    };
    let mut deviations = deviations(kind, object);
    let wrong = deviations.iter().any(is_wrong);
    let spec = if wrong {
        parse(&fitting_part(object, &deviations))
    } else {
        parse(object)
    };
    if spec.is_none() && !wrong {
        // the walk and the types disagree, or the walk ended early: say at least that
        deviations.push(Deviation {
            path: FieldPath::root().key("spec"),
            kind: DeviationKind::WrongType {
                expected: "the fields of its resource",
                found: "something that cannot be read".to_owned(),
                help: None,
            },
        });
    }
    Entry {
        meta,
        deviations,
        spec,
    }
}

/// An IngressRoute out of the part of `object` that fits its schema; nothing when not even the number of
/// routes is known.
fn ingress_route(object: &Value, fitting: &Value) -> Option<IngressRouteInput> {
    let whole = |path: &str| {
        object
            .pointer(path)
            .is_none_or(|value| value.is_null() || fitting.pointer(path).is_some())
    };
    if !whole("/spec") || !whole("/spec/routes") {
        return None;
    }
    let spec = fitting.get("spec").and_then(Value::as_object);
    let mut head = spec.cloned().unwrap_or_default();
    let routes = match head.remove("routes") {
        Some(Value::Array(routes)) => routes
            .into_iter()
            .map(|route| Route::deserialize(route).ok())
            .collect(),
        _ => Vec::new(),
    };
    let head = parse_ingress_route(&serde_json::json!({ "spec": head })).ok()?;
    Some(IngressRouteInput { head, routes })
}
