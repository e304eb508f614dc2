//! What a process and its children have used, as Linux counts it.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};

/// A process with its children.
#[derive(Clone, Copy, Debug)]
pub struct Tree(pub u32);

impl Tree {
    /// Its process and then those of its children.
    pub fn all(self) -> Result<Vec<u32>> {
        let mut all = vec![self.0];
        for entry in fs::read_dir("/proc")? {
            let Some(pid) = entry?
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<u32>().ok())
            else {
                continue;
            };
            // one that has just ended has no such file
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1));
            if parent == Some(self.0.to_string().as_str()) {
                all.push(pid);
            }
        }
        Ok(all)
    }

    /// The time that all of its threads have run, in user space and in the kernel, as the scheduler counts it.
    pub fn cpu(self) -> Result<Duration> {
        let mut nanoseconds = 0;
        for pid in self.all()? {
            for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
                let path = thread?.path().join("schedstat");
                let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                let run: u64 = text.split(' ').next().unwrap_or_default().parse()?;
                nanoseconds += run;
            }
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Bytes of memory that are its own: not those of files, which others share.
    pub fn memory(self) -> Result<u64> {
        let mut bytes = 0;
        for pid in self.all()? {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
            let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
            bytes += kibibytes.context("no RssAnon")?.trim().parse::<u64>()? << 10;
        }
        Ok(bytes)
    }
}
