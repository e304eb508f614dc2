//! Ids of the documents' entries: injective, stable, never a list index.

use std::{fmt, fmt::Write as _};

use serde::{Deserialize, Serialize};

use super::{Port, ServiceReference};
use crate::name::NamespacedName;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The id's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The same id marked as the `nth` exact repeat: `…~2`. The first one stays as it is.
            #[must_use]
            pub fn repeat(&self, nth: usize) -> Self {
                if nth < 2 { self.clone() } else { Self(format!("{}~{nth}", self.0)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// A node: `ts/apps/wrr1`, `ir/apps/web/1f0c…` for a route over several services, and for a
    /// reference to a Service its owner and what it names: `ts/apps/wrr1>svc/apps/svc1:80`.
    NodeId
}
id! {
    /// A route: `ir/apps/web/1f0c…`, the last part made of its match text.
    RouteId
}
id! {
    /// A transport: `st/apps/tls`.
    TransportId
}
id! {
    /// A set of addresses: `apps/svc1:80`, with `/cluster-ip` or `/node-port` when these are used.
    EndpointSetId
}
id! {
    /// Key material: `secret/apps/cert`, `configmap/apps/ca`.
    SecretId
}

impl NodeId {
    /// A TraefikService's node.
    pub fn traefik_service(name: &NamespacedName) -> Self {
        Self(format!("ts/{name}"))
    }

    /// The node of a route over several services.
    pub fn route(route: &RouteId) -> Self {
        Self(route.0.clone())
    }

    /// The node of a reference from `self` to a Service. Ends in the port as written, if there is one;
    /// a text that could be taken for a number is in quotes.
    #[must_use]
    pub fn service_reference(&self, service: &ServiceReference) -> Self {
        let port = match &service.port {
            None => String::new(),
            Some(Port::Number(number)) => format!(":{number}"),
            Some(Port::Name(name)) if name.bytes().all(|b| b.is_ascii_digit()) => format!(":\"{name}\""),
            Some(Port::Name(name)) => format!(":{}", escaped(name)),
        };
        Self(format!(
            "{}>svc/{}/{}{port}",
            self.0, service.namespace, service.name
        ))
    }
}

impl NodeId {
    /// The id of the node that this one belongs to, if it stands for a reference.
    pub fn owner(&self) -> Option<&str> {
        self.0.split_once('>').map(|(owner, _)| owner)
    }

    /// The node of a reference from `self` to a TraefikService that leads nowhere.
    #[must_use]
    pub fn missing(&self, name: &NamespacedName) -> Self {
        Self(format!("{}>ts/{name}", self.0))
    }
}

impl RouteId {
    /// A route of an IngressRoute; `key` tells it apart from the others there.
    pub fn new(ingress_route: &NamespacedName, key: &str) -> Self {
        Self(format!("ir/{ingress_route}/{}", escaped(key)))
    }
}

impl TransportId {
    /// A ServersTransport's.
    pub fn new(name: &NamespacedName) -> Self {
        Self(format!("st/{name}"))
    }
}

impl EndpointSetId {
    /// The endpoints of a Service's port; `suffix` for another mode than endpoints.
    pub fn new(service: &NamespacedName, port: u16, suffix: &str) -> Self {
        Self(format!("{service}:{port}{suffix}"))
    }
}

impl SecretId {
    /// Of a Secret.
    pub fn secret(name: &NamespacedName) -> Self {
        Self(format!("secret/{name}"))
    }

    /// Of a ConfigMap, which only CAs come from.
    pub fn config_map(name: &NamespacedName) -> Self {
        Self(format!("configmap/{name}"))
    }

    /// Where the material comes from: whether a ConfigMap (else a Secret), and its name.
    pub fn source(&self) -> Option<(bool, NamespacedName)> {
        let mut parts = self.0.splitn(3, '/');
        let config_map = match parts.next()? {
            "configmap" => true,
            "secret" => false,
            _ => return None,
        };
        Some((config_map, NamespacedName::new(parts.next()?, parts.next()?)))
    }
}

/// Percent-encodes what is no letter, digit, `-`, `.` or `_`, so that ids stay injective.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            out.push(char::from(byte));
        } else {
            // writing to a String cannot fail
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Mode;

    fn reference(port: Option<Port>) -> NodeId {
        NodeId::traefik_service(&NamespacedName::new("apps", "wrr1")).service_reference(&ServiceReference {
            mode: Mode::Endpoints,
            name: "svc1".into(),
            namespace: "apps".into(),
            port,
            scheme: None,
            transport: None,
        })
    }

    #[test]
    fn ids_read_as_documented() {
        let leaf = reference(Some(Port::Number(80)));
        assert_eq!(leaf.as_str(), "ts/apps/wrr1>svc/apps/svc1:80");
        assert_eq!(leaf.owner(), Some("ts/apps/wrr1"));
        assert_eq!(leaf.repeat(1), leaf);
        assert_eq!(leaf.repeat(2).as_str(), "ts/apps/wrr1>svc/apps/svc1:80~2");
    }

    #[test]
    fn odd_ports_stay_apart() {
        let named = |name: &str| reference(Some(Port::Name(name.into())));
        let ids = [
            reference(None),
            reference(Some(Port::Number(80))),
            named("80"),
            named("\"80\""),
            named("80~2"),
            named("80").repeat(2),
            named(""),
        ];
        for (i, id) in ids.iter().enumerate() {
            assert!(ids[i + 1..].iter().all(|other| other != id), "{id}");
        }
    }
}
