//! A proxy that runs.

use std::{
    fs::File,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::measure::Tree;

/// Within which it must accept.
const LIMIT: Duration = Duration::from_secs(60);

/// A proxy that runs, pinned to a core. It ends with this value.
#[derive(Debug)]
pub struct Running {
    child: Child,
    folder: TempDir,
}

impl Running {
    pub(super) async fn start(
        command: &[String],
        address: SocketAddr,
        core: usize,
        folder: TempDir,
    ) -> Result<Self> {
        let log = File::create(folder.path().join("log"))?;
        let child = Command::new("taskset")
            .args(["-c", &core.to_string()])
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

    /// What it and its children use. taskset becomes what it starts.
    pub fn tree(&self) -> Tree {
        Tree(self.child.id())
    }

    /// What it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // asked first, so that nginx takes its workers with it
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        for _ in 0..50 {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
