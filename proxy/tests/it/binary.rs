//! The binary: exit statuses and signals.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::support::{Backend, Client, Documents, get, until};

const PROXY: &str = env!("CARGO_BIN_EXE_weir-proxy");

/// A proxy as a process of its own.
struct Process {
    child: Child,
    admin: SocketAddr,
    web: SocketAddr,
}

impl Process {
    /// Starts it; its log tells where it listens.
    fn start(dir: &std::path::Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(PROXY)
            .args([
                "--entrypoint",
                "web=127.0.0.1:0",
                "--admin",
                "127.0.0.1:0",
                "--log-format",
                "json",
            ])
            .arg("--config")
            .arg(dir)
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = log
            .find_map(|line| line.ok().filter(|line| line.contains("listening")))
            .unwrap();
        // nobody reads on, and a full pipe would stop it
        std::thread::spawn(move || log.count());
        let mut addresses = line.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
        let mut next = || addresses.find_map(|word| word.parse().ok()).unwrap();
        Self {
            admin: next(),
            web: next(),
            child,
        }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    async fn exit_code(&mut self) -> Option<i32> {
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

fn exit_code(arguments: &[&str]) -> (Option<i32>, String) {
    let mut child = Command::new(PROXY)
        .args(arguments)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        if std::time::Instant::now() > deadline {
            // its status then says that it did not end by itself
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_wrong_command_line_exits_with_2_and_says_why() {
    let (code, error) = exit_code(&["--config", "x", "--entrypoint", "web=127.0.0.1:8443,tls"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("TLS is not supported yet"), "{error}");
    assert_eq!(exit_code(&[]).0, Some(2));
}

#[test]
fn an_address_that_is_taken_exits_with_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (code, error) = exit_code(&["--config", "x", "--entrypoint", &format!("web={address}")]);
    assert_eq!(code, Some(1));
    assert!(
        error.contains(&format!("cannot listen on {address} (web)")),
        "{error}"
    );
}

#[tokio::test]
async fn a_second_proxy_does_not_take_a_part_of_the_firsts_connections() {
    let dir = tempfile::tempdir().unwrap();
    let first = Process::start(dir.path(), &[]);
    for (entry_point, admin, taken) in [
        (first.web.to_string(), "127.0.0.1:0".to_owned(), "web"),
        ("127.0.0.1:0".to_owned(), first.admin.to_string(), "admin"),
    ] {
        let entry_point = format!("web={entry_point}");
        let (code, error) = exit_code(&["--config", "x", "--entrypoint", &entry_point, "--admin", &admin]);
        assert_eq!(code, Some(1), "{error}");
        assert!(
            error.contains(&format!("({taken}): Address already in use")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn the_first_signal_drains_and_exits_with_0() {
    let backend = Backend::named("ok").await;
    let dir = tempfile::tempdir().unwrap();
    Documents::one(backend.address).write(dir.path());
    let mut process = Process::start(dir.path(), &["--drain-delay", "0s"]);
    until("readiness", async || {
        get(process.admin, "/readyz").await.status == 200
    })
    .await;
    let mut client = Client::connect(process.web).await;
    assert_eq!(client.get("/").await.text(), "ok");
    process.signal("TERM");
    assert_eq!(process.exit_code().await, Some(0));
}

#[tokio::test]
async fn the_second_signal_ends_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start(dir.path(), &["--drain-delay", "1h"]);
    process.signal("INT");
    until("unreadiness", async || {
        get(process.admin, "/readyz").await.text().contains("draining")
    })
    .await;
    process.signal("TERM");
    assert_eq!(process.exit_code().await, Some(1));
}
