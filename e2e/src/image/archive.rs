//! The file around a layer.

use std::{
    fs::Permissions,
    io::{self, Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use anyhow::{Context as _, Result};
use flate2::{Compression as Level, GzBuilder, read::GzEncoder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use weir_model::hex::hex;

use super::tar::Tar;

/// What is done with the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Small, for what is sent around.
    Gzip,
    /// Quick, for what is read again at once.
    None,
}

/// A finished image.
#[derive(Debug)]
pub(super) struct Archive(Vec<u8>);

impl Archive {
    /// Adds what is to be said about the layer to `config`.
    pub(super) fn new(name: &str, layer: &[u8], mut config: Value, compression: Compression) -> Result<Self> {
        config["rootfs"] = json!({"type": "layers", "diff_ids": [digest(layer)]});
        let (layer, media_type) = match compression {
            Compression::Gzip => (gzip(layer)?, "application/vnd.oci.image.layer.v1.tar+gzip"),
            Compression::None => (layer.to_vec(), "application/vnd.oci.image.layer.v1.tar"),
        };
        let config = serde_json::to_vec(&config)?;
        let manifest = serde_json::to_vec(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": [descriptor(media_type, &layer)],
        }))?;
        let mut index = descriptor(MANIFEST, &manifest);
        index["annotations"] = json!({
            "io.containerd.image.name": qualified(name),
            "org.opencontainers.image.ref.name": name.rsplit(':').next(),
        });
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [index]});
        let saved = json!([{"Config": blob(&config), "RepoTags": [name], "Layers": [blob(&layer)]}]);
        let mut tar = Tar::default();
        tar.file("oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        tar.file("index.json", 0o644, &serde_json::to_vec(&index)?)?;
        tar.file("manifest.json", 0o644, &serde_json::to_vec(&saved)?)?;
        for content in [&manifest, &config, &layer] {
            tar.file(&blob(content), 0o644, content)?;
        }
        Ok(Self(tar.finish()))
    }

    /// Writes it as a whole or not at all.
    pub(super) fn write(&self, path: &Path) -> Result<u64> {
        let folder = path.parent().context("no folder")?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&self.0)?;
        // a temporary file is its owner's alone; this one is for everyone
        file.as_file().set_permissions(Permissions::from_mode(0o644))?;
        file.persist(path)?;
        Ok(self.0.len() as u64)
    }
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn digest(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    format!("sha256:{}", hex(&digest))
}

/// Where content is in the archive.
fn blob(content: &[u8]) -> String {
    format!("blobs/{}", digest(content).replace(':', "/"))
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(content), "size": content.len()})
}

fn gzip(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressed = Vec::new();
    let mut encoder: GzEncoder<&[u8]> = GzBuilder::new().mtime(0).read(content, Level::best());
    encoder.read_to_end(&mut compressed)?;
    Ok(compressed)
}

/// The name with what Docker's tools add when they are asked for less.
fn qualified(name: &str) -> String {
    match name.split_once('/') {
        None => format!("docker.io/library/{name}"),
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => name.to_owned(),
        Some(_) => format!("docker.io/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_completed_as_kubelet_completes_them() {
        for (name, whole) in [
            ("weir-proxy:1", "docker.io/library/weir-proxy:1"),
            ("traefik/whoami:v1", "docker.io/traefik/whoami:v1"),
            ("registry.example.com/weir:1", "registry.example.com/weir:1"),
            ("localhost/weir:1", "localhost/weir:1"),
        ] {
            assert_eq!(qualified(name), whole);
        }
    }
}
