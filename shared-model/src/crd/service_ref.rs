//! The reference to a service: one shape, shared by everything that sends traffic somewhere.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A whole number or a text, as Kubernetes allows for ports and durations.
///
/// The two stay apart: the port `80` is looked up by number, the port `"80"` by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrString {
    /// A bare number.
    Int(i64),
    /// A text, which may look like a number.
    String(String),
}

impl Default for IntOrString {
    fn default() -> Self {
        Self::Int(0)
    }
}

impl fmt::Display for IntOrString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::String(text) => text.fmt(f),
        }
    }
}

impl JsonSchema for IntOrString {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "IntOrString".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-kubernetes-int-or-string": true })
    }
}

/// The name of an object, and of its namespace where that is another one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// Name of the object.
    #[schemars(required)]
    pub name: Option<String>,
    /// Namespace of the object. Default: the namespace of the object that holds this reference.
    pub namespace: Option<String>,
}

/// A Kubernetes Service or a TraefikService that gets traffic, and how it is to be reached.
///
/// Upstream calls this shape `LoadBalancerSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceRef {
    /// Name of the Service or TraefikService. The character `@` is not allowed.
    #[schemars(required)]
    pub name: Option<String>,
    /// What `name` names: a Kubernetes `Service` (the default) or a `TraefikService`.
    #[schemars(extend("enum" = ["Service", "TraefikService"]))]
    pub kind: Option<String>,
    /// Namespace of the Service or TraefikService. Default: the namespace of the object that holds this
    /// reference. Another namespace has to be allowed by the operator.
    pub namespace: Option<String>,
    /// Port of the Service: a number is compared with its port numbers, a text with its port names.
    /// Has to be given for a Service; has no meaning for a TraefikService.
    pub port: Option<IntOrString>,
    /// Protocol towards the endpoints: `http`, `https` or `h2c`. Default: `https` when the port is 443 or its
    /// name contains `https`, else `http`.
    pub scheme: Option<String>,
    /// How an endpoint of the Service is chosen: `wrr` (the default) takes each in turn, `p2c` the less busy of
    /// two, `hrw` goes by the client's address, `leasttime` by the quickest answers. `RoundRobin` is an old
    /// spelling of `wrr`.
    #[schemars(extend("enum" = ["wrr", "p2c", "hrw", "leasttime", "RoundRobin"]))]
    pub strategy: Option<String>,
    /// Whether the client's Host header is forwarded. Default: true. When false, the endpoint's own address is
    /// sent as Host.
    pub pass_host_header: Option<bool>,
    /// How the response is forwarded to the client.
    pub response_forwarding: Option<ResponseForwarding>,
    /// Name of the ServersTransport that describes connections to the endpoints, looked up in the namespace of
    /// the Service. Default: none.
    pub servers_transport: Option<String>,
    /// Keeps a client on the endpoint that answered it first. Default: off.
    pub sticky: Option<Sticky>,
    /// Probes that find out which endpoints work. Default: none, all endpoints are taken to work.
    pub health_check: Option<HealthCheck>,
    /// Leaves out endpoints for a while after requests to them have failed. Default: off.
    pub passive_health_check: Option<PassiveHealthCheck>,
    /// Whether requests go to the cluster IP of the Service instead of to its endpoints. Default: false.
    #[serde(rename = "nativeLB")]
    pub native_lb: Option<bool>,
    /// Whether requests go to the node port on every node, for a Service of type `NodePort`. Default: false.
    #[serde(rename = "nodePortLB")]
    pub node_port_lb: Option<bool>,
    /// Middlewares that requests to this Service pass, in this order. Default: none.
    pub middlewares: Option<Vec<ObjectRef>>,
    /// Share of the requests in proportion to the weights next to this one. Default: 1. A weight of 0 gets no
    /// new traffic. Only read where several services share the traffic.
    #[schemars(extend("minimum" = 0))]
    pub weight: Option<i64>,
}

/// How a response is forwarded to the client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResponseForwarding {
    /// Longest time that a part of the response waits before it is sent on: a duration such as `50ms`, or a
    /// number of milliseconds in quotes. Default: `100ms`. A negative value sends each part at once, as is
    /// always done for streams and responses of unknown length.
    pub flush_interval: Option<String>,
}

/// Keeps a client on the child or endpoint that answered it first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sticky {
    /// The cookie that remembers the choice. Without it nothing is remembered; an empty object takes all
    /// defaults.
    pub cookie: Option<Cookie>,
}

/// The cookie that remembers which child or endpoint a client was given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cookie {
    /// Name of the cookie. Default: `_` and five characters computed from the name of the service.
    pub name: Option<String>,
    /// Whether the cookie carries `Secure`: browsers then send it over TLS only. Default: false.
    pub secure: Option<bool>,
    /// Whether the cookie carries `HttpOnly`: scripts in the browser then cannot read it. Default: false.
    pub http_only: Option<bool>,
    /// Value of the cookie's `SameSite` attribute. Default: no such attribute.
    #[schemars(extend("enum" = ["none", "lax", "strict", "None", "Lax", "Strict"]))]
    pub same_site: Option<String>,
    /// Seconds until the browser drops the cookie. Default: 0, when the browser is closed. A negative number
    /// makes it expire at once.
    pub max_age: Option<i64>,
    /// Value of the cookie's `Path` attribute. Default: `/`. An empty text leaves the attribute out.
    pub path: Option<String>,
    /// Value of the cookie's `Domain` attribute. Default: no such attribute, only the host that was asked.
    pub domain: Option<String>,
}

/// Probes that find out which endpoints of a Service work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// Protocol of the probe: `http` or `https`. Default: that of the Service.
    pub scheme: Option<String>,
    /// Kind of the probe: `http` (the default), or `grpc` for the health protocol of gRPC.
    pub mode: Option<String>,
    /// Path that the probe asks for; a query may follow it.
    pub path: Option<String>,
    /// HTTP method of the probe. Default: GET.
    pub method: Option<String>,
    /// HTTP status that counts as healthy. Default: any from 200 to 399.
    pub status: Option<i64>,
    /// Port of the probe. Default: the port that gets the traffic.
    pub port: Option<i64>,
    /// Time from one probe of a healthy endpoint to the next: a duration such as `10s`, or seconds.
    /// Default: `100ms`, or what the operator is set to.
    pub interval: Option<IntOrString>,
    /// Time from one probe of an unhealthy endpoint to the next: a duration or seconds. Default: `interval`.
    pub unhealthy_interval: Option<IntOrString>,
    /// Time after which a probe without an answer has failed: a duration or seconds. Default: `5s`, or
    /// what the operator is set to.
    pub timeout: Option<IntOrString>,
    /// Host header of the probe. Default: the address of the endpoint.
    pub hostname: Option<String>,
    /// Further headers of the probe, by name.
    pub headers: Option<BTreeMap<String, String>>,
    /// Whether a probe follows redirects and is judged by the last answer. Default: true. When false, the
    /// redirect itself is judged. The spelling `followRedirect` means the same.
    #[serde(alias = "followRedirect")]
    #[schemars(extend("x-weir-alias" = "followRedirect"))]
    pub follow_redirects: Option<bool>,
}

/// Leaves out endpoints for a while after requests to them have failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PassiveHealthCheck {
    /// Time over which failures are counted, and for which the endpoint is then left out: a duration or
    /// seconds. Default: `10s`.
    pub failure_window: Option<IntOrString>,
    /// Failures within the window that make an endpoint be left out. Default: 1.
    pub max_failed_attempts: Option<i64>,
}
