//! `weir-operator compile`.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::Args;
use weir_model::document::text::{Document, write};

use super::{
    Outcome,
    input::{Input, Paths, previous},
    options::CompileOptions,
    output::Batch,
    report::Reports,
};
use crate::compile::Compilation;

/// Writes config.json, endpoints.json and secrets.json. With error findings it writes what the operator
/// would publish and exits with 1; broken or unreadable input writes nothing and exits with 2.
#[derive(Args, Debug)]
pub(super) struct Compile {
    #[command(flatten)]
    paths: Paths,
    /// The folder to write to.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// The config.json that was published before: what it accepted and is refused now goes on being served.
    /// May be missing, as it is before the first time.
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
    #[command(flatten)]
    options: CompileOptions,
}

impl Compile {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let Self {
            paths,
            output,
            previous: previous_path,
            options,
        } = self;
        let input = Input::read(&paths.paths)?;
        let before = previous(previous_path.as_ref())?;
        if !input.manifests.broken.is_empty() {
            let reports = Reports::new(&input, &[]);
            reports.print(&mut io::stderr().lock())?;
            bail!(
                "nothing is written: {} of the documents cannot be read",
                input.manifests.broken.len()
            );
        }
        let compilation = input.compile(&options.options()?, &before);
        let reports = Reports::new(&input, &compilation.findings);
        reports.print(&mut io::stderr().lock())?;
        if let Some(violation) = compilation.violations.first() {
            bail!(
                "nothing is written: the compiler made a config that does not hold ({violation}); please report this"
            );
        }
        publish(&compilation, &output).with_context(|| format!("cannot write to {}", output.display()))?;
        let counts = reports.counts();
        if !input.snapshot.endpoints_known && !compilation.endpoints.sets.is_empty() {
            writeln!(
                io::stderr(),
                "note: there is no EndpointSlice among the manifests, so no Service has endpoints and the proxy answers \
                 503; a cluster makes them: kubectl get endpointslices -A -o yaml\n"
            )?;
        }
        let routes = compilation.config.routes.len();
        writeln!(
            io::stdout(),
            "{}: revision {}, {routes} route{}, {} TraefikService{}{}",
            output.display(),
            compilation.config.revision,
            if routes == 1 { "" } else { "s" },
            compilation.reports.services.len(),
            if compilation.reports.services.len() == 1 {
                ""
            } else {
                "s"
            },
            counts
                .summary()
                .map(|summary| format!("; {summary}"))
                .unwrap_or_default(),
        )?;
        Ok(if counts.errors > 0 {
            Outcome::Findings
        } else {
            Outcome::Clean
        })
    }
}

/// Secrets and endpoints before the config that needs them.
fn publish(compilation: &Compilation, folder: &Path) -> anyhow::Result<()> {
    let Compilation {
        config,
        endpoints,
        secrets,
        ..
    } = compilation;
    let mut batch = Batch::new(folder)?;
    add(&mut batch, &**secrets, 0o600)?;
    add(&mut batch, &**endpoints, 0o644)?;
    add(&mut batch, &**config, 0o644)?;
    Ok(batch.finish()?)
}

fn add<D: Document>(batch: &mut Batch, document: &D, mode: u32) -> anyhow::Result<()> {
    let (text, _) = write(document)?;
    Ok(batch.write(&format!("{}.json", D::STEM), text.as_bytes(), mode)?)
}
