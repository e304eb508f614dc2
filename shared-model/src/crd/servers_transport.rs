//! `ServersTransport`: how connections to endpoints are made.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{service_ref::IntOrString, status::ServersTransportStatus};

/// TLS, timeouts and pooling of connections to endpoints.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema, CustomResource)]
#[kube(
    group = "traefik.io",
    version = "v1alpha1",
    kind = "ServersTransport",
    plural = "serverstransports",
    singular = "serverstransport",
    namespaced,
    status = "ServersTransportStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "Describes connections to the endpoints of a Service: TLS, timeouts and pooling.",
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ServersTransportSpec {
    /// Name that the endpoint's certificate has to carry, also sent to it as SNI. Default: the host of the
    /// endpoint's address.
    pub server_name: Option<String>,
    /// Whether the endpoint's certificate is accepted unchecked. Default: false.
    pub insecure_skip_verify: Option<bool>,
    /// Where the CA certificates are, under `tls.ca` or `ca.crt`, that are trusted instead of the system's.
    #[serde(rename = "rootCAs")]
    pub root_cas: Option<Vec<RootCa>>,
    /// Names of Secrets with CA certificates to trust. Outdated: use `rootCAs`.
    #[serde(rename = "rootCAsSecrets")]
    pub root_cas_secrets: Option<Vec<String>>,
    /// Names of Secrets with client certificates to present, under `tls.crt` and `tls.key`.
    pub certificates_secrets: Option<Vec<String>>,
    /// Names of the cipher suites to offer. Default: a safe choice.
    pub cipher_suites: Option<Vec<String>>,
    /// Lowest TLS version to use: `VersionTLS10` to `VersionTLS13`. Default: a safe choice.
    pub min_version: Option<String>,
    /// Highest TLS version to use: `VersionTLS10` to `VersionTLS13`. Default: no limit.
    pub max_version: Option<String>,
    /// Idle connections kept for each endpoint. Default, also for 0: a small number. With -1 none is kept.
    #[schemars(extend("minimum" = -1))]
    pub max_idle_conns_per_host: Option<i64>,
    /// How long the steps of a request may take.
    pub forwarding_timeouts: Option<ForwardingTimeouts>,
    /// Whether HTTP/2 towards endpoints is off. Default: false.
    #[serde(rename = "disableHTTP2")]
    pub disable_http2: Option<bool>,
    /// URI that the endpoint's certificate has to carry. Outdated: use `peerCertSANs`.
    #[serde(rename = "peerCertURI")]
    pub peer_cert_uri: Option<String>,
    /// Names of which the endpoint's certificate has to carry at least one.
    #[serde(rename = "peerCertSANs")]
    pub peer_cert_sans: Option<Vec<PeerCertSan>>,
    /// Checks endpoints by their SPIFFE identity; excludes the other TLS options.
    pub spiffe: Option<Spiffe>,
}

/// Where CA certificates come from: either a Secret or a ConfigMap.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "!has(self.secret) || !has(self.configMap)",
    "message": "give either secret or configMap, not both",
}]))]
pub struct RootCa {
    /// Name of the Secret.
    pub secret: Option<String>,
    /// Name of the ConfigMap.
    pub config_map: Option<String>,
}

/// Digits with units, as the resources of Traefik demand of these durations.
const DURATION_PATTERN: &str = "^([0-9]+(ns|us|µs|ms|s|m|h)?)+$";

/// How long the steps of a request to an endpoint may take.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForwardingTimeouts {
    /// Time to connect: a duration such as `5s`, or seconds. Default: `30s`. With 0 there is no limit.
    #[schemars(extend("pattern" = DURATION_PATTERN))]
    pub dial_timeout: Option<IntOrString>,
    /// Time from the end of the request to the head of the response: a duration or seconds. Default: 0, no
    /// limit.
    #[schemars(extend("pattern" = DURATION_PATTERN))]
    pub response_header_timeout: Option<IntOrString>,
    /// Time that an idle connection is kept: a duration or seconds. Default: `90s`. With 0 there is no limit.
    #[schemars(extend("pattern" = DURATION_PATTERN))]
    pub idle_conn_timeout: Option<IntOrString>,
    /// Silence on an HTTP/2 connection after which it is probed: a duration or seconds. Default: 0, never.
    #[schemars(extend("pattern" = DURATION_PATTERN))]
    pub read_idle_timeout: Option<IntOrString>,
    /// Time after which an HTTP/2 connection that does not answer a probe is closed: a duration or seconds.
    /// Default: `15s`.
    #[schemars(extend("pattern" = DURATION_PATTERN))]
    pub ping_timeout: Option<IntOrString>,
}

/// A name that a certificate has to carry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PeerCertSan {
    /// Kind of the name: `DNSName` or `URI`.
    #[serde(rename = "type")]
    pub san_type: Option<String>,
    /// The name itself.
    pub value: Option<String>,
}

/// The SPIFFE identities that are accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spiffe {
    /// Identities that are accepted. They take precedence over `trustDomain`.
    pub ids: Option<Vec<String>>,
    /// Trust domain whose identities are all accepted. Default, without `ids`: any.
    pub trust_domain: Option<String>,
}
