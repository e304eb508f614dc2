//! `weir-operator`'s command line.

use std::{collections::BTreeMap, ffi::OsStr, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;
use weir_model::document::{
    Config, Endpoints, Secrets,
    text::{self, Document},
};

use crate::binaries::Binaries;

/// The compiler on one folder of manifests.
#[derive(Clone, Copy, Debug)]
pub struct Operator<'a> {
    /// Where the program is.
    pub binaries: &'a Binaries,
    /// What it reads.
    pub manifests: &'a Path,
}

/// What a command said.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whether it ended with 0, that is without errors among the findings.
    pub clean: bool,
    /// The findings, as printed.
    pub text: String,
}

impl Operator<'_> {
    /// `lint`, where warnings count as errors.
    pub async fn lint(&self) -> Result<Report> {
        let arguments: [&OsStr; 4] = [
            "lint".as_ref(),
            self.manifests.as_ref(),
            "--deny".as_ref(),
            "warnings".as_ref(),
        ];
        self.run(&arguments).await
    }

    /// `compile` into `output`, on top of what is there.
    pub async fn compile(&self, output: &Path) -> Result<Report> {
        let previous = output.join("config.json");
        let mut arguments: Vec<&OsStr> = vec![
            "compile".as_ref(),
            self.manifests.as_ref(),
            "-o".as_ref(),
            output.as_ref(),
        ];
        if previous.exists() {
            arguments.extend::<[&OsStr; 2]>(["--previous".as_ref(), previous.as_ref()]);
        }
        self.run(&arguments).await
    }

    async fn run(&self, arguments: &[&OsStr]) -> Result<Report> {
        let program = &self.binaries.operator;
        // finished or dropped, it leaves nothing behind
        let output = Command::new(program)
            .args(arguments)
            .kill_on_drop(true)
            .output()
            .await;
        let output = output.with_context(|| format!("{} does not start", program.display()))?;
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        // 1: there are errors among the findings; all else is a failure of the command itself
        ensure!(
            matches!(output.status.code(), Some(0 | 1)),
            "{} {:?}: {}\n{}",
            program.display(),
            arguments,
            output.status,
            text.concat()
        );
        Ok(Report {
            clean: output.status.success(),
            text: text.concat().trim().to_owned(),
        })
    }
}

/// The digests of the documents in a folder, by document.
pub fn digests(folder: &Path) -> Result<BTreeMap<String, String>> {
    Ok([
        digest::<Config>(folder)?,
        digest::<Endpoints>(folder)?,
        digest::<Secrets>(folder)?,
    ]
    .into())
}

/// The config's revision in a folder of documents.
pub fn revision(folder: &Path) -> Result<u64> {
    Ok(read::<Config>(folder)?.0.revision)
}

fn digest<D: Document>(folder: &Path) -> Result<(String, String)> {
    Ok((D::STEM.to_owned(), read::<D>(folder)?.1.to_string()))
}

fn read<D: Document>(folder: &Path) -> Result<(D, text::Digest)> {
    let path = folder.join(D::STEM).with_extension("json");
    let content = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    text::read::<D>(&content).with_context(|| path.display().to_string())
}
