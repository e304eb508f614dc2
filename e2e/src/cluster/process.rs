//! A process that can be paused, ended and killed.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::wait::eventually;

/// Lines of a log that are worth repeating in an error.
const SHOWN: usize = 20;

/// A running process. It is killed when this value goes.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Process {
    pub(super) fn spawn(name: &str, mut command: Command, log: PathBuf, group: i32) -> Result<Self> {
        let file = File::options().create(true).append(true).open(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(group)
            .spawn()
            .with_context(|| format!("{} does not start", command.get_program().display()))?;
        Ok(Self {
            name: name.to_owned(),
            log,
            child,
        })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that it has said so far, in earlier runs, too.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// How it ended, if it did.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        // the only error is that somebody else has waited for it, and nobody else can
        self.child.try_wait().ok().flatten()
    }

    /// An error with the end of its log when it has ended.
    pub fn ensure_running(&mut self) -> Result<()> {
        if let Some(status) = self.exited() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
            bail!("{} ended with {status}; the end of its log:\n{last}", self.name);
        }
        Ok(())
    }

    /// Stops it in its tracks.
    pub fn pause(&mut self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    pub fn resume(&mut self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Asks it to end, and waits until it has.
    pub async fn terminate(&mut self, limit: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        let what = format!("{} ends", self.name);
        eventually(&what, limit, async || self.exited().context("it runs")).await
    }

    /// Ends it without a chance to clean up.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.child.kill()?;
        Ok(self.child.wait()?)
    }

    fn signal(&mut self, signal: Signal) -> Result<()> {
        // its id is its own until somebody has waited for it
        ensure!(self.exited().is_none(), "{} does not run", self.name);
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // fails only when it has ended
        drop(self.kill());
    }
}
