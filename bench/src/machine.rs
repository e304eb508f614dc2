//! What it was measured on.

use std::{fs, path::Path, process::Command};

/// The processor, the kernel, and the versions of who takes part.
pub fn about(traefik: Option<&Path>) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = cpuinfo
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let version = |program: &Path, argument: &str| {
        let output = Command::new(program).arg(argument).output().ok()?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        text.lines().next().map(|line| line.trim().to_owned())
    };
    [
        model.map(|(_, model)| format!("{model}, {cores} cores")),
        Some(format!("Linux {}", read("/proc/sys/kernel/osrelease").trim())),
        version(Path::new("nginx"), "-v"),
        version(Path::new("haproxy"), "-v"),
        traefik.and_then(|binary| version(binary, "version")),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join("; ")
}
