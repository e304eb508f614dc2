//! Certificates and keys from PEM texts.

use std::sync::Arc;

use rustls::{
    RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};

use sha2::{Digest as _, Sha256};
use weir_model::document::SecretEntry;

use super::TlsError;

/// A SHA-256 by which it is known whether something has changed.
pub(super) type Fingerprint = [u8; 32];

/// Of all texts of an entry, and of whether it is there.
pub(super) fn fingerprint(entry: Option<&SecretEntry>) -> Fingerprint {
    let parts = entry.map(|entry| [&entry.ca, &entry.certificate, &entry.key]);
    let mut all = Sha256::new();
    for part in parts.into_iter().flatten() {
        all.update([u8::from(part.is_some())]);
        all.update(Sha256::digest(part.as_deref().unwrap_or_default()));
    }
    all.finalize().into()
}

/// All certificates of a text, at least one.
pub(super) fn certificates(what: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let error = |problem: String| TlsError::Material {
        what: what.to_owned(),
        problem,
    };
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|wrong| error(wrong.to_string()))?;
    if found.is_empty() {
        return Err(error("has no certificate".to_owned()));
    }
    Ok(found)
}

/// A certificate with its chain and its key, which belong together.
pub(super) fn certified_key(
    what: &str,
    chain: &str,
    key: &str,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, TlsError> {
    let error = |problem: String| TlsError::Material {
        what: what.to_owned(),
        problem,
    };
    let chain = certificates(what, chain)?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|wrong| error(wrong.to_string()))?;
    let certified = CertifiedKey::from_der(chain, key, provider).map_err(|wrong| error(wrong.to_string()))?;
    Ok(Arc::new(certified))
}

/// Adds all certificates of a text to those that are believed.
pub(super) fn add_roots(store: &mut RootCertStore, what: &str, pem: &str) -> Result<(), TlsError> {
    for certificate in certificates(what, pem)? {
        store.add(certificate).map_err(|wrong| TlsError::Material {
            what: what.to_owned(),
            problem: wrong.to_string(),
        })?;
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A certificate for a host, which is its own authority.
    pub(in crate::tls) fn entry(host: &str) -> SecretEntry {
        let own = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
        SecretEntry {
            ca: Some(own.cert.pem()),
            certificate: Some(own.cert.pem()),
            key: Some(own.signing_key.serialize_pem()),
        }
    }
}
