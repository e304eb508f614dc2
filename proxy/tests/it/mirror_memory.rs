//! A mirror never takes more memory than it was given, whatever passes.

use std::{fs, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::support::{Documents, Process, RawBackend, get, until};

const MIB: usize = 1 << 20;
const BUDGET: usize = 32 * MIB;
const BODY: usize = 10 * MIB;
const CLIENTS: usize = 64;
const PATIENCE: Duration = Duration::from_mins(1);

/// A number that tells bodies apart, and their bytes' order.
#[derive(Default)]
struct Sum(u64);

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(31).wrapping_add(u64::from(*byte));
        }
    }
}

/// A part of a client's body: each has another one.
fn part(client: usize) -> Vec<u8> {
    (0..MIB)
        .map(|place| (place * 7 + place / 251 + client * 13) as u8)
        .collect()
}

fn sum(client: usize) -> u64 {
    let (part, mut sum) = (part(client), Sum::default());
    for _ in 0..BODY / MIB {
        sum.add(&part);
    }
    sum.0
}

/// Answers each request with the sum of its body, after a while.
async fn summing(pause: Duration) -> RawBackend {
    RawBackend::start(move |mut stream| async move {
        let mut buffer = vec![0; 64 << 10];
        let mut head = Vec::new();
        loop {
            while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
                if !matches!(stream.read_buf(&mut head).await, Ok(1..)) {
                    return;
                }
            }
            let end = head.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
            let mut body = Sum::default();
            let mut read = head.len() - end;
            body.add(&head[end..]);
            head.clear();
            while read < BODY {
                let most = buffer.len().min(BODY - read);
                let Ok(some @ 1..) = stream.read(&mut buffer[..most]).await else {
                    return;
                };
                body.add(&buffer[..some]);
                read += some;
            }
            tokio::time::sleep(pause).await;
            let text = body.0.to_string();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}

async fn send(web: SocketAddr, client: usize) {
    let mut stream = TcpStream::connect(web).await.unwrap();
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {BODY}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let part = part(client);
    for _ in 0..BODY / MIB {
        stream.write_all(&part).await.unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let (_, text) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(text, sum(client).to_string());
}

/// The most memory that a process has had.
fn peak(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_of_many_clients_stay_within_the_mirrors_budget() {
    // the mirror holds copies for a while, so that the budget is used up
    let (main, mirror) = (
        summing(Duration::ZERO).await,
        summing(Duration::from_millis(300)).await,
    );
    let dir = tempfile::tempdir().unwrap();
    Documents::default()
        .service("main", &[main.address])
        .service("mirror", &[mirror.address])
        .mirror("both", "main", &[("mirror", 100)])
        .route("/", "both")
        .write(dir.path());
    let budget = BUDGET.to_string();
    let process = Process::start(dir.path(), &["--threads", "2", "--mirror-max-bytes", &budget]);
    until("readiness", async || {
        get(process.admin, "/readyz").await.status == 200
    })
    .await;
    let before = peak(process.id());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| tokio::spawn(timeout(PATIENCE, send(process.web, client))))
        .collect();
    for client in clients {
        client.await.unwrap().unwrap();
    }
    let metric = async |name: &str| -> usize {
        let metrics = get(process.admin, "/metrics").await;
        let counts = metrics.text().lines().filter(|line| line.starts_with(name));
        counts
            .map(|line| line.rsplit_once(' ').unwrap().1.parse::<usize>().unwrap())
            .sum()
    };
    let dropped = async || metric("weir_mirror_dropped_total{reason=\"bytes\"}").await;
    let copied = async || metric("weir_mirror_copies_total{").await;
    until("all copies to be over", async || {
        dropped().await + copied().await == CLIENTS
    })
    .await;
    let (dropped, copied) = (dropped().await, copied().await);
    let whole = "weir_mirror_copies_total{mirror=\"apps-both@kubernetescrd\",target=\"apps-mirror@kubernetescrd\",code=\"2xx\"}";
    assert_eq!(metric(whole).await, copied);
    assert_eq!(metric("weir_mirror_bytes ").await, 0);
    let peak = peak(process.id());
    eprintln!(
        "{copied} copies, {dropped} dropped, {} MiB at most, {} before",
        peak / MIB,
        before / MIB
    );
    assert!(dropped > 0 && copied > 0, "{copied} copies, {dropped} dropped");
    assert!(peak < BUDGET + 64 * MIB, "{} MiB", peak / MIB);
}
