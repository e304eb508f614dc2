//! The certificates that clients are shown.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rustls::{crypto::CryptoProvider, sign::CertifiedKey};
use weir_model::document::{Config, SecretEntry, SecretId, Secrets};

use super::{
    TlsError,
    material::{self, Fingerprint},
    names, provider,
};

/// Certificates by the names that are in them. The default one has none.
#[derive(Debug, Default)]
pub struct Certificates {
    exact: BTreeMap<Box<str>, Arc<CertifiedKey>>,
    /// By what follows `*.`.
    wildcards: BTreeMap<Box<str>, Arc<CertifiedKey>>,
}

impl Certificates {
    /// The one for a host that a client asks for: one with its name, else one with a wildcard in place of the name's
    /// first label.
    pub fn find(&self, host: &str) -> Option<&Arc<CertifiedKey>> {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        self.exact.get(&*host).or_else(|| {
            let (_, domain) = host.split_once('.')?;
            self.wildcards.get(domain)
        })
    }

    /// Adds one, where its names are not taken.
    fn add(&mut self, known: &Known) {
        let Some(certificate) = &known.certificate else {
            return;
        };
        for name in &known.names {
            let (names, name) = match name.strip_prefix("*.") {
                Some(domain) => (&mut self.wildcards, domain),
                None => (&mut self.exact, &**name),
            };
            if !names.contains_key(name) {
                names.insert(name.into(), Arc::clone(certificate));
            }
        }
    }
}

/// Reads the certificates of one config after another, and each of them once.
#[derive(Debug, Default)]
pub struct CertificateStore {
    known: BTreeMap<SecretId, Known>,
    current: Arc<Certificates>,
}

/// A certificate, as far as its text is one.
#[derive(Debug)]
struct Known {
    /// Of the texts.
    fingerprint: Fingerprint,
    certificate: Option<Arc<CertifiedKey>>,
    names: Vec<String>,
}

impl CertificateStore {
    /// The certificates that a config's routes name. One that is not there, or is none, is left out: who asks for
    /// its names is shown the default one.
    pub fn update(&mut self, config: &Config, secrets: &Secrets) -> Arc<Certificates> {
        let routes = config.routes.values();
        let wanted: BTreeSet<_> = routes
            .filter_map(|route| route.tls.as_ref()?.certificate.as_ref())
            .collect();
        let before = self.known.len();
        self.known.retain(|id, _| wanted.contains(id));
        let mut changed = self.known.len() != before;
        for id in wanted {
            let Some(entry) = secrets.entries.get(id) else {
                changed |= self.known.remove(id).is_some();
                continue;
            };
            let fingerprint = material::fingerprint(Some(entry));
            let known = self.known.get(id);
            if known.is_none_or(|known| known.fingerprint != fingerprint) {
                let known = Known::read(id, entry, fingerprint);
                self.known.insert(id.clone(), known);
                changed = true;
            }
        }
        if changed {
            let mut certificates = Certificates::default();
            for known in self.known.values() {
                certificates.add(known);
            }
            self.current = Arc::new(certificates);
        }
        Arc::clone(&self.current)
    }
}

impl Known {
    fn read(id: &SecretId, entry: &SecretEntry, fingerprint: Fingerprint) -> Self {
        let read = read(id, entry, &provider());
        if let Err(error) = &read {
            tracing::warn!(%error, "a certificate cannot be used; the default one is shown in its place");
        }
        let (certificate, names) = read.ok().unzip();
        Self {
            fingerprint,
            certificate,
            names: names.unwrap_or_default(),
        }
    }
}

fn read(
    id: &SecretId,
    entry: &SecretEntry,
    provider: &CryptoProvider,
) -> Result<(Arc<CertifiedKey>, Vec<String>), TlsError> {
    let missing = |what: &str| TlsError::Missing(format!("{what} in {id}"));
    let chain = entry.certificate.as_deref();
    let chain = chain.ok_or_else(|| missing("a certificate"))?;
    let key = entry.key.as_deref().ok_or_else(|| missing("a key"))?;
    let certified = material::certified_key(id.as_str(), chain, key, provider)?;
    let names = certified.cert.first().map(|own| names::of(own));
    let names = names.unwrap_or_default();
    if names.is_empty() {
        return Err(TlsError::Material {
            what: id.to_string(),
            problem: "names no host".to_owned(),
        });
    }
    Ok((certified, names))
}

#[cfg(test)]
mod tests {
    use weir_model::{document::RouteTls, name::NamespacedName};

    use super::*;
    use crate::{state::fixture::Fixture, tls::material::tests::entry};

    fn id(name: &str) -> SecretId {
        SecretId::secret(&NamespacedName::new("apps", name))
    }

    /// A route with a certificate for each name.
    fn documents(names: &[&str]) -> (Config, Secrets) {
        let documents = Fixture::default().leaf("leaf", &["127.0.0.1:1"]);
        let documents = (0..names.len()).fold(documents, |documents, place| {
            documents.route(&format!("{place}.example"), "leaf")
        });
        let mut config = documents.config;
        for (route, name) in config.routes.values_mut().zip(names) {
            route.tls = Some(RouteTls {
                certificate: Some(id(name)),
                secret: None,
            });
        }
        let mut secrets = Secrets::default();
        secrets
            .entries
            .extend(names.iter().map(|name| (id(name), entry(name))));
        (config, secrets)
    }

    #[test]
    fn what_stays_is_not_read_again() {
        let mut store = CertificateStore::default();
        let (config, mut secrets) = documents(&["a.example", "b.example"]);
        let first = store.update(&config, &secrets);
        assert!(Arc::ptr_eq(&first, &store.update(&config, &secrets)));
        secrets.entries.insert(id("b.example"), entry("b.example"));
        secrets.entries.insert(id("unused"), entry("c.example"));
        let second = store.update(&config, &secrets);
        let same = |host| Arc::ptr_eq(first.find(host).unwrap(), second.find(host).unwrap());
        assert!(same("a.example") && !same("b.example"));
        assert!(second.find("c.example").is_none());
    }

    #[test]
    fn what_goes_is_not_shown_any_more() {
        let mut store = CertificateStore::default();
        let (config, mut secrets) = documents(&["a.example", "b.example"]);
        store.update(&config, &secrets);
        secrets.entries.remove(&id("a.example"));
        let left = store.update(&config, &secrets);
        assert!(left.find("a.example").is_none() && left.find("b.example").is_some());
        assert!(
            store
                .update(&Config::default(), &secrets)
                .find("b.example")
                .is_none()
        );
        assert!(store.known.is_empty());
    }

    #[test]
    fn the_first_by_id_has_a_name_that_several_have() {
        let mut store = CertificateStore::default();
        let (config, mut secrets) = documents(&["a", "b"]);
        secrets.entries.insert(id("b"), entry("x.example"));
        let before = store.update(&config, &secrets).find("x.example").cloned();
        secrets.entries.insert(id("a"), entry("x.example"));
        let after = store.update(&config, &secrets).find("x.example").cloned();
        assert!(!Arc::ptr_eq(&before.unwrap(), &after.unwrap()));
        let own = store.known[&id("a")].certificate.clone().unwrap();
        assert!(Arc::ptr_eq(
            &own,
            store.update(&config, &secrets).find("X.Example.").unwrap()
        ));
    }

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let mut store = CertificateStore::default();
        let (config, secrets) = documents(&["*.a.example"]);
        let all = store.update(&config, &secrets);
        assert!(all.find("x.a.example").is_some());
        for host in ["a.example", "x.y.a.example", "xa.example", "", "."] {
            assert!(all.find(host).is_none(), "{host}");
        }
    }
}
