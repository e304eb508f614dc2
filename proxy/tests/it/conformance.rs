//! Suites of others against the proxy. They need programs that `make conformance` brings, and are ignored without it.

use std::{
    env,
    net::SocketAddr,
    process::{Child, Command, Output, Stdio},
};

use crate::support::{Authority, Backend, Certified, Documents, Fixture};

const WEBSOCKET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/websocket.py");

/// A program that is named in the environment.
fn program(variable: &str) -> Command {
    Command::new(
        env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set; run `make conformance`")),
    )
}

async fn output(mut command: Command) -> Output {
    let run = move || command.output().unwrap();
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// Runs h2spec, and gives back how many of its cases passed, were left out, and failed.
async fn h2spec(fixture: &Fixture, arguments: &[&str]) -> [u32; 3] {
    let mut command = program("WEIR_H2SPEC");
    command.args(["--timeout", "5", "--port", &fixture.web.port().to_string()]);
    command.args(arguments);
    let output = output(command).await;
    let text = String::from_utf8_lossy(&output.stdout);
    let counts = text.lines().last().and_then(|line| {
        // such as `145 tests, 144 passed, 1 skipped, 0 failed`
        let numbers = line.split(", ").map(|part| part.split(' ').next()?.parse().ok());
        numbers.collect::<Option<Vec<u32>>>()
    });
    match counts.as_deref() {
        Some([_, passed, skipped, failed]) if output.status.success() == (*failed == 0) => {
            println!("h2spec: {passed} passed, {skipped} left out, {failed} failed");
            assert_eq!(*failed, 0, "{text}");
            [*passed, *skipped, *failed]
        }
        _ => panic!(
            "{}\n{text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

async fn secured(address: SocketAddr) -> Fixture {
    let certified: Certified = Authority::new().sign(&["a.example"]);
    let documents = Documents::one(address)
        .secret("own", certified.entry())
        .tls("/", Some("own"));
    Fixture::secure(&documents, |_| {}).await
}

#[tokio::test]
#[ignore = "needs h2spec: make conformance"]
async fn http2_is_spoken_as_h2spec_wants_it_with_tls() {
    let backend = Backend::named("ok").await;
    let fixture = secured(backend.address).await;
    // what is left out sends what a body may not be, to a server that does not look at it
    assert_eq!(h2spec(&fixture, &["--tls", "--insecure"]).await, [144, 1, 0]);
}

#[tokio::test]
#[ignore = "needs h2spec: make conformance"]
async fn http2_is_spoken_as_h2spec_wants_it_without_tls() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    // without http2/3.5/2: what does not begin as HTTP/2 is HTTP/1.1 here, and gets 400
    let suites = [
        "generic",
        "hpack",
        "http2/3.5/1",
        "http2/4",
        "http2/5",
        "http2/6",
        "http2/7",
        "http2/8",
    ];
    assert_eq!(h2spec(&fixture, &suites).await, [143, 1, 0]);
}

/// A server of WebSocket; it ends with this.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    async fn start() -> Self {
        let mut command = program("WEIR_PYTHON");
        command.args([WEBSOCKET, "serve"]).stdout(Stdio::piped());
        let starting = move || {
            use std::io::{BufRead as _, BufReader};
            let mut child = command.spawn().unwrap();
            let mut line = String::new();
            let mut lines = BufReader::new(child.stdout.take().unwrap());
            lines.read_line(&mut line).unwrap();
            let address = line.trim().parse().unwrap();
            Self { child, address }
        };
        tokio::task::spawn_blocking(starting).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn compare(server: &Server, fixture: &Fixture, more: &[&str]) {
    let mut command = program("WEIR_PYTHON");
    command.args([WEBSOCKET, "compare"]);
    command.args([server.address, fixture.web].map(|address| address.to_string()));
    command.args(more);
    let output = output(command).await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{}", text.trim());
    fixture.metric_becomes("weir_connections_upgraded", 0.0).await;
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
}

#[tokio::test]
#[ignore = "needs Python with websockets: make conformance"]
async fn websocket_is_the_same_with_the_proxy_as_without() {
    let server = Server::start().await;
    let fixture = Fixture::start(&Documents::one(server.address)).await;
    compare(&server, &fixture, &[]).await;
}

#[tokio::test]
#[ignore = "needs Python with websockets: make conformance"]
async fn websocket_is_the_same_with_tls() {
    let server = Server::start().await;
    let fixture = secured(server.address).await;
    compare(&server, &fixture, &["--tls"]).await;
}
