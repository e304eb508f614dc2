//! What the operator reports back on an object.
//!
//! These parts are weir's own; Traefik's resources have no status.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One aspect of an object's state, in the shape of Kubernetes' `metav1.Condition`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// The aspect, such as `Accepted`, `ResolvedRefs`, `Programmed` or `Ready`.
    #[serde(rename = "type")]
    pub condition_type: String,
    /// Whether it holds: `True`, `False` or `Unknown`.
    #[schemars(extend("enum" = ["True", "False", "Unknown"]))]
    pub status: String,
    /// The cause in one word, such as `CycleDetected`.
    pub reason: String,
    /// The cause in words, with the fields concerned and the effect on traffic.
    pub message: String,
    /// When `status` last changed, as RFC 3339 in UTC.
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
    /// Generation of the object that this was computed from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// State of a TraefikService.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TraefikServiceStatus {
    /// Generation of the object that this status was computed from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The aspects of the state, one for each type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
    /// How the traffic is spread: `Weighted`, `Mirroring`, `HighestRandomWeight` or `Failover`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// How many references to a Service it reaches, also through others of its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaves: Option<i64>,
    /// How many objects of kind IngressRoute reach it, also through others of its own kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_by: Option<i64>,
}

/// State of an IngressRoute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngressRouteStatus {
    /// Generation of the object that this status was computed from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The aspects of the state, one for each type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
    /// The hosts of the rules, for the list of objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts: Option<String>,
    /// State of each route, in the order of `spec.routes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub routes: Option<Vec<RouteStatus>>,
}

/// State of one route of an IngressRoute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteStatus {
    /// The rule as it stands in `spec.routes`.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What happens to requests that match: whether they are served, by the last accepted form of the route,
    /// or refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Why, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What gets the requests: the service, or the services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// State of a ServersTransport.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServersTransportStatus {
    /// Generation of the object that this status was computed from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The aspects of the state, one for each type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
}
