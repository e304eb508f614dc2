//! Forms: what an object says once it was checked, before its references are followed.
//!
//! A form comes from the object as written ([`super::parse`]) or, when that was refused, from the previous
//! config ([`previous`]), which holds everything that a form has. From here on both are alike.

pub(super) mod previous;

use weir_model::{
    document::{HealthCheck, RouteId, ServiceReference, Source, StickyCookie},
    duration::GoDuration,
    name::{NamespacedName, traefik_name},
    path::FieldPath,
    rule::Matcher,
    weight::{Percent, Weight},
};

/// A TraefikService.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServiceForm {
    pub source: Source,
    pub shape: Shape,
}

/// What a TraefikService, or a route over several services, does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Weighted {
        children: Vec<(Reference, Weight)>,
        sticky: Option<StickyCookie>,
    },
    Mirror {
        main: Box<Reference>,
        mirrors: Vec<(Reference, Percent)>,
        max_body_size: Option<u64>,
        mirror_body: bool,
    },
}

impl Shape {
    /// What people call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Weighted { .. } => "Weighted",
            Self::Mirror { .. } => "Mirroring",
        }
    }
}

/// A reference, and the field that makes it; of a form from the previous config the field is the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub field: FieldPath,
    pub to: RefTarget,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RefTarget {
    TraefikService(NamespacedName),
    Service(Box<LeafForm>),
}

/// A reference to a Service with its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeafForm {
    /// Traefik's name of the service, with its suffix.
    pub label: String,
    pub reference: ServiceReference,
    pub flush_interval: GoDuration,
    pub health_check: Option<HealthCheck>,
    pub pass_host_header: bool,
    pub sticky: Option<StickyCookie>,
}

/// A route of an IngressRoute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RouteForm {
    pub id: RouteId,
    pub source: Source,
    pub created: String,
    pub entry_points: Vec<String>,
    pub label: String,
    pub matcher: Matcher,
    pub position: u32,
    pub priority: i64,
    pub rule_length: u32,
    pub tls: Tls,
    pub target: RouteTarget,
}

/// Over which connections a route is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    /// Any.
    Any,
    /// TLS, with the default certificate.
    Default,
    /// TLS, with the certificate of this Secret.
    Secret(NamespacedName),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RouteTarget {
    One(Reference),
    Several(Vec<(Reference, Weight)>),
    /// Answers 503 for this reason.
    Unavailable(String),
}

impl Shape {
    /// Every reference, in the order of the manifest.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        let (children, main, mirrors) = match self {
            Self::Weighted { children, .. } => (children.as_slice(), None, [].as_slice()),
            Self::Mirror { main, mirrors, .. } => ([].as_slice(), Some(&**main), mirrors.as_slice()),
        };
        children
            .iter()
            .map(|(r, _)| r)
            .chain(main)
            .chain(mirrors.iter().map(|(r, _)| r))
    }

    /// Whether both do the same, wherever that is written.
    pub fn does_the_same(&self, other: &Self) -> bool {
        let places = |shape: &Self| {
            let mut shape = shape.clone();
            shape.forget_places();
            shape
        };
        places(self) == places(other)
    }

    fn forget_places(&mut self) {
        let (children, main, mirrors) = match self {
            Self::Weighted { children, .. } => (children.as_mut_slice(), None, [].as_mut_slice()),
            Self::Mirror { main, mirrors, .. } => {
                ([].as_mut_slice(), Some(&mut **main), mirrors.as_mut_slice())
            }
        };
        let references = children.iter_mut().map(|(r, _)| r).chain(main);
        for reference in references.chain(mirrors.iter_mut().map(|(r, _)| r)) {
            reference.field = FieldPath::root();
        }
    }
}

impl RouteTarget {
    /// Every reference, in the order of the manifest.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        let (one, several) = match self {
            Self::One(reference) => (Some(reference), [].as_slice()),
            Self::Several(children) => (None, children.as_slice()),
            Self::Unavailable(_) => (None, [].as_slice()),
        };
        one.into_iter().chain(several.iter().map(|(r, _)| r))
    }
}

impl Reference {
    /// The TraefikService that is referred to, if it is one.
    pub fn traefik_service(&self) -> Option<&NamespacedName> {
        match &self.to {
            RefTarget::TraefikService(name) => Some(name),
            RefTarget::Service(_) => None,
        }
    }

    /// Traefik's name of what is referred to, without its suffix: `apps-svc1-80`.
    pub fn traefik_name(&self) -> String {
        match &self.to {
            RefTarget::TraefikService(name) => traefik_service_name(name),
            RefTarget::Service(leaf) => service_port_name(&leaf.reference),
        }
    }
}

/// `apps-svc1-80`.
pub(super) fn service_port_name(reference: &ServiceReference) -> String {
    let port = reference
        .port
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    traefik_name(&[&reference.namespace, &reference.name, &port])
}

/// `apps-wrr1`.
pub(super) fn traefik_service_name(name: &NamespacedName) -> String {
    traefik_name(&[&name.namespace, &name.name])
}

/// The suffix that Traefik gives to everything from these resources.
pub(super) const PROVIDER: &str = "@kubernetescrd";
