//! `weir-operator crd`.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::Context as _;
use clap::Args;

use super::{Outcome, output::Batch};

/// Prints the custom resource definitions, or writes a file for each.
#[derive(Args, Debug)]
pub(super) struct Crd {
    /// The folder to write to, instead of standard output.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl Crd {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let files = weir_model::crd::files();
        let Some(folder) = self.output else {
            let documents: Vec<String> = files.into_iter().map(|(_, text)| text).collect();
            io::stdout().write_all(documents.join("---\n").as_bytes())?;
            return Ok(Outcome::Clean);
        };
        let failed = || format!("cannot write to {}", folder.display());
        let mut batch = Batch::new(&folder).with_context(failed)?;
        for (name, text) in files {
            batch.write(&name, text.as_bytes(), 0o644).with_context(failed)?;
        }
        batch.finish().with_context(failed)?;
        Ok(Outcome::Clean)
    }
}
