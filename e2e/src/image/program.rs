//! A program and the shared libraries that it needs.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Context as _, Result, bail, ensure};

/// A program as it goes into an image.
#[derive(Debug)]
pub(super) struct Program {
    name: String,
    /// As OCI calls it.
    pub(super) architecture: &'static str,
    /// By their path in the image, without `/` at the start.
    files: BTreeMap<String, Vec<u8>>,
}

impl Program {
    /// Reads a program, and its libraries from where this machine has them. One that is linked statically has none.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let content = fs::read(path).with_context(|| path.display().to_string())?;
        let architecture = architecture(&content)
            .with_context(|| format!("{} is no program for an architecture known here", path.display()))?;
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut files = BTreeMap::from([(name.clone(), stripped(path)?)]);
        for library in libraries(path)? {
            let content = fs::read(&library).with_context(|| library.clone())?;
            files.insert(library.trim_start_matches('/').to_owned(), content);
        }
        Ok(Self {
            name,
            architecture,
            files,
        })
    }

    /// Where it is in the image.
    pub(super) fn path(&self) -> String {
        format!("/{}", self.name)
    }

    /// All that the image has.
    pub(super) fn files(&self) -> impl Iterator<Item = (String, &[u8])> {
        self.files
            .iter()
            .map(|(path, content)| (path.clone(), content.as_slice()))
    }
}

/// Of an ELF file.
fn architecture(content: &[u8]) -> Option<&'static str> {
    if !content.starts_with(b"\x7fELF") {
        return None;
    }
    match content.get(18..20)? {
        [62, 0] => Some("amd64"),
        [183, 0] => Some("arm64"),
        _ => None,
    }
}

/// Where the loader finds what the program is linked with, itself included.
fn libraries(path: &Path) -> Result<Vec<String>> {
    let output = Command::new("ldd")
        .arg(path)
        .output()
        .context("ldd does not start")?;
    let [told, error] =
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    if told.contains("statically linked") || error.contains("not a dynamic executable") {
        return Ok(Vec::new());
    }
    ensure!(output.status.success(), "ldd {}: {told}{error}", path.display());
    let mut libraries = Vec::new();
    // `NAME => PATH (0x…)`, for the loader `PATH (0x…)`; what the kernel brings has no path
    for line in told.lines() {
        let found = line.rsplit("=> ").next().unwrap_or_default().trim();
        match found.split(" (").next() {
            Some(library) if library.starts_with('/') => libraries.push(library.to_owned()),
            Some("not found") => bail!("{}: {}", path.display(), line.trim()),
            _ => {}
        }
    }
    Ok(libraries)
}

fn stripped(path: &Path) -> Result<Vec<u8>> {
    let result = tempfile::NamedTempFile::new()?;
    let status = Command::new("strip")
        .arg("-o")
        .arg(result.path())
        .arg(path)
        .status();
    let status = status.context("strip does not start (binutils)")?;
    ensure!(status.success(), "strip {}: {status}", path.display());
    Ok(fs::read(result.path())?)
}
