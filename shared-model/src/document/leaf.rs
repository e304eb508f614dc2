//! A leaf: a reference to a port of a Service, with everything about reaching its endpoints.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{EndpointSetId, StickyCookie, TransportId};
use crate::duration::GoDuration;

/// A reference to a port of a Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Leaf {
    /// The addresses; absent: the reference leads nowhere, and parents pass the leaf over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<EndpointSetId>,
    /// How long response bytes may wait to be sent on; 0: as long as it takes, negative: not at all.
    pub flush_interval: GoDuration,
    /// Probes of each endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// Whether the upstream sees the client's `Host`.
    pub pass_host_header: bool,
    /// What the manifest says, so that a later compile can resolve it anew.
    pub reference: ServiceReference,
    /// The protocol.
    pub scheme: Scheme,
    /// Keeps a client at its endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sticky: Option<StickyCookie>,
    /// How to connect; absent: the defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<TransportId>,
}

/// A reference as the manifest writes it, its namespace filled in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceReference {
    /// Which addresses stand for the Service.
    pub mode: Mode,
    /// The Service's name.
    pub name: String,
    /// The Service's namespace.
    pub namespace: String,
    /// The port, as written; absent: the only one that the Service has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Port>,
    /// The scheme, when written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
    /// The ServersTransport's name, when written; it lives in the Service's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<String>,
}

/// A port of a Service, as written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Port {
    /// `port: 80`.
    Number(u16),
    /// `port: http`, and `port: "80"`, which looks for a port *named* so.
    Name(String),
}

/// Plain as in Traefik's names; with `#` a name is in quotes.
impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) if f.alternate() => write!(f, "{name:?}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Which addresses stand for a Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Its cluster IP (`nativeLB`).
    ClusterIp,
    /// Its endpoints, one by one.
    #[default]
    Endpoints,
    /// All nodes at its node port (`nodePortLB`).
    NodePort,
}

/// The protocol towards the endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scheme {
    /// HTTP/2 without TLS.
    H2c,
    /// HTTP/1.1.
    #[default]
    Http,
    /// HTTP/1.1 or HTTP/2 over TLS.
    Https,
}

impl Scheme {
    /// As manifests write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::H2c => "h2c",
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Probes of each endpoint of a leaf.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HealthCheck {
    /// Whether redirects are followed, else judged.
    pub follow_redirects: bool,
    /// Headers to set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The `Host` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Between probes of a healthy endpoint; positive.
    pub interval: GoDuration,
    /// The request method.
    pub method: String,
    /// The kind of probe.
    pub mode: HealthMode,
    /// Path and query, relative to the endpoint.
    pub path: String,
    /// Instead of the endpoint's port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Instead of the leaf's scheme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
    /// The only healthy status; absent: 200 to 399.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// For a whole probe; positive.
    pub timeout: GoDuration,
    /// Between probes of an unhealthy endpoint; positive.
    pub unhealthy_interval: GoDuration,
}

/// Kinds of probes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HealthMode {
    /// gRPC's health service.
    Grpc,
    /// An HTTP request.
    #[default]
    Http,
}
