//! ServersTransports. One that is wrong anywhere is not used: connections without what it asks for could
//! go to the wrong peer.

use weir_model::{
    crd::{IntOrString, ServersTransportSpec},
    document::{PeerSan, SecretId, Source, SourceKind, TlsVersion, Transport},
    duration::GoDuration,
    name::NamespacedName,
    path::FieldPath,
};

use super::{Place, Sink, drop_consequences, spec, traefik_service::source, value::one_of};
use crate::compile::{
    finding::{Code, Severity},
    input::Entry,
};

/// A ServersTransport; its secrets are looked up later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) struct TransportForm {
    /// Complete but for the revision.
    pub transport: Transport,
    /// The fields that name the secrets; none of a form from the previous config.
    pub fields: Vec<(SecretId, FieldPath)>,
}

/// The form of a ServersTransport; whether it is accepted depends on the findings.
pub(in crate::compile) fn servers_transport(
    sink: &mut Sink<'_>,
    entry: &Entry<ServersTransportSpec>,
) -> Option<TransportForm> {
    sink.deviations(&entry.deviations);
    sink.own_name();
    let source = source(sink, &entry.meta, SourceKind::ServersTransport);
    let written = entry.spec.as_ref()?;
    let first = sink.findings.len();
    let form = sink.transport(written, source);
    drop_consequences(sink.findings, first, &entry.deviations);
    Some(form)
}

impl Sink<'_> {
    fn transport(&mut self, written: &ServersTransportSpec, source: Source) -> TransportForm {
        if written.spiffe.is_some() {
            self.unsupported(
                &spec().key("spiffe"),
                "weir has no SPIFFE",
                "name certificates and rootCAs instead",
            );
        }
        let mut fields = Vec::new();
        let root_cas = self.root_cas(written, &mut fields);
        let certificates_field = spec().key("certificatesSecrets");
        let certificates = self.secrets(
            &certificates_field,
            written.certificates_secrets.as_deref(),
            &mut fields,
        );
        let min_version = self.tls_version(&spec().key("minVersion"), written.min_version.as_deref(), false);
        let max_version = self.tls_version(&spec().key("maxVersion"), written.max_version.as_deref(), true);
        if let (Some(min), Some(max)) = (min_version, max_version)
            && min > max
        {
            self.add(
                &spec().key("maxVersion"),
                Code::InvalidSpec,
                "maxVersion is below minVersion",
                None,
            );
        }
        let timeouts = written.forwarding_timeouts.clone().unwrap_or_default();
        let field = spec().key("forwardingTimeouts");
        let transport = Transport {
            certificates,
            cipher_suites: self.cipher_suites(&spec().key("cipherSuites"), written.cipher_suites.as_deref()),
            dial_timeout: self.timeout(&field.key("dialTimeout"), timeouts.dial_timeout.as_ref(), 30),
            disable_http2: written.disable_http2.unwrap_or_default(),
            idle_conn_timeout: self.timeout(
                &field.key("idleConnTimeout"),
                timeouts.idle_conn_timeout.as_ref(),
                90,
            ),
            insecure_skip_verify: written.insecure_skip_verify.unwrap_or_default(),
            max_idle_conns_per_host: self.max_idle(written.max_idle_conns_per_host),
            max_version,
            min_version,
            peer_cert_sans: self.peer_cert_sans(written),
            ping_timeout: self.timeout(&field.key("pingTimeout"), timeouts.ping_timeout.as_ref(), 15),
            read_idle_timeout: self.timeout(
                &field.key("readIdleTimeout"),
                timeouts.read_idle_timeout.as_ref(),
                0,
            ),
            response_header_timeout: self.timeout(
                &field.key("responseHeaderTimeout"),
                timeouts.response_header_timeout.as_ref(),
                0,
            ),
            revision: 0,
            root_cas,
            server_name: written.server_name.clone().filter(|name| !name.is_empty()),
            source,
        };
        TransportForm { transport, fields }
    }

    fn root_cas(
        &mut self,
        written: &ServersTransportSpec,
        fields: &mut Vec<(SecretId, FieldPath)>,
    ) -> Vec<SecretId> {
        let deprecated = spec().key("rootCAsSecrets");
        let mut ids = self.secrets(&deprecated, written.root_cas_secrets.as_deref(), fields);
        let list = spec().key("rootCAs");
        for (i, root) in written.root_cas.iter().flatten().enumerate() {
            let field = list.index(i);
            let given = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
            let (key, name, id): (_, _, fn(&NamespacedName) -> SecretId) =
                match (given(&root.secret), given(&root.config_map)) {
                    (Some(name), None) => ("secret", name, SecretId::secret),
                    (None, Some(name)) => ("configMap", name, SecretId::config_map),
                    _ => {
                        let help = "give either secret or configMap".to_owned();
                        self.add(
                            &field,
                            Code::InvalidSpec,
                            "a root CA comes from exactly one place",
                            help,
                        );
                        continue;
                    }
                };
            if self.name(&field.key(key), &name).is_some() {
                let id = id(&NamespacedName::new(&self.object.name.namespace, name));
                fields.push((id.clone(), field.key(key).path()));
                ids.push(id);
            }
        }
        ids
    }

    fn secrets(
        &mut self,
        field: &Place<'_>,
        names: Option<&[String]>,
        fields: &mut Vec<(SecretId, FieldPath)>,
    ) -> Vec<SecretId> {
        let mut ids = Vec::new();
        for (i, name) in names.unwrap_or_default().iter().enumerate() {
            let field = field.index(i);
            if self.name(&field, name).is_some() {
                let id = SecretId::secret(&NamespacedName::new(&self.object.name.namespace, name));
                fields.push((id.clone(), field.path()));
                ids.push(id);
            }
        }
        ids
    }

    fn timeout(&mut self, field: &Place<'_>, written: Option<&IntOrString>, default_secs: i64) -> GoDuration {
        let default = GoDuration::from_secs(default_secs);
        let Some(duration) = written.and_then(|written| self.duration(field, written)) else {
            return default;
        };
        if duration.nanos() < 0 {
            let help = "0 means no timeout".to_owned();
            self.add(
                field,
                Code::InvalidDuration,
                format!("{duration} is below zero"),
                help,
            );
        }
        duration
    }

    fn max_idle(&mut self, written: Option<i64>) -> Option<u32> {
        let field = spec().key("maxIdleConnsPerHost");
        match written? {
            0 => None,
            -1 => Some(0),
            number => {
                let checked = u32::try_from(number).ok();
                if checked.is_none() {
                    self.add(
                        &field,
                        Code::InvalidSpec,
                        format!("{number} is outside -1 to {}", u32::MAX),
                        None,
                    );
                }
                checked
            }
        }
    }

    fn tls_version(&mut self, field: &Place<'_>, written: Option<&str>, newest: bool) -> Option<TlsVersion> {
        match written.filter(|version| !version.is_empty())? {
            "VersionTLS12" => Some(TlsVersion::Tls12),
            "VersionTLS13" => Some(TlsVersion::Tls13),
            old @ ("VersionTLS10" | "VersionTLS11") if newest => {
                let message = format!("weir does not speak {old}");
                self.unsupported(
                    field,
                    &message,
                    "TLS 1.0 and 1.1 are broken; let the upstream speak TLS 1.2",
                );
                None
            }
            "VersionTLS10" | "VersionTLS11" => {
                self.push(
                    field,
                    Code::IgnoredField,
                    "TLS 1.2 is the oldest that weir speaks",
                    |finding| {
                        finding
                            .severity(Severity::Info)
                            .effect("connections use TLS 1.2 or 1.3")
                    },
                );
                Some(TlsVersion::Tls12)
            }
            other => {
                let help = one_of(other, &["VersionTLS12", "VersionTLS13"]);
                self.add(
                    field,
                    Code::InvalidSpec,
                    format!("the TLS version {other:?} does not exist"),
                    help,
                );
                None
            }
        }
    }

    fn cipher_suites(&mut self, field: &Place<'_>, written: Option<&[String]>) -> Vec<String> {
        let mut suites = Vec::new();
        for (i, name) in written.unwrap_or_default().iter().enumerate() {
            if CIPHER_SUITES.contains(&name.as_str()) {
                // Go's older names of two
                let unfinished = name.ends_with("_CHACHA20_POLY1305");
                suites.push(name.clone() + if unfinished { "_SHA256" } else { "" });
            } else {
                let message = format!("weir has no cipher suite {name:?}");
                self.unsupported(&field.index(i), &message, &one_of(name, &CIPHER_SUITES));
            }
        }
        suites
    }

    fn peer_cert_sans(&mut self, written: &ServersTransportSpec) -> Vec<PeerSan> {
        let mut sans: Vec<PeerSan> = written
            .peer_cert_uri
            .iter()
            .filter(|u| !u.is_empty())
            .cloned()
            .map(PeerSan::Uri)
            .collect();
        let list = spec().key("peerCertSANs");
        for (i, san) in written.peer_cert_sans.iter().flatten().enumerate() {
            let field = list.index(i);
            let value = san.value.clone().unwrap_or_default();
            match san.san_type.as_deref().unwrap_or_default() {
                "DNSName" if !value.is_empty() => sans.push(PeerSan::Dns(value)),
                "URI" if !value.is_empty() => sans.push(PeerSan::Uri(value)),
                "DNSName" | "URI" => {
                    self.add(&field.key("value"), Code::InvalidSpec, "the value is empty", None);
                }
                other => {
                    let help = one_of(other, &["DNSName", "URI"]);
                    self.add(
                        &field.key("type"),
                        Code::InvalidSpec,
                        format!("the type {other:?} does not exist"),
                        help,
                    );
                }
            }
        }
        sans
    }
}

/// What rustls with aws-lc-rs offers, by Go's names.
const CIPHER_SUITES: [&str; 11] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];
