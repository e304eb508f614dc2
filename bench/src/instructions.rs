//! How many instructions a proxy runs in user space for a request, as callgrind counts them: it is the same each time,
//! whatever else the machine does.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    backend::Backends,
    certificate::Certificate,
    compare::{Column, free_port},
    contest::{Contestant, Pin, Task},
    results::{Measure, Results},
    works::Work,
};

/// What is measured so: where the choice of a service or route is what differs.
pub const WORKS: [&str; 7] = [
    "one",
    "tree",
    "sticky",
    "mirror",
    "routes-10",
    "routes-1k",
    "routes-10k",
];
/// Connections of clients.
const CONNECTIONS: usize = 8;
/// Requests that are sent in any case, and those whose instructions are counted.
const WARM: usize = 200 * CONNECTIONS;
const COUNTED: usize = 500 * CONNECTIONS;

/// Counts a work's, of each contestant.
pub async fn count(
    work: &Work,
    contestants: &[Contestant],
    core: usize,
    backends: &Backends,
    certificate: &Certificate,
    results: &mut Results,
) -> Result<()> {
    let mut cells = Column::default();
    for contestant in contestants {
        let mut totals = Vec::new();
        // what starting and stopping cost is in both
        for requests in [WARM, WARM + COUNTED] {
            let task = Task {
                address: free_port()?,
                backends,
                tls: work.tls,
                certificate,
                route: work.route,
                large: work.is_large(),
            };
            totals.extend(run(work, contestant, core, &task, requests).await?);
        }
        if let [less, more] = totals[..] {
            cells.add(contestant.name(), (more - less) / COUNTED as f64);
        }
        eprint!(".");
    }
    results.add(work.name, work.about, Measure::Instructions, cells.0);
    Ok(())
}

async fn run(
    work: &Work,
    contestant: &Contestant,
    core: usize,
    task: &Task<'_>,
    requests: usize,
) -> Result<Option<f64>> {
    let folder = tempfile::tempdir()?;
    // nginx's workers are nobody's, and write here as well
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777))?;
    let output = format!("--callgrind-out-file={}/%p", folder.path().display());
    let under = ["valgrind", "--tool=callgrind", "--trace-children=yes", &output];
    let pin = Pin {
        core,
        under: under.map(str::to_owned).into(),
    };
    let Some(running) = contestant.start(task, &pin).await? else {
        return Ok(None);
    };
    let target = work.target(task.address, task.certificate);
    let ready = work.ready(&target).await;
    ready.with_context(|| format!("{}: {}: {}", contestant.name(), work.name, running.log()))?;
    let mut connections = work.connections(&target, CONNECTIONS).await?;
    let sent = work.send(&target, &mut connections, requests).await;
    sent.with_context(|| format!("{}: {}: {}", contestant.name(), work.name, running.log()))?;
    drop(connections);
    running.stop().await?;
    total(folder.path()).map(Some)
}

/// What all processes have run.
fn total(folder: &Path) -> Result<f64> {
    let mut all = None;
    for file in fs::read_dir(folder)? {
        let text = fs::read_to_string(file?.path())?;
        let line = text.lines().rev().find_map(|line| line.strip_prefix("totals: "));
        let total: f64 = line.context("callgrind's output has no totals")?.trim().parse()?;
        all = Some(all.unwrap_or_default() + total);
    }
    ensure!(all.is_some(), "callgrind has written nothing");
    Ok(all.unwrap_or_default())
}
