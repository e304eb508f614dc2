//! TLS with clients: which certificate they are shown, and how their sessions go on.

use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs::Ticketer},
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::{
    state::Current,
    tls::{TlsError, provider},
};

/// The subject of the certificate for hosts that no other one is for.
const DEFAULT_NAME: &str = "WEIR DEFAULT CERT";

/// How TLS is spoken with clients, with the certificates of whatever snapshot is served.
pub(crate) fn server_tls(current: Arc<Current>) -> Result<ServerConfig, TlsError> {
    let provider = provider();
    let default = default_certificate(&provider)?;
    let settings = |error: rustls::Error| TlsError::Settings(error.to_string());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(settings)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Shown { current, default }));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // sessions go on by what clients keep: nothing is stored here, and nothing is locked
    config.ticketer = Ticketer::new().map_err(settings)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

fn default_certificate(provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
    let failed = |problem: String| TlsError::Material {
        what: DEFAULT_NAME.to_owned(),
        problem,
    };
    let key = KeyPair::generate().map_err(|error| failed(error.to_string()))?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, DEFAULT_NAME);
    let certificate = params.self_signed(&key);
    let certificate = certificate.map_err(|error| failed(error.to_string()))?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let chain = vec![certificate.der().clone()];
    let certified = CertifiedKey::from_der(chain, key, provider);
    certified.map(Arc::new).map_err(|error| failed(error.to_string()))
}

/// The certificate for the host that a client asks for; the default one where there is none, or it does not say.
#[derive(Debug)]
struct Shown {
    current: Arc<Current>,
    default: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let snapshot = self.current.load();
        let named = hello
            .server_name()
            .and_then(|host| snapshot.certificates().find(host));
        Some(named.unwrap_or(&self.default).clone())
    }
}
