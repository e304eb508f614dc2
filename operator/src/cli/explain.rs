//! `weir-operator explain`.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::Args;

use super::{Outcome, output::Batch};
use crate::{
    compatibility,
    explain::{Entry, list, page},
};

/// Says what a word in a status means, what it does to traffic and what to do about it.
#[derive(Args, Debug)]
pub(super) struct Explain {
    /// A code such as WEIR0020, a reason such as Orphaned, or a type of condition. Without one, all are listed.
    #[arg(value_name = "CODE|REASON", conflicts_with = "markdown")]
    word: Option<String>,
    /// Print all of them as a page in Markdown.
    #[arg(long)]
    markdown: bool,
    /// Print what becomes of each field of Traefik's resources, as a page in Markdown.
    #[arg(long, conflicts_with_all = ["word", "markdown"])]
    compatibility: bool,
    /// The file to write to, instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Explain {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let text = match &self.word {
            Some(word) => explained(word)?,
            None if self.compatibility => compatibility::page(),
            None if self.markdown => page(),
            None => list(),
        };
        let Some(file) = self.output else {
            io::stdout().write_all(text.as_bytes())?;
            return Ok(Outcome::Clean);
        };
        let failed = || format!("cannot write to {}", file.display());
        let name = file.file_name().and_then(|name| name.to_str());
        let name = name.context("no name of a file").with_context(failed)?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut batch = Batch::new(folder.unwrap_or_else(|| Path::new("."))).with_context(failed)?;
        batch.write(name, text.as_bytes(), 0o644).with_context(failed)?;
        batch.finish().with_context(failed)?;
        Ok(Outcome::Clean)
    }
}

fn explained(word: &str) -> anyhow::Result<String> {
    match Entry::find(word) {
        Ok(entry) => Ok(entry.to_string()),
        Err(Some(similar)) => bail!("there is no {word:?}; did you mean {similar:?}?"),
        Err(None) => bail!("there is no {word:?}; without a word, all are listed"),
    }
}
