//! What a process has used, by the kernel's count.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};
use weir_e2e::cluster::process::Process;

/// CPU time and memory of a process.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// User and system time so far.
    pub cpu: Duration,
    /// Resident memory now.
    pub now_mib: f64,
    /// The most that it was resident so far.
    pub peak_mib: f64,
}

impl Usage {
    /// Of a running process.
    pub fn of(process: &Process) -> Result<Self> {
        let folder = format!("/proc/{}", process.id());
        // nanoseconds on the CPU of all threads that run, and none is ended here while it is measured
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("{folder}/task"))? {
            let times = fs::read_to_string(task?.path().join("schedstat"))?;
            let first = times.split(' ').next().context("no times")?;
            nanoseconds += first.parse::<u64>()?;
        }
        let status = fs::read_to_string(format!("{folder}/status"))?;
        Ok(Self {
            cpu: Duration::from_nanos(nanoseconds),
            now_mib: mib(&status, "VmRSS:")?,
            peak_mib: mib(&status, "VmHWM:")?,
        })
    }
}

fn mib(status: &str, field: &str) -> Result<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let line = line.with_context(|| format!("no {field}"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}
