//! The binary, as a process of its own.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use tokio::time::{Instant, sleep};

pub const PROXY: &str = env!("CARGO_BIN_EXE_weir-proxy");

/// A proxy as a process of its own.
pub struct Process {
    child: Child,
    pub admin: SocketAddr,
    pub web: SocketAddr,
    /// The line that told so.
    pub listening: String,
    /// The lines after that one.
    pub log: mpsc::Receiver<String>,
}

impl Process {
    /// Starts it; its log tells where it listens.
    pub fn start(dir: &Path, arguments: &[&str]) -> Self {
        Self::with(dir, arguments, Stdio::null())
    }

    /// The same, with its standard output.
    pub fn told(dir: &Path, arguments: &[&str]) -> (Self, ChildStdout) {
        let mut process = Self::with(dir, arguments, Stdio::piped());
        let stdout = process.child.stdout.take().unwrap();
        (process, stdout)
    }

    fn with(dir: &Path, arguments: &[&str], stdout: Stdio) -> Self {
        let mut child = Command::new(PROXY)
            .args(["--entrypoint", "web=127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .arg("--config")
            .arg(dir)
            .args(arguments)
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = log
            .find_map(|line| line.ok().filter(|line| line.contains("listening")))
            .unwrap();
        // read on in any case: a full pipe would stop it
        let (lines, rest) = mpsc::channel();
        std::thread::spawn(move || {
            for line in log.map_while(Result::ok) {
                // nobody may want it
                let _ = lines.send(line);
            }
        });
        let mut addresses = line.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
        let mut next = || addresses.find_map(|word| word.parse().ok()).unwrap();
        Self {
            admin: next(),
            web: next(),
            listening: line.clone(),
            log: rest,
            child,
        }
    }

    /// Of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    pub async fn exit_code(&mut self) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it does not end");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // it may be gone already
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
