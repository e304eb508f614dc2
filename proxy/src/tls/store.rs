//! Reading the settings of TLS towards upstreams once, however often documents are loaded.

use hashbrown::HashMap;
use sha2::{Digest as _, Sha256};
use weir_model::document::{Secrets, Transport};

use super::{
    ClientTls, TlsError,
    material::{self, Fingerprint},
};

/// How TLS is spoken under the settings of one config after another. What stays the same is made once, so that its
/// sessions are resumed across reloads.
#[derive(Debug, Default)]
pub struct ClientTlsStore {
    known: HashMap<Fingerprint, Known>,
}

#[derive(Debug)]
struct Known {
    made: Result<ClientTls, TlsError>,
    /// Asked for since the last sweep.
    used: bool,
}

impl ClientTlsStore {
    /// As a transport wants it; without one, with the defaults.
    pub fn get(&mut self, transport: Option<&Transport>, secrets: &Secrets) -> Result<ClientTls, TlsError> {
        let fingerprint = fingerprint(transport, secrets);
        let make = || Known {
            made: ClientTls::new(transport, secrets, fingerprint),
            used: true,
        };
        let known = self.known.entry(fingerprint).or_insert_with(make);
        known.used = true;
        known.made.clone()
    }

    /// Forgets what was not asked for since the last time.
    pub fn sweep(&mut self) {
        self.known
            .retain(|_, known| std::mem::replace(&mut known.used, false));
    }
}

fn fingerprint(transport: Option<&Transport>, secrets: &Secrets) -> Fingerprint {
    let mut hash = Sha256::new();
    if let Some(transport) = transport {
        // all of its fields; writing them does not fail
        hash.update(serde_json::to_vec(transport).unwrap_or_default());
        for id in transport.root_cas.iter().chain(&transport.certificates) {
            hash.update(material::fingerprint(secrets.entries.get(id)));
        }
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weir_model::{
        document::{SecretEntry, SecretId},
        name::NamespacedName,
    };

    use super::*;
    use crate::tls::material::tests::entry;

    fn id() -> SecretId {
        SecretId::secret(&NamespacedName::new("apps", "ca"))
    }

    fn transport() -> Transport {
        serde_json::from_value(serde_json::json!({
            "dialTimeout": "30s",
            "disableHttp2": false,
            "idleConnTimeout": "90s",
            "insecureSkipVerify": false,
            "pingTimeout": "15s",
            "readIdleTimeout": "0s",
            "responseHeaderTimeout": "0s",
            "revision": 1,
            "rootCas": [id()],
            "source": {"generation": 1, "kind": "ServersTransport", "name": "t", "namespace": "apps", "uid": ""},
        }))
        .unwrap()
    }

    fn secrets(entry: SecretEntry) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.entries.insert(id(), entry);
        secrets
    }

    #[test]
    fn what_stays_the_same_is_made_once() {
        let mut store = ClientTlsStore::default();
        let secrets = secrets(entry("a.example"));
        let first = store.get(Some(&transport()), &secrets).unwrap();
        store.sweep();
        let second = store.get(Some(&transport()), &secrets).unwrap();
        assert!(Arc::ptr_eq(&first.config, &second.config));
        store.sweep();
        store.sweep();
        assert!(store.known.is_empty());
    }

    #[test]
    fn what_differs_is_told_apart() {
        let mut store = ClientTlsStore::default();
        let (one, other) = (secrets(entry("a.example")), secrets(entry("a.example")));
        let named = Transport {
            server_name: Some("b.example".to_owned()),
            ..transport()
        };
        let made = [
            store.get(None, &one),
            store.get(Some(&transport()), &one),
            store.get(Some(&transport()), &other),
            store.get(Some(&named), &one),
        ];
        let made = made.map(Result::unwrap);
        for (place, tls) in made.iter().enumerate() {
            assert_eq!(made.iter().position(|other| other == tls), Some(place));
        }
        let missing = store.get(Some(&transport()), &Secrets::default());
        assert!(matches!(missing, Err(TlsError::Missing(_))), "{missing:?}");
    }
}
