//! The binary: exit statuses and signals.

use std::{
    io, iter,
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use crate::support::{Backend, Client, Documents, PROXY, Process, get, until};

fn exit_code(arguments: &[&str]) -> (Option<i32>, String) {
    let mut child = Command::new(PROXY)
        .args(arguments)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let (told, error) = mpsc::channel();
    std::thread::spawn(move || told.send(io::read_to_string(&mut stderr).unwrap()));
    let error = error.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| {
        child.kill().unwrap();
        "it does not end".to_owned()
    });
    (child.wait().unwrap().code(), error)
}

#[test]
fn a_wrong_command_line_exits_with_2_and_says_why() {
    let twice = [
        "--config",
        "x",
        "--entrypoint",
        "web=:1",
        "--entrypoint",
        "web=:2",
    ];
    let (code, error) = exit_code(&twice);
    assert_eq!(code, Some(2));
    assert!(error.contains("entry point web is there twice"), "{error}");
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
async fn the_first_log_line_says_where_it_listens_in_plain_text() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(dir.path(), &[]);
    let end = format!("admin={} entry_points=\"web={}\"", process.admin, process.web);
    assert!(process.listening.ends_with(&end), "{}", process.listening);
    assert!(!process.listening.contains('\u{1b}'), "{:?}", process.listening);
}

#[test]
fn before_the_first_load_the_log_says_that_nothing_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(dir.path(), &["--log-format", "json"]);
    let mut lines = iter::from_fn(|| process.log.recv_timeout(Duration::from_secs(20)).ok());
    let refused = lines.find(|line| line.contains("not loaded"));
    assert!(refused.unwrap().contains("nothing is served yet"));
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
