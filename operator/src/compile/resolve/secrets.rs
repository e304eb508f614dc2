//! Key material out of Secrets and ConfigMaps. Only what is referred to and whole gets further.

use weir_model::{
    document::{SecretEntry, SecretId},
    name::NamespacedName,
};

use super::{Code, Problem, Resolver, pem, suggestion};
use crate::compile::{
    finding::{Kind, ObjectId},
    input::Stored,
};

impl Resolver<'_> {
    /// The certificate and key of a Secret.
    pub fn certificate(&mut self, id: &SecretId, key: &'static str) -> Result<(), Problem> {
        let stored = self.stored(id, key)?;
        let get = |name: &str| stored.0.get(name).map(String::as_str).unwrap_or_default();
        let (certificate, private_key) = (get("tls.crt"), get("tls.key"));
        let parts = [
            (certificate, "CERTIFICATE", "tls.crt"),
            (private_key, "PRIVATE KEY", "tls.key"),
        ];
        let bad = parts.iter().filter(|(text, label, _)| !pem::holds(text, label));
        let what: Vec<String> = bad
            .map(|(text, _, name)| {
                let what = if text.is_empty() {
                    "no"
                } else {
                    "nothing readable in"
                };
                format!("{what} {name}")
            })
            .collect();
        if !what.is_empty() {
            let message = format!("{} has {}", described(id), what.join(" and "));
            let help = "kubectl create secret tls makes one from two PEM files".to_owned();
            return Err(Problem::new(Code::InvalidSecret, key, message, help));
        }
        let entry = self.secrets.entry(id.clone()).or_default();
        *entry = SecretEntry {
            ca: entry.ca.take(),
            certificate: Some(certificate.into()),
            key: Some(private_key.into()),
        };
        Ok(())
    }

    /// The authorities' certificates of a Secret or ConfigMap: `tls.ca`, else `ca.crt`, else the only
    /// entry of a Secret, as in Traefik.
    pub fn authorities(&mut self, id: &SecretId, key: &'static str) -> Result<(), Problem> {
        let stored = self.stored(id, key)?;
        let only =
            || (id.as_str().starts_with("secret/") && stored.0.len() == 1).then(|| stored.0.values().next());
        let text = stored
            .0
            .get("tls.ca")
            .or_else(|| stored.0.get("ca.crt"))
            .or_else(|| only().flatten());
        match text.filter(|text| pem::holds(text, "CERTIFICATE")) {
            Some(text) => {
                self.secrets.entry(id.clone()).or_default().ca = Some(text.clone());
                Ok(())
            }
            None => {
                let message = format!("{} has no certificate in tls.ca or ca.crt", described(id));
                Err(Problem::new(Code::InvalidSecret, key, message, None))
            }
        }
    }

    fn stored(&mut self, id: &SecretId, key: &'static str) -> Result<std::sync::Arc<Stored>, Problem> {
        let found = id.source().and_then(|(config_map, name)| {
            let map = if config_map {
                &self.snapshot.config_maps
            } else {
                &self.snapshot.secrets
            };
            map.get(&name).cloned()
        });
        found.ok_or_else(|| {
            if self.is_unreadable(id) {
                let message = format!("{} cannot be read", described(id));
                let help = "the operator's log says why; it tries again by itself".to_owned();
                return Problem::new(Code::SecretNotFound, key, message, help);
            }
            let help = id
                .source()
                .and_then(|(config_map, name): (bool, NamespacedName)| {
                    let map = if config_map {
                        &self.snapshot.config_maps
                    } else {
                        &self.snapshot.secrets
                    };
                    suggestion(&mut self.suggestions, &name, map.keys())
                });
            Problem::new(
                Code::SecretNotFound,
                key,
                format!("{} does not exist", described(id)),
                help,
            )
        })
    }

    fn is_unreadable(&self, id: &SecretId) -> bool {
        id.source().is_some_and(|(config_map, name)| {
            let kind = if config_map { Kind::ConfigMap } else { Kind::Secret };
            self.snapshot.unreadable.contains(&ObjectId { kind, name })
        })
    }
}

/// `Secret apps/cert`.
fn described(id: &SecretId) -> String {
    match id.source() {
        Some((true, name)) => format!("ConfigMap {name}"),
        Some((false, name)) => format!("Secret {name}"),
        None => id.to_string(),
    }
}
