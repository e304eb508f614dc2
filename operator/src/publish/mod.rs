//! What is published: the documents as Kubernetes objects.
//!
//! Pure: no client. [`plan`] makes the objects out of a compilation, [`previous`] reads the config back out
//! of what is stored, so that a restarted operator takes up from it.
//!
//! | object | holds |
//! | --- | --- |
//! | ConfigMap `<release>-config` | `config.json` |
//! | ConfigMap `<release>-endpoints`, or `<release>-endpoints-0` and so on | `endpoints.json`, `endpoints-0.json` … |
//! | Secret `<release>-secrets`, or `<release>-secrets-0` and so on | `secrets.json`, `secrets-0.json` … |
//!
//! A document above 256 KiB is stored with gzip, under its name with `.gz` behind. Equal documents give
//! equal objects.

mod bridge;
mod encode;
mod hold_back;
mod object;
mod previous;
mod shard;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;
use weir_model::document::{
    Config, Endpoints, SCHEMA, Secrets,
    text::{Document, TextError},
};

use self::encode::{Encoded, encode};
pub use self::{
    bridge::bridge,
    object::{ObjectKind, PlannedObject},
    previous::{ReadError, previous},
};
use crate::{
    compile::{Compilation, Snapshot, finding::ObjectId},
    status::Published,
};

/// Bytes that the data of a ConfigMap or Secret may have: Kubernetes' 1 MiB, and a margin.
pub const MAX_BYTES: usize = (1 << 20) - (32 << 10);

/// How and where to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The operator's own namespace.
    pub namespace: String,
    /// The release's name; objects' names start with it.
    pub release: String,
    /// ConfigMaps over which endpoints are spread; 0 counts as 1.
    pub endpoint_shards: u32,
    /// Secrets over which key material is spread; 0 counts as 1.
    pub secret_shards: u32,
    /// The owner of all objects, so that they go when it goes: an entry of `metadata.ownerReferences`.
    pub owner: Option<Value>,
    /// Bytes that the data of an object may have: [`MAX_BYTES`], except in tests.
    pub max_bytes: usize,
}

impl Settings {
    /// One shard of each, no owner.
    pub fn new(namespace: impl Into<String>, release: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            release: release.into(),
            endpoint_shards: 1,
            secret_shards: 1,
            owner: None,
            max_bytes: MAX_BYTES,
        }
    }

    /// The labels that all published objects have, and no others of their kinds.
    pub fn labels(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("app.kubernetes.io/instance", self.release.clone()),
            ("app.kubernetes.io/managed-by", "weir-operator".to_owned()),
            ("app.kubernetes.io/name", "weir".to_owned()),
        ])
    }

    /// [`Settings::labels`] as a label selector.
    pub fn selector(&self) -> String {
        let terms: Vec<String> = self
            .labels()
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        terms.join(",")
    }
}

/// What is to be stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they should be written: what the config needs comes before it.
    pub objects: Vec<PlannedObject>,
    /// The config's revision.
    pub revision: u64,
    /// The documents' digests (64 hex digits) by file, such as `config` or `endpoints-0`.
    pub digests: BTreeMap<String, String>,
    /// Objects that were left out of the config for its size, and why.
    pub held_back: BTreeMap<ObjectId, String>,
}

impl Plan {
    /// What [`crate::status`] needs to know once everything is stored.
    pub fn published(&self) -> Published {
        Published {
            revision: self.revision,
            digests: self.digests.clone(),
            held_back: self.held_back.clone(),
            failure: None,
        }
    }

    /// Whether a stored object with [`Settings::labels`] is no part of the plan: of a former number of
    /// shards. To be deleted after everything else is stored.
    pub fn is_obsolete(&self, stored: &Value) -> bool {
        let text = |pointer| {
            stored
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (kind, name) = (text("/kind"), text("/metadata/name"));
        !self
            .objects
            .iter()
            .any(|object| object.kind.as_str() == kind && object.name == name)
    }

    /// Objects that Kubernetes will refuse for their size, in words.
    pub fn too_large(&self) -> impl Iterator<Item = String> {
        let too_large = self.objects.iter().filter(|object| object.bytes > MAX_BYTES);
        too_large.map(|object| {
            format!(
                "{} {} would have {}, more than the {} that fit: spread it over more shards",
                object.kind.as_str(),
                object.name,
                encode::size(object.bytes),
                encode::size(MAX_BYTES)
            )
        })
    }
}

/// The objects for a compilation; none when its config does not hold.
///
/// Where the config is larger than an object may be, the newest TraefikServices and IngressRoutes are taken
/// out of the compilation itself, so that what it says is what is published: config, revisions against
/// `previous` (what is published now), endpoints, key material, reports, findings.
pub fn plan(
    compilation: &mut Compilation,
    previous: &Config,
    snapshot: &Snapshot,
    settings: &Settings,
) -> Result<Option<Plan>, TextError> {
    if !compilation.violations.is_empty() {
        return Ok(None);
    }
    let mut config = encode(&*compilation.config)?;
    let mut held_back = BTreeMap::new();
    if config.bytes.len() > settings.max_bytes {
        (held_back, config) = hold_back::apply(compilation, previous, snapshot, config, settings.max_bytes)?;
        if !compilation.violations.is_empty() {
            return Ok(None);
        }
    }
    let mut plan = Plan {
        objects: Vec::new(),
        revision: compilation.config.revision,
        digests: BTreeMap::new(),
        held_back,
    };
    plan.add_tables(settings, &compilation.endpoints, &compilation.secrets)?;
    plan.add::<Config>(settings, ObjectKind::ConfigMap, None, &config);
    Ok(Some(plan))
}

impl Plan {
    /// Adds what a config needs.
    fn add_tables(
        &mut self,
        settings: &Settings,
        endpoints: &Endpoints,
        secrets: &Secrets,
    ) -> Result<(), TextError> {
        for (shard, entries) in shard::split(&secrets.entries, settings.secret_shards, |id| id.as_str()) {
            let document = encode(&Secrets {
                entries,
                schema: SCHEMA,
            })?;
            self.add::<Secrets>(settings, ObjectKind::Secret, shard, &document);
        }
        for (shard, sets) in shard::split(&endpoints.sets, settings.endpoint_shards, |id| id.as_str()) {
            let document = encode(&Endpoints { schema: SCHEMA, sets })?;
            self.add::<Endpoints>(settings, ObjectKind::ConfigMap, shard, &document);
        }
        Ok(())
    }

    fn add<D: Document>(
        &mut self,
        settings: &Settings,
        kind: ObjectKind,
        shard: Option<u32>,
        document: &Encoded,
    ) {
        let file = shard.map_or_else(|| D::STEM.to_owned(), |shard| format!("{}-{shard}", D::STEM));
        self.digests.insert(file.clone(), document.digest.to_string());
        self.objects
            .push(PlannedObject::new(settings, kind, D::STEM, &file, document));
    }
}

/// Takes away what the config does not name.
fn retain_named(compilation: &mut Compilation) {
    let Compilation {
        config,
        endpoints,
        secrets,
        ..
    } = compilation;
    let named: BTreeSet<_> = config.endpoint_sets().collect();
    Arc::make_mut(endpoints).sets.retain(|id, _| named.contains(id));
    let named: BTreeSet<_> = config.secrets().collect();
    Arc::make_mut(secrets).entries.retain(|id, _| named.contains(id));
}

#[cfg(test)]
mod tests;
