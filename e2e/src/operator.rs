//! `weir-operator`'s command line.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;
use weir_model::document::{
    Config, Endpoints, Secrets,
    text::{self, Document},
};

use crate::binaries::Binaries;

/// The compiler in one folder, from which the paths of its reports start.
#[derive(Clone, Copy, Debug)]
pub struct Operator<'a> {
    /// Where the program is.
    pub binaries: &'a Binaries,
    /// Where it runs.
    pub folder: &'a Path,
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
    pub async fn lint(&self, manifests: &str) -> Result<Report> {
        self.run(&["lint", manifests, "--deny", "warnings"]).await
    }

    /// `compile` into the folder `output`, on top of what is there.
    pub async fn compile(&self, manifests: &str, output: &str) -> Result<Report> {
        let previous = format!("{output}/config.json");
        let mut arguments = vec!["compile", manifests, "-o", output];
        if self.folder.join(&previous).exists() {
            arguments.extend(["--previous", &previous]);
        }
        self.run(&arguments).await
    }

    async fn run(&self, arguments: &[&str]) -> Result<Report> {
        let program = &self.binaries.operator;
        // finished or dropped, it leaves nothing behind
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.folder)
            .kill_on_drop(true)
            .output()
            .await;
        let output = output.with_context(|| format!("{} does not start", program.display()))?;
        let text = [output.stderr, output.stdout].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        // 1: there are errors among the findings; all else is a failure of the command itself
        ensure!(
            matches!(output.status.code(), Some(0 | 1)),
            "weir-operator {} ended with {}:\n{}",
            arguments.join(" "),
            output.status,
            text.concat().trim()
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
