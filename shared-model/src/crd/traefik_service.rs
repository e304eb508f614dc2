//! `TraefikService`: how the traffic for one name is spread over services.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    service_ref::{ServiceRef, Sticky},
    status::TraefikServiceStatus,
};

/// Exactly one way to spread the traffic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema, CustomResource)]
#[kube(
    group = "traefik.io",
    version = "v1alpha1",
    kind = "TraefikService",
    plural = "traefikservices",
    singular = "traefikservice",
    namespaced,
    status = "TraefikServiceStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "Spreads traffic over Services: by weight, as copies, by client address, or with a fall-back.",
    printcolumn = r#"{"name":"Kind","type":"string","jsonPath":".status.kind"}"#,
    printcolumn = r#"{"name":"Leaves","type":"integer","jsonPath":".status.leaves"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Programmed","type":"string","jsonPath":".status.conditions[?(@.type==\"Programmed\")].status","priority":1}"#,
    printcolumn = r#"{"name":"Message","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].message","priority":1}"#
)]
#[serde(rename_all = "camelCase")]
pub struct TraefikServiceSpec {
    /// Spreads requests over several services in proportion to their weights.
    pub weighted: Option<Weighted>,
    /// Sends every request to one service and copies of some of them to others.
    pub mirroring: Option<Mirroring>,
    /// Spreads clients over several services by their address, so that a client keeps its service.
    pub highest_random_weight: Option<HighestRandomWeight>,
    /// Sends requests to a second service when the first one answers with certain statuses.
    pub failover: Option<Failover>,
}

/// Several services that share the requests in proportion to their weights.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Weighted {
    /// The services that share the requests. Without any, requests are answered with 503.
    pub services: Option<Vec<ServiceRef>>,
    /// Keeps a client on the service that answered it first. Default: off.
    pub sticky: Option<Sticky>,
}

/// One service that answers all requests, and others that get copies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mirroring {
    /// The service that answers all requests.
    #[serde(flatten)]
    pub main: ServiceRef,
    /// Whether copies carry the body of the request. Default: true.
    pub mirror_body: Option<bool>,
    /// Longest request body in bytes of which a copy is made; a request with a longer one is not copied.
    /// Default: -1, no limit of its own. With 0 only requests without a body are copied.
    pub max_body_size: Option<i64>,
    /// The services that get copies; their answers are thrown away. Default: none.
    pub mirrors: Option<Vec<Mirror>>,
}

/// A service that gets copies of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mirror {
    /// The service that gets the copies.
    #[serde(flatten)]
    pub service: ServiceRef,
    /// How many of 100 requests are copied, from 0 to 100. Default: 0.
    pub percent: Option<i64>,
}

/// Several services that share the clients by their address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HighestRandomWeight {
    /// The services that share the clients, in proportion to their weights.
    pub services: Option<Vec<ServiceRef>>,
}

/// A service, and another one for the requests that it fails.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failover {
    /// The service that gets every request first.
    #[schemars(required)]
    pub service: Option<ServiceRef>,
    /// The service that gets the requests that the first one failed.
    #[schemars(required)]
    pub fallback: Option<ServiceRef>,
    /// What counts as failed.
    #[schemars(required)]
    pub errors: Option<FailoverErrors>,
}

/// Which answers of the first service count as failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailoverErrors {
    /// HTTP statuses that count as failed: single ones such as `503`, and ranges such as `500-504`.
    pub status: Option<Vec<String>>,
    /// Longest request body in bytes that is kept for the second attempt. Default: -1, no limit of its own.
    pub max_request_body_bytes: Option<i64>,
}
