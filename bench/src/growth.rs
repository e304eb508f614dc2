//! What it costs to have many services: compiling them, and having them loaded while requests flow.

mod compiling;
mod reload;

use std::{collections::BTreeMap, path::Path};

use anyhow::Result;
use serde::{Deserialize, Serialize};

pub use self::compiling::once;
use crate::{
    backend, machine,
    report::GROWTH,
    results::{self, Cell},
};

/// For each number of services.
pub const SERVICES: [usize; 4] = [100, 1000, 10_000, 50_000];
/// More than these do not fit into a cluster's objects; they are compiled, but not loaded.
const LOADED: usize = 10_000;

/// All that was measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Growth {
    /// What it was measured on.
    pub machine: String,
    /// By number of services.
    pub rows: Vec<Row>,
}

/// What a number of services costs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Row {
    /// `TraefikService`s, each with ten endpoints and a route.
    pub services: usize,
    /// Compiling.
    pub compiled: Compiled,
    /// Milliseconds from the new configuration's being there to the first request that it serves, by proxy.
    pub reload: BTreeMap<String, Cell>,
    /// Microseconds that 99 of 100 requests do not exceed, by proxy: without a reload.
    pub quiet: BTreeMap<String, Cell>,
    /// The same of the requests that were due during a reload.
    pub busy: BTreeMap<String, Cell>,
}

/// What compiling costs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Compiled {
    /// Milliseconds from objects to checked documents.
    pub compile: Cell,
    /// Milliseconds from these to bytes with their digests.
    pub write: Cell,
    /// Milliseconds from the config's bytes to a checked config, as the proxy reads it.
    pub read: Cell,
    /// Mebibytes at most: of the objects, and of all that is made of them.
    pub memory: f64,
    /// Mebibytes of the objects alone.
    pub objects: f64,
    /// Bytes of `config.json` and of `endpoints.json`.
    pub plain: [usize; 2],
    /// What would be stored in a cluster, with its bytes.
    pub stored: BTreeMap<String, usize>,
    /// Objects that would be left out for the size.
    pub held_back: usize,
}

/// How it is done.
#[derive(Debug)]
pub struct Settings<'a> {
    /// The folder with weir-proxy.
    pub binaries: &'a Path,
    /// The core of the proxies, and that of clients and backends.
    pub cores: &'a [usize],
    /// How often everything is done.
    pub rounds: usize,
    /// The largest number of services.
    pub most: usize,
}

/// Measures all of it.
pub async fn run(settings: &Settings<'_>, output: &Path) -> Result<()> {
    let backends = backend::start().await?;
    let mut growth = Growth {
        machine: machine::about(None),
        rows: Vec::new(),
    };
    for services in SERVICES.into_iter().filter(|services| *services <= settings.most) {
        eprint!("{services:<6} ");
        let mut row = Row {
            services,
            compiled: compiling::measure(services, settings.rounds, settings.cores)?,
            ..Row::default()
        };
        eprint!("compiled ");
        if services <= LOADED {
            reload::measure(settings, backends.http1[0], &mut row).await?;
        }
        eprintln!("reloaded");
        growth.rows.push(row);
        results::write(&output.join(GROWTH), &growth)?;
    }
    Ok(())
}
