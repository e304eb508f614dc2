//! Compiling, in a process of its own, so that its memory can be told.

use std::{collections::BTreeMap, fs, io::stdout, process::Command, time::Instant};

use anyhow::{Context as _, Result, ensure};
use weir_bench::objects;
use weir_model::document::{
    Config,
    text::{read, write},
    validate::validate,
};
use weir_operator::{
    compile::{Options, Snapshot, compile},
    publish::{Settings, plan},
};

use super::Compiled;
use crate::results::Cell;

/// Has it measured by this program, started once more, on both cores.
pub(super) fn measure(services: usize, rounds: usize, cores: &[usize]) -> Result<Compiled> {
    let cores: Vec<_> = cores.iter().map(usize::to_string).collect();
    let output = Command::new("taskset")
        .args(["-c", &cores.join(",")])
        .arg(std::env::current_exe()?)
        .args(["compile", &services.to_string(), &rounds.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "compile: {said}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Measures it here, and writes what it finds to the standard output.
pub fn once(services: usize, rounds: usize) -> Result<()> {
    let mut snapshot = Snapshot::of_cluster();
    for object in objects::many(services) {
        snapshot.insert(&object);
    }
    let mut compiled = Compiled {
        objects: mebibytes("VmRSS:")?,
        ..Compiled::default()
    };
    let options = Options::default();
    let (mut compile_times, mut write_times, mut read_times) =
        (Cell::default(), Cell::default(), Cell::default());
    for round in 0..=rounds {
        let start = Instant::now();
        let compilation = compile(&snapshot, &options, &Config::default());
        let compile_time = start.elapsed();
        let start = Instant::now();
        let (config, _) = write(&*compilation.config)?;
        let (endpoints, _) = write(&*compilation.endpoints)?;
        let write_time = start.elapsed();
        if round == 0 {
            compiled.memory = mebibytes("VmHWM:")?;
            compiled.plain = [config.len(), endpoints.len()];
            continue;
        }
        let start = Instant::now();
        let (back, _) = read::<Config>(&config)?;
        ensure!(validate(&back).is_ok(), "a config that does not hold");
        read_times.add(start.elapsed().as_secs_f64() * 1e3);
        compile_times.add(compile_time.as_secs_f64() * 1e3);
        write_times.add(write_time.as_secs_f64() * 1e3);
    }
    (compiled.compile, compiled.write, compiled.read) = (compile_times, write_times, read_times);
    let mut compilation = compile(&snapshot, &options, &Config::default());
    let mut settings = Settings::new("weir-system", "weir");
    // as many as it takes
    settings.endpoint_shards = (services / 20_000 + 1) as u32;
    let plan = plan(&mut compilation, &Config::default(), &snapshot, &settings)?;
    let plan = plan.context("a config that does not hold")?;
    compiled.held_back = plan.held_back.len();
    let stored = plan
        .objects
        .iter()
        .map(|object| (object.name.clone(), object.bytes));
    compiled.stored = stored.collect::<BTreeMap<_, _>>();
    serde_json::to_writer(stdout().lock(), &compiled)?;
    Ok(())
}

/// What Linux says of this process.
fn mebibytes(what: &str) -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kibibytes.context("no memory is told")?.trim().parse::<f64>()? / 1024.0)
}
