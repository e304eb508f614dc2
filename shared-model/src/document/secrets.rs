//! `secrets.json`: key material. Never in a ConfigMap; offline a file of mode 0600.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::SecretId;

/// All key material that the config names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Secrets {
    /// By where it comes from. An absent entry is not there yet.
    pub entries: BTreeMap<SecretId, SecretEntry>,
    /// The form of this document: [`super::SCHEMA`].
    pub schema: u32,
}

impl Default for Secrets {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            schema: super::SCHEMA,
        }
    }
}

/// PEM texts of one Secret or ConfigMap. `Debug` shows no content.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretEntry {
    /// Certificates of authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// A certificate with its chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The certificate's private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl fmt::Debug for SecretEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretEntry")
            .field("ca", &self.ca.is_some())
            .field("certificate", &self.certificate.is_some())
            .field("key", &self.key.is_some())
            .finish()
    }
}
