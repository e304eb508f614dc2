//! Where Kubernetes' own programs are.

use std::{env, path::PathBuf};

use anyhow::{Context as _, Result, ensure};

/// Kubernetes' programs, in the folder where `e2e/tools/build` puts them.
#[derive(Clone, Debug)]
pub struct Tools(PathBuf);

impl Tools {
    /// Finds the folder. Whether a program is in it is asked when it is needed.
    pub fn find() -> Result<Self> {
        let within = |variable, folder| Some(PathBuf::from(env::var_os(variable)?).join(folder));
        within("WEIR_TOOLS", "bin")
            .or_else(|| within("XDG_CACHE_HOME", "weir/tools/bin"))
            .or_else(|| within("HOME", ".cache/weir/tools/bin"))
            .map(Self)
            .context("neither WEIR_TOOLS nor HOME is set")
    }

    /// The program of this name.
    pub fn program(&self, name: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        ensure!(
            path.is_file(),
            "{} is not there; `e2e/tools/build {name}` builds it",
            path.display()
        );
        Ok(path)
    }
}
