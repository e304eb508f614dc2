//! What an operator has published, read back out of the API.

use std::{collections::BTreeMap, io::Read as _};

use anyhow::{Context as _, Result, ensure};
use flate2::read::GzDecoder;
use serde_json::Value;
use weir_model::document::{
    Config, Endpoints, Secrets,
    text::{self, Document},
};

use super::{
    namespace::Namespace,
    projection::SourceKind,
    resource::{CONFIG_MAP, Resource, SECRET},
};

/// What all published objects have in common.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "weir-operator");

/// All documents in a namespace, the shards of each put together.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// Routes and services.
    pub config: Config,
    /// Addresses.
    pub endpoints: Endpoints,
    /// Key material.
    pub secrets: Secrets,
    /// The digests by file, as a proxy names them: `config`, `endpoints-0`.
    pub digests: BTreeMap<String, String>,
    /// The objects themselves, by kind and name: `ConfigMap weir-config`.
    pub objects: BTreeMap<String, Value>,
}

impl Published {
    /// Reads everything.
    pub async fn read(namespace: &Namespace<'_>) -> Result<Self> {
        let mut published = Self::default();
        for (resource, kind) in [(CONFIG_MAP, SourceKind::ConfigMap), (SECRET, SourceKind::Secret)] {
            for object in namespace.list(resource).await? {
                if object["metadata"]["labels"][MANAGED_BY.0] == MANAGED_BY.1 {
                    published.take(resource, kind, object)?;
                }
            }
        }
        Ok(published)
    }

    fn take(&mut self, resource: Resource, kind: SourceKind, object: Value) -> Result<()> {
        let name = format!(
            "{} {}",
            resource.kind,
            object["metadata"]["name"].as_str().unwrap_or_default()
        );
        for (file, content) in kind.files(&object)? {
            let (stem, text) = plain(&file, content).with_context(|| format!("{name}: {file}"))?;
            let digest = if stem == Config::STEM {
                document(&text, &mut self.config, |all, part| *all = part)
            } else if stem.starts_with(Endpoints::STEM) {
                document(&text, &mut self.endpoints, |all, part: Endpoints| {
                    all.sets.extend(part.sets);
                })
            } else {
                document(&text, &mut self.secrets, |all, part: Secrets| {
                    all.entries.extend(part.entries);
                })
            };
            let digest = digest.with_context(|| format!("{name}: {file}"))?;
            self.digests.insert(stem, digest);
        }
        self.objects.insert(name, object);
        Ok(())
    }

    /// The IngressRoutes of which something is served, as `NAMESPACE/NAME`.
    pub fn ingress_routes(&self) -> Vec<String> {
        let sources = self.config.routes.values().map(|route| &route.source);
        let mut names: Vec<_> = sources
            .map(|source| format!("{}/{}", source.namespace, source.name))
            .collect();
        names.dedup();
        names
    }
}

/// A file's name without its extension, and its text, unpacked if it is packed.
fn plain(file: &str, content: Vec<u8>) -> Result<(String, String)> {
    let (stem, content) = match file.strip_suffix(".gz") {
        None => (file, content),
        Some(stem) => {
            let mut text = Vec::new();
            GzDecoder::new(content.as_slice()).read_to_end(&mut text)?;
            (stem, text)
        }
    };
    let stem = stem.strip_suffix(".json");
    ensure!(stem.is_some(), "it is no document");
    Ok((stem.unwrap_or_default().to_owned(), String::from_utf8(content)?))
}

fn document<D: Document>(text: &str, all: &mut D, join: impl FnOnce(&mut D, D)) -> Result<String> {
    let (document, digest) = text::read::<D>(text)?;
    join(all, document);
    Ok(digest.to_string())
}
