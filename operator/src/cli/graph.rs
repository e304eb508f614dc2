//! `weir-operator graph`.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::bail;
use clap::Args;
use weir_model::document::Config;

use super::{Outcome, input::Input, options::CompileOptions, report::Reports};
use crate::{
    compile::view::view,
    render::graph::{self, Format},
};

/// Draws who sends requests to whom, with the share of the requests that takes each way. Cycles, refused
/// and missing services are marked. Exits with 1 when there are cycles or other errors.
#[derive(Args, Debug)]
pub(super) struct Graph {
    /// Draw only what this TraefikService or IngressRoute reaches: NAMESPACE/NAME, or NAME.
    name: Option<String>,
    /// A file, a folder (searched for .yaml, .yml and .json) or - for standard input. Repeatable.
    /// Default: standard input, unless that is a terminal.
    #[arg(short, long = "filename", value_name = "PATH")]
    filenames: Vec<PathBuf>,
    /// The language of the drawing.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    options: CompileOptions,
}

impl Graph {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let Self {
            name,
            mut filenames,
            output,
            options,
        } = self;
        if filenames.is_empty() {
            if let Some(path) = name.as_ref().filter(|name| Path::new(name).exists()) {
                bail!("{path} is a path: write -f before it");
            }
            if io::stdin().is_terminal() {
                bail!("name the manifests: -f PATH, repeatable, or -f - for standard input");
            }
            filenames.push(PathBuf::from("-"));
        }
        let input = Input::read(&filenames)?;
        let options = options.options()?;
        let compilation = input.compile(&options, &Config::default());
        let broken = input.manifests.broken.len();
        if broken > 0 {
            Reports::new(&input, &[]).print(&mut io::stderr().lock())?;
            bail!("nothing is drawn: {broken} of the documents cannot be read");
        }
        let mut view = view(&input.snapshot, &options, &compilation);
        if let Some(name) = &name {
            view = view.below(name)?;
        }
        let mut out = io::BufWriter::new(io::stdout().lock());
        graph::write(&mut out, &view, output)?;
        out.flush()?;
        let counts = Reports::new(&input, &compilation.findings).counts();
        if counts.errors == 0 {
            return Ok(Outcome::Clean);
        }
        let summary = counts.summary().unwrap_or_default();
        writeln!(io::stderr(), "{summary}: `weir-operator lint` tells them")?;
        Ok(Outcome::Findings)
    }
}
