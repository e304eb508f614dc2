//! `weir-operator lint`.

use std::io::{self, Write as _};

use clap::{Args, ValueEnum};
use weir_model::document::Config;

use super::{
    Outcome,
    input::{Input, Paths},
    options::CompileOptions,
    report::{Counts, Reports},
};
use crate::{
    compile::finding::Code,
    render::{
        json,
        sarif::{self, Rule},
    },
};

/// Reports everything that is wrong with manifests: where, what it does to traffic, how to mend it. A
/// broken document is one finding; the others are checked all the same.
#[derive(Args, Debug)]
pub(super) struct Lint {
    #[command(flatten)]
    paths: Paths,
    /// How to report.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    output: Format,
    /// Exit with 1 for these, too.
    #[arg(long, value_enum)]
    deny: Option<Deny>,
    #[command(flatten)]
    options: CompileOptions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
    /// SARIF 2.1.0, as code scanners read it.
    Sarif,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Deny {
    /// Warnings, as errors.
    Warnings,
}

impl Lint {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let Self {
            paths,
            output,
            deny,
            options,
        } = self;
        let input = Input::read(&paths.paths)?;
        let compilation = input.compile(&options.options()?, &Config::default());
        let reports = Reports::new(&input, &compilation.findings);
        let counts = reports.counts();
        let mut out = io::stdout().lock();
        match output {
            Format::Text => {
                reports.print(&mut out)?;
                writeln!(out, "{}", summary(&input, counts))?;
            }
            Format::Json => json::write(&mut out, &reports.views())?,
            Format::Sarif => {
                let ids: Vec<String> = Code::ALL.iter().map(|code| code.id()).collect();
                let root = std::env::current_dir()?;
                sarif::write(&mut out, &reports.views(), &rules(&ids), &root)?;
            }
        }
        let denied = counts.errors + if deny.is_some() { counts.warnings } else { 0 };
        Ok(if denied > 0 {
            Outcome::Findings
        } else {
            Outcome::Clean
        })
    }
}

/// The catalogue, as SARIF wants it; `ids` are those of all codes.
fn rules<'a>(ids: &'a [String]) -> Vec<Rule<'a>> {
    let rule = |(code, id): (&Code, &'a String)| Rule {
        code: id,
        reason: code.reason(),
        summary: code.summary(),
        severity: code.severity(),
    };
    Code::ALL.iter().zip(ids).map(rule).collect()
}

fn summary(input: &Input, counts: Counts) -> String {
    let (objects, files) = (input.len(), input.manifests.files.len());
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    let scope = format!(
        "{objects} object{} in {files} file{}",
        plural(objects),
        plural(files)
    );
    match counts.summary() {
        None if objects == 0 => format!("{scope}: none of a kind that weir reads"),
        None => format!("{scope}: nothing to complain about"),
        Some(summary) => format!("{scope}: {summary}"),
    }
}
