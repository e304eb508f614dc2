//! What is read of Kubernetes' own objects.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    /// `spec.type`.
    #[serde(rename = "type")]
    pub service_type: ServiceType,
    /// `spec.clusterIP`; `None` in words when headless.
    #[serde(rename = "clusterIP", deserialize_with = "null_as_default")]
    pub cluster_ip: String,
    /// `spec.externalName`.
    #[serde(deserialize_with = "null_as_default")]
    pub external_name: String,
    /// `spec.ports`.
    #[serde(deserialize_with = "null_as_default")]
    pub ports: Vec<ServicePort>,
}

/// `spec.type` of a Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum ServiceType {
    /// Also when left out.
    #[default]
    ClusterIP,
    /// A name in the DNS.
    ExternalName,
    /// A load balancer in front of node ports.
    LoadBalancer,
    /// A port on every node.
    NodePort,
}

/// A port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePort {
    /// Empty when it has none.
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    /// The number.
    pub port: u16,
    /// The port on every node; 0: none.
    #[serde(deserialize_with = "null_as_default")]
    pub node_port: u16,
    /// Empty or `TCP`, `UDP`, `SCTP`.
    #[serde(deserialize_with = "null_as_default")]
    pub protocol: String,
}

impl ServicePort {
    /// Whether HTTP/1 and HTTP/2 can be spoken there.
    pub fn is_tcp(&self) -> bool {
        self.protocol.is_empty() || self.protocol == "TCP"
    }
}

/// A part of the endpoints of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointSlice {
    /// The endpoints.
    #[serde(deserialize_with = "null_as_default")]
    pub endpoints: Vec<SliceEndpoint>,
    /// The ports that they have.
    #[serde(deserialize_with = "null_as_default")]
    pub ports: Vec<SlicePort>,
}

/// An endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SliceEndpoint {
    /// Its addresses.
    #[serde(deserialize_with = "null_as_default")]
    pub addresses: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    conditions: Conditions,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Conditions {
    serving: Option<bool>,
    terminating: Option<bool>,
}

impl SliceEndpoint {
    /// Whether it answers requests; `ready` plays no part, an absent condition means yes.
    pub fn serving(&self) -> bool {
        self.conditions.serving.unwrap_or(true)
    }

    /// Whether it is shutting down.
    pub fn terminating(&self) -> bool {
        self.conditions.terminating.unwrap_or(false)
    }
}

/// A port of the endpoints of a slice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SlicePort {
    /// The name of the Service's port; empty when it has none.
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    /// The number; 0: none.
    #[serde(deserialize_with = "null_as_default")]
    pub port: u16,
}

/// A node of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its addresses of type `InternalIP`.
    pub internal_ips: Vec<String>,
}

/// The content of a Secret or ConfigMap; keys whose value is no UTF-8 text are absent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Stored(pub BTreeMap<String, String>);

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // never what it holds
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn null_as_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// Converts the part of an object below `key`, absent or null being the default.
fn part<T: Default + for<'de> Deserialize<'de>>(object: &Value, key: &str) -> Result<T, serde_json::Error> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(T::default()),
        Some(value) => T::deserialize(value),
    }
}

impl Service {
    /// Of a whole object.
    pub fn parse(object: &Value) -> Result<Self, serde_json::Error> {
        part(object, "spec")
    }
}

impl EndpointSlice {
    /// Of a whole object.
    pub fn parse(object: &Value) -> Result<Self, serde_json::Error> {
        Self::deserialize(object)
    }
}

impl Node {
    /// Of a whole object.
    pub fn parse(object: &Value) -> Result<Self, serde_json::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Status {
            #[serde(deserialize_with = "null_as_default")]
            addresses: Vec<NodeAddress>,
        }
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct NodeAddress {
            address: String,
            #[serde(rename = "type")]
            kind: String,
        }
        let status: Status = part(object, "status")?;
        let internal = status
            .addresses
            .into_iter()
            .filter(|a| a.kind == "InternalIP")
            .map(|a| a.address);
        Ok(Self {
            internal_ips: internal.collect(),
        })
    }
}

impl Stored {
    /// Of a whole Secret (`data` in base64, `stringData` over it) or ConfigMap (`data` in plain).
    pub fn parse(object: &Value, encoded: bool) -> Result<Self, serde_json::Error> {
        let mut data: BTreeMap<String, String> = part(object, "data")?;
        if encoded {
            let decode = |text: String| {
                let text: String = text.split_ascii_whitespace().collect();
                String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).ok()?).ok()
            };
            data = data
                .into_iter()
                .filter_map(|(key, value)| Some((key, decode(value)?)))
                .collect();
            data.extend(part::<BTreeMap<String, String>>(object, "stringData")?);
        }
        Ok(Self(data))
    }
}
