//! `IngressRoute`: which requests go to which services.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    service_ref::{ObjectRef, ServiceRef},
    status::IngressRouteStatus,
};

/// Routes, where they listen, and their TLS.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema, CustomResource)]
#[kube(
    group = "traefik.io",
    version = "v1alpha1",
    kind = "IngressRoute",
    plural = "ingressroutes",
    singular = "ingressroute",
    namespaced,
    status = "IngressRouteStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "Sends HTTP requests that match a rule to Services.",
    printcolumn = r#"{"name":"Hosts","type":"string","jsonPath":".status.hosts"}"#,
    printcolumn = r#"{"name":"EntryPoints","type":"string","jsonPath":".spec.entryPoints"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct IngressRouteSpec {
    /// The routes. Among those that match a request, the one of highest priority takes it.
    #[schemars(required)]
    pub routes: Option<Vec<Route>>,
    /// Names of the entry points that the routes listen on. Default: the default entry points.
    pub entry_points: Option<Vec<String>>,
    /// Class of this object: one that serves another class passes it over. Default: the annotation
    /// `kubernetes.io/ingress.class`, else none.
    pub ingress_class_name: Option<String>,
    /// IngressRoute objects below whose routes these are placed. Default: none.
    pub parent_refs: Option<Vec<ObjectRef>>,
    /// Serves the routes over TLS only. Default: absent, without TLS.
    pub tls: Option<IngressRouteTls>,
}

/// A rule, and the services for the requests that it matches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// The rule that a request has to match, such as ``Host(`example.com`) && PathPrefix(`/shop`)``.
    #[serde(rename = "match")]
    #[schemars(required)]
    pub rule: Option<String>,
    /// Kind of the route; `Rule` is the only one.
    #[schemars(extend("enum" = ["Rule"]))]
    pub kind: Option<String>,
    /// Rank among routes that match the same request: the highest wins. Default, also for 0: the length of
    /// the rule in bytes.
    #[schemars(extend("maximum" = 9_223_372_036_854_775_000_i64))]
    pub priority: Option<i64>,
    /// Version of the rule language: `v3`, or the outdated `v2`. Default: `v3`.
    pub syntax: Option<String>,
    /// The services that get the requests; several share them in proportion to their weights.
    pub services: Option<Vec<ServiceRef>>,
    /// Middlewares that the requests pass before they reach a service, in this order. Default: none.
    pub middlewares: Option<Vec<ObjectRef>>,
    /// What is recorded about the requests. Default: as the entry point says.
    pub observability: Option<Observability>,
}

/// What is recorded about the requests of a route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Observability {
    /// Whether requests are written to the access log. Default: as the entry point says.
    pub access_logs: Option<bool>,
    /// Whether requests are counted in metrics. Default: as the entry point says.
    pub metrics: Option<bool>,
    /// Whether requests are traced. Default: as the entry point says.
    pub tracing: Option<bool>,
    /// How much a trace shows. Default: `minimal`.
    #[schemars(extend("enum" = ["minimal", "detailed"]))]
    pub trace_verbosity: Option<String>,
}

/// The TLS of an IngressRoute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngressRouteTls {
    /// Name of the Secret in the same namespace that holds the certificate, under `tls.crt` and `tls.key`.
    /// Default: the default certificate.
    pub secret_name: Option<String>,
    /// The `TLSOption` that describes the connections. Default: the default one.
    pub options: Option<ObjectRef>,
    /// The `TLSStore` to take certificates from.
    pub store: Option<ObjectRef>,
    /// Name of the resolver that obtains certificates. Default: none.
    pub cert_resolver: Option<String>,
    /// Names that the resolver obtains certificates for. Default: the hosts of the rules.
    pub domains: Option<Vec<TlsDomain>>,
}

/// The names of one certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TlsDomain {
    /// First name of the certificate.
    pub main: Option<String>,
    /// Further names of the certificate.
    pub sans: Option<Vec<String>>,
}
