//! A proxy that runs.

use std::{
    fs::File,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::measure::Tree;

/// Within which it must accept.
const LIMIT: Duration = Duration::from_mins(1);

/// Where and how a proxy runs.
#[derive(Clone, Debug, Default)]
pub struct Pin {
    /// The one core that it has.
    pub core: usize,
    /// The command that runs it, such as valgrind with its options.
    pub under: Vec<String>,
}

/// A proxy that runs, pinned to a core. It ends with this value.
#[derive(Debug)]
pub struct Running {
    child: Child,
    folder: TempDir,
}

impl Running {
    /// Starts a command whose files are in a folder, and waits until it accepts.
    pub async fn start(command: &[String], address: SocketAddr, pin: &Pin, folder: TempDir) -> Result<Self> {
        let log = File::create(folder.path().join("log"))?;
        let child = Command::new("taskset")
            .args(["-c", &pin.core.to_string()])
            .args(&pin.under)
            .args(command)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("taskset does not start")?;
        let mut running = Self { child, folder };
        let end = Instant::now() + LIMIT;
        while TcpStream::connect(address).await.is_err() {
            if running.child.try_wait()?.is_some() || Instant::now() > end {
                bail!("{} does not accept:\n{}", command.join(" "), running.log());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(running)
    }

    /// Its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sends it a signal.
    pub fn signal(&self, which: Signal) {
        signal(self.child.id(), which);
    }

    /// What it and its children use. taskset becomes what it starts.
    pub fn tree(&self) -> Tree {
        Tree(self.child.id())
    }

    /// Has it end by itself, as it must where something is written at its end.
    pub async fn stop(mut self) -> Result<()> {
        signal(self.child.id(), Signal::TERM);
        let end = Instant::now() + LIMIT;
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < end, "it does not end:\n{}", self.log());
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// What it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // the children first, which nobody else would end
        for process in self.tree().all().unwrap_or_default().into_iter().rev() {
            signal(process, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

fn signal(process: u32, signal: Signal) {
    if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        let _ = kill_process(process, signal);
    }
}
