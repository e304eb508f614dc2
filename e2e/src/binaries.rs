//! Where the programs under test are.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

/// The programs under test.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// `weir-operator`.
    pub operator: PathBuf,
    /// `weir-proxy`.
    pub proxy: PathBuf,
    /// `weir-backend`, for pods.
    pub backend: PathBuf,
}

impl Binaries {
    /// Those that cargo put beside the running program (or, for a test, into the folder above it).
    pub fn beside_this() -> Result<Self> {
        let this = env::current_exe().context("this program has no path")?;
        let folder = this.parent().context("this program is in no folder")?;
        let folder = if folder.ends_with("deps") {
            folder.parent().unwrap_or(folder)
        } else {
            folder
        };
        Ok(Self {
            operator: existing(folder, "weir-operator")?,
            proxy: existing(folder, "weir-proxy")?,
            backend: existing(folder, "weir-backend")?,
        })
    }
}

fn existing(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    ensure!(
        path.is_file(),
        "{} is not built; `make build` does it",
        path.display()
    );
    Ok(path)
}
