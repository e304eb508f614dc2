//! Transports: how connections to endpoints are made.

use serde::{Deserialize, Serialize};

use super::{SecretId, Source};
use crate::duration::GoDuration;

/// A ServersTransport, checked. Timeouts of 0 mean none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Transport {
    /// Client certificates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<SecretId>,
    /// IANA names of the allowed TLS cipher suites; empty: the library's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cipher_suites: Vec<String>,
    /// For connecting.
    pub dial_timeout: GoDuration,
    /// HTTP/1.1 only.
    pub disable_http2: bool,
    /// How long an unused connection is kept.
    pub idle_conn_timeout: GoDuration,
    /// Takes any certificate.
    pub insecure_skip_verify: bool,
    /// Unused connections kept for each endpoint; absent: the default, 0: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_idle_conns_per_host: Option<u32>,
    /// The newest TLS version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_version: Option<TlsVersion>,
    /// The oldest TLS version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_version: Option<TlsVersion>,
    /// One of these must be in the endpoint's certificate; empty: not asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peer_cert_sans: Vec<PeerSan>,
    /// For the answer to an HTTP/2 ping.
    pub ping_timeout: GoDuration,
    /// Silence after which an HTTP/2 connection is pinged.
    pub read_idle_timeout: GoDuration,
    /// From the request's last byte to the response's head.
    pub response_header_timeout: GoDuration,
    /// The config's revision that brought this form of the transport.
    pub revision: u64,
    /// Instead of the system's roots when not empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub root_cas: Vec<SecretId>,
    /// For SNI and verification, instead of the endpoint's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// The ServersTransport.
    pub source: Source,
}

/// TLS versions that weir speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// A name that an endpoint's certificate must carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PeerSan {
    /// A DNS name.
    Dns(String),
    /// A URI, compared ignoring case.
    Uri(String),
}
