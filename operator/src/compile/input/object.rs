//! An object that the compiler reads, converted once.

use std::sync::Arc;

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
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<T> {
    /// From `metadata`.
    pub meta: Meta,
    /// What does not fit the schema.
    pub deviations: Vec<Deviation>,
    /// What fits its schema; nothing if that cannot be told, which a deviation then says.
    pub spec: Option<T>,
}

/// An IngressRoute; its routes are converted one by one, so that a broken one leaves the others whole.
#[derive(Clone, Debug, PartialEq)]
pub struct IngressRouteInput {
    /// All but the routes.
    pub head: IngressRouteSpec,
    /// The routes; nothing where one cannot be read.
    pub routes: Vec<Option<Route>>,
}

/// An object, converted: everything that is not read is gone.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Which one.
    pub id: ObjectId,
    pub(super) content: Content,
}

/// By kind. Texts say why an object could not be read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    TraefikService(Arc<Entry<TraefikServiceSpec>>),
    IngressRoute(Arc<Entry<IngressRouteInput>>),
    ServersTransport(Arc<Entry<ServersTransportSpec>>),
    Service(Result<Arc<Service>, String>),
    EndpointSlice {
        /// Whose endpoints they are.
        service: NamespacedName,
        slice: Result<Arc<EndpointSlice>, String>,
    },
    Secret(Arc<Stored>),
    ConfigMap(Arc<Stored>),
    Node(Arc<Node>),
}

impl Object {
    /// Converts an object of a kind, whatever it says of its kind itself. Its namespace is `default` where
    /// it has none. Never fails: what is wrong with it is kept beside what could be read.
    pub fn convert(kind: Kind, object: &Value) -> Self {
        let id = id_of(kind, object);
        let content = match kind {
            Kind::TraefikService => {
                let parse = |object: &_| parse_traefik_service(object).ok();
                Content::TraefikService(Arc::new(entry(ResourceKind::TraefikService, object, parse)))
            }
            Kind::IngressRoute => {
                let parse = |fitting: &_| ingress_route(object, fitting);
                Content::IngressRoute(Arc::new(entry(ResourceKind::IngressRoute, object, parse)))
            }
            Kind::ServersTransport => {
                let parse = |object: &_| parse_servers_transport(object).ok();
                Content::ServersTransport(Arc::new(entry(ResourceKind::ServersTransport, object, parse)))
            }
            Kind::Service => Content::Service(or_text(Service::parse(object))),
            Kind::EndpointSlice => {
                let label = object.pointer("/metadata/labels/kubernetes.io~1service-name");
                let service = label.and_then(Value::as_str).unwrap_or_default();
                Content::EndpointSlice {
                    service: NamespacedName::new(&id.name.namespace, service),
                    slice: or_text(EndpointSlice::parse(object)),
                }
            }
            // one that cannot be read holds nothing
            Kind::Secret => Content::Secret(Arc::new(Stored::parse(object, true).unwrap_or_default())),
            Kind::ConfigMap => Content::ConfigMap(Arc::new(Stored::parse(object, false).unwrap_or_default())),
            Kind::Node => Content::Node(Arc::new(Node::parse(object).unwrap_or_default())),
        };
        Self { id, content }
    }
}

/// The identity of an object of a kind.
pub(crate) fn id_of(kind: Kind, object: &Value) -> ObjectId {
    let metadata = object.get("metadata");
    let text = |key: &str| metadata.and_then(|m| m.get(key)).and_then(Value::as_str);
    let namespace = text("namespace").filter(|name| !name.is_empty());
    ObjectId {
        kind,
        name: NamespacedName::new(namespace.unwrap_or("default"), text("name").unwrap_or_default()),
    }
}

fn or_text<T>(read: Result<T, serde_json::Error>) -> Result<Arc<T>, String> {
    read.map(Arc::new).map_err(|error| error.to_string())
}

/// The kind of an object that the compiler reads.
pub(super) fn kind_of(object: &Value) -> Option<Kind> {
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
