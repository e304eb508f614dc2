//! Whom to believe when a transport does not say.

use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;

/// The system's roots (`SSL_CERT_FILE` and `SSL_CERT_DIR` are looked at), or Mozilla's where it has none. Read once.
pub(super) fn system() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let read = || {
        let mut store = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "some of the system's root certificates cannot be read");
        }
        store.add_parsable_certificates(found.certs);
        if store.is_empty() {
            store.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
        }
        Arc::new(store)
    };
    Arc::clone(ROOTS.get_or_init(read))
}
