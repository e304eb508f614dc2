//! TLS towards upstreams.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore, SignatureScheme, SupportedCipherSuite, SupportedProtocolVersion,
    client::{ResolvesClientCert, WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::ServerName,
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use weir_model::document::{Address, Host, SecretEntry, SecretId, Secrets, TlsVersion, Transport};

use super::{
    TlsError,
    material::{self, Fingerprint},
    provider, roots,
    verify::{Anybody, Named},
};

/// How TLS is spoken with an upstream. Two are equal when their settings and all that these name are.
#[derive(Clone)]
pub struct ClientTls {
    /// For rustls.
    pub config: Arc<ClientConfig>,
    /// For SNI and the certificate, instead of the endpoint's host.
    server_name: Option<ServerName<'static>>,
    fingerprint: Fingerprint,
}

impl ClientTls {
    /// As a transport wants it; without one, with the defaults. The fingerprint is of all of that.
    pub(super) fn new(
        transport: Option<&Transport>,
        secrets: &Secrets,
        fingerprint: Fingerprint,
    ) -> Result<Self, TlsError> {
        let provider = provider();
        let settings = Settings { secrets };
        let config = settings.config(transport, provider)?;
        let server_name = transport.and_then(|transport| transport.server_name.as_deref());
        let server_name = server_name
            .map(|name| ServerName::try_from(name.to_owned()))
            .transpose()
            .map_err(|_| TlsError::Settings("serverName is no host".to_owned()))?;
        Ok(Self {
            config: Arc::new(config),
            server_name,
            fingerprint,
        })
    }

    /// The same, for a connection that must speak HTTP/1.1.
    #[must_use]
    pub fn http1_only(&self) -> Self {
        let mut config = (*self.config).clone();
        config.alpn_protocols = protocols(true);
        Self {
            config: Arc::new(config),
            ..self.clone()
        }
    }

    /// Whom an endpoint's certificate must be for; none: its host is none that a certificate may have.
    pub fn server_name(&self, address: &Address) -> Option<ServerName<'static>> {
        if let Some(name) = &self.server_name {
            return Some(name.clone());
        }
        match &address.host {
            Host::Ip(ip) => Some((*ip).into()),
            Host::Name(name) => ServerName::try_from(name.clone()).ok(),
        }
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls")
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

impl PartialEq for ClientTls {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for ClientTls {}

impl Hash for ClientTls {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fingerprint.hash(state);
    }
}

/// Reads settings.
struct Settings<'a> {
    secrets: &'a Secrets,
}

impl<'a> Settings<'a> {
    fn config(
        &self,
        transport: Option<&Transport>,
        provider: Arc<CryptoProvider>,
    ) -> Result<ClientConfig, TlsError> {
        let Some(transport) = transport else {
            let mut config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| TlsError::Settings(error.to_string()))?
                .with_root_certificates(roots::system())
                .with_no_client_auth();
            config.alpn_protocols = protocols(false);
            return Ok(config);
        };
        let provider = with_suites(provider, &transport.cipher_suites)?;
        let versions = versions(transport)?;
        let verifier = self.verifier(transport, &provider)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .map_err(|error| TlsError::Settings(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = if transport.certificates.is_empty() {
            builder.with_no_client_auth()
        } else {
            let certificates = transport.certificates.iter();
            let own = certificates.map(|id| self.own_certificate(id, &provider));
            builder.with_client_cert_resolver(Arc::new(Own(own.collect::<Result<_, _>>()?)))
        };
        config.alpn_protocols = protocols(transport.disable_http2);
        Ok(config)
    }

    fn verifier(
        &self,
        transport: &Transport,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        if transport.insecure_skip_verify && transport.peer_cert_sans.is_empty() {
            return Ok(Arc::new(Anybody(Arc::clone(provider))));
        }
        let roots = self.roots(transport)?;
        let chain = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
            .build()
            .map_err(|error| TlsError::Settings(error.to_string()))?;
        if transport.peer_cert_sans.is_empty() {
            return Ok(chain);
        }
        Ok(Arc::new(Named {
            chain,
            host: !transport.insecure_skip_verify,
            names: transport.peer_cert_sans.clone(),
        }))
    }

    fn roots(&self, transport: &Transport) -> Result<Arc<RootCertStore>, TlsError> {
        if transport.root_cas.is_empty() {
            return Ok(roots::system());
        }
        let mut store = RootCertStore::empty();
        for id in &transport.root_cas {
            let text = self.text(id, "a certificate authority", |entry| entry.ca.as_deref())?;
            material::add_roots(&mut store, id.as_str(), text)?;
        }
        Ok(Arc::new(store))
    }

    fn own_certificate(
        &self,
        id: &SecretId,
        provider: &CryptoProvider,
    ) -> Result<Arc<CertifiedKey>, TlsError> {
        let chain = self.text(id, "a certificate", |entry| entry.certificate.as_deref())?;
        let key = self.text(id, "a key", |entry| entry.key.as_deref())?;
        material::certified_key(id.as_str(), chain, key, provider)
    }

    fn text(
        &self,
        id: &SecretId,
        what: &str,
        part: impl Fn(&SecretEntry) -> Option<&str>,
    ) -> Result<&'a str, TlsError> {
        let entry = self.secrets.entries.get(id);
        let missing = || TlsError::Missing(format!("{what} in {id}"));
        entry.and_then(part).ok_or_else(missing)
    }
}

fn protocols(http1_only: bool) -> Vec<Vec<u8>> {
    if http1_only {
        vec![b"http/1.1".to_vec()]
    } else {
        vec![b"h2".to_vec(), b"http/1.1".to_vec()]
    }
}

/// As in Go, the suites of TLS 1.3 are always allowed.
fn with_suites(provider: Arc<CryptoProvider>, names: &[String]) -> Result<Arc<CryptoProvider>, TlsError> {
    if names.is_empty() {
        return Ok(provider);
    }
    let name = |suite: &SupportedCipherSuite| format!("{:?}", suite.suite()).replace("TLS13_", "TLS_");
    let known: Vec<_> = provider.cipher_suites.iter().map(name).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        return Err(TlsError::Settings(format!("cipher suite {unknown} is not known")));
    }
    let mut limited = CryptoProvider::clone(&provider);
    limited
        .cipher_suites
        .retain(|suite| suite.tls13().is_some() || names.contains(&name(suite)));
    Ok(Arc::new(limited))
}

fn versions(transport: &Transport) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
    let oldest = transport.min_version.unwrap_or(TlsVersion::Tls12);
    let newest = transport.max_version.unwrap_or(TlsVersion::Tls13);
    let known = [(TlsVersion::Tls13, &TLS13), (TlsVersion::Tls12, &TLS12)];
    let allowed: Vec<_> = known
        .into_iter()
        .filter(|(version, _)| (oldest..=newest).contains(version))
        .map(|(_, version)| version)
        .collect();
    if allowed.is_empty() {
        return Err(TlsError::Settings("minVersion is above maxVersion".to_owned()));
    }
    Ok(allowed)
}

/// Our own certificates: the first whose key can sign as the upstream asks for is shown.
#[derive(Debug)]
struct Own(Vec<Arc<CertifiedKey>>);

impl ResolvesClientCert for Own {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let mut signing = self.0.iter();
        signing
            .find(|own| own.key.choose_scheme(schemes).is_some())
            .cloned()
    }

    fn has_certs(&self) -> bool {
        true
    }
}
