//! The one certificate of all proxies.

use std::{fs, path::Path, sync::Arc};

use anyhow::Result;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ClientConfig, RootCertStore, client::Resumption};

/// The host that is asked for.
pub const HOST: &str = "bench.example.com";

/// A certificate with its key, as PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub pem: String,
    /// Its key, an ECDSA key with P-256.
    pub key: String,
    roots: Arc<RootCertStore>,
}

impl Certificate {
    /// A new one.
    pub fn new() -> Result<Self> {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([HOST.to_owned()])?;
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone())?;
        Ok(Self {
            pem: cert.pem(),
            key: signing_key.serialize_pem(),
            roots: roots.into(),
        })
    }

    /// Writes it to `cert.pem`, its key to `key.pem`, and both to `both.pem`, as haproxy wants it.
    pub fn write(&self, folder: &Path) -> Result<()> {
        fs::write(folder.join("cert.pem"), &self.pem)?;
        fs::write(folder.join("key.pem"), &self.key)?;
        fs::write(folder.join("both.pem"), format!("{}{}", self.pem, self.key))?;
        Ok(())
    }

    /// A client that believes it, with TLS 1.3, and resumes sessions or does not.
    pub fn client(&self, http2: bool, resumption: bool) -> Arc<ClientConfig> {
        let mut config = ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        config.alpn_protocols = vec![if http2 {
            b"h2".to_vec()
        } else {
            b"http/1.1".to_vec()
        }];
        if !resumption {
            config.resumption = Resumption::disabled();
        }
        Arc::new(config)
    }
}
