//! A folder with a copy of the examples, and the backends that they are about.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use weir_e2e::{
    backend::Backend,
    binaries::Binaries,
    operator::{Operator, Report},
    proxy::Proxy,
    slices::endpoint_slice,
};

use crate::expected::BACKENDS;

const MANIFESTS: &str = "manifests";
const DOCUMENTS: &str = "documents";
/// Where the examples live.
const NAMESPACE: &str = "apps";
/// The generated manifest that says where the backends are.
const SLICES: &str = "endpointslices.json";

/// A folder with manifests and backends for them.
#[derive(Debug)]
pub struct Scene {
    /// The backends.
    pub backends: Vec<Backend>,
    binaries: Binaries,
    folder: TempDir,
}

impl Scene {
    /// Copies the manifests in `examples` and starts the backends.
    pub async fn set(examples: &Path) -> Result<Self> {
        let mut scene = Self {
            backends: Vec::new(),
            binaries: Binaries::beside_this()?,
            folder: tempfile::Builder::new().prefix("weir-demo-").tempdir()?,
        };
        fs::create_dir(scene.manifests())?;
        fs::create_dir(scene.documents())?;
        let context = || format!("no manifests in {}", examples.display());
        for entry in fs::read_dir(examples).with_context(context)? {
            let path = entry?.path();
            if let (Some("yaml"), Some(name)) = (path.extension().and_then(OsStr::to_str), path.file_name()) {
                fs::copy(&path, scene.manifests().join(name))?;
            }
        }
        for name in BACKENDS {
            scene.backends.push(Backend::start(name).await?);
        }
        scene.write_slices(None)?;
        Ok(scene)
    }

    /// The manifests' folder.
    pub fn manifests(&self) -> PathBuf {
        self.folder.path().join(MANIFESTS)
    }

    /// The folder of the documents that the proxy reads.
    pub fn documents(&self) -> PathBuf {
        self.folder.path().join(DOCUMENTS)
    }

    /// Starts the proxy on the documents.
    pub async fn start_proxy(&self) -> Result<Proxy> {
        Proxy::start(
            &self.binaries,
            &self.documents(),
            &self.folder.path().join("proxy.log"),
        )
        .await
    }

    /// Checks the manifests.
    pub async fn lint(&self) -> Result<Report> {
        self.operator().lint(MANIFESTS).await
    }

    /// Compiles the manifests.
    pub async fn compile(&self) -> Result<Report> {
        self.operator().compile(MANIFESTS, DOCUMENTS).await
    }

    fn operator(&self) -> Operator<'_> {
        Operator {
            binaries: &self.binaries,
            folder: self.folder.path(),
        }
    }

    /// Replaces the only place in a manifest that reads `from`.
    pub fn edit(&self, file: &str, from: &str, to: &str) -> Result<()> {
        let path = self.manifests().join(file);
        let text = fs::read_to_string(&path)?;
        ensure!(
            text.matches(from).count() == 1,
            "{file} has not exactly one {from:?}"
        );
        Ok(fs::write(path, text.replacen(from, to, 1))?)
    }

    /// Says where the backends are. `without` has no pods.
    pub fn write_slices(&self, without: Option<&str>) -> Result<()> {
        let slice = |backend: &Backend| {
            let address = (without != Some(&backend.name)).then_some(backend.address);
            endpoint_slice(NAMESPACE, &backend.name, address)
        };
        let items: Vec<_> = self.backends.iter().map(slice).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        Ok(fs::write(
            self.manifests().join(SLICES),
            serde_json::to_string_pretty(&list)?,
        )?)
    }
}
