//! How much memory a proxy asks for while it passes a request on that is like the one before.
//!
//! Everything in this process is counted. The client and the server behind the proxy are threads that ask for nothing
//! while they work, so that what is counted is the proxy's.

// tells clippy that helpers are tests as well
#![cfg(test)]

use std::{
    alloc::System,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use serde_json::Value;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tempfile::TempDir;
use weir_bench::objects;
use weir_model::document::{Config, text};
use weir_operator::compile::{Options, Snapshot, compile};
use weir_proxy::{
    app::{self, Proxy, Running},
    config,
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many for one request at most. A plain one asks for none: the map of headers, the buffers and the connections of the
/// one before serve it as well. What is left is done now and then, whatever the requests.
const MOST: f64 = 0.05;
const REQUESTS: usize = 2000;
const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: bench.example.com\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n";
const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!";

/// Reads until the end of a head and so many bytes more; false: the connection has ended.
fn read(stream: &mut TcpStream, buffer: &mut [u8], after_head: usize) -> bool {
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]) {
            Ok(read) if read > 0 => filled += read,
            _ => return false,
        }
        let end = filled.saturating_sub(after_head);
        if buffer[..end].ends_with(b"\r\n\r\n") {
            return true;
        }
    }
}

fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while read(&mut stream, &mut buffer, 0) {
                    stream.write_all(RESPONSE).unwrap();
                }
            });
        }
    });
    address
}

fn proxy(objects: &[Value]) -> (TempDir, Running, SocketAddr) {
    let options = Options {
        entry_points: vec!["web=127.0.0.1:0".parse().unwrap()],
        ..Options::default()
    };
    let compilation = compile(&Snapshot::from_objects(objects), &options, &Config::default());
    assert!(compilation.findings.is_empty(), "{:?}", compilation.findings);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    write("secrets.json", text::write(&*compilation.secrets).unwrap().0);
    write("endpoints.json", text::write(&*compilation.endpoints).unwrap().0);
    write("config.json", text::write(&*compilation.config).unwrap().0);
    let mut source = config::Options::new(folder.path());
    // not while requests are counted
    source.poll = Duration::from_hours(1);
    let mut options = app::Options::new(source, options.entry_points);
    options.threads = 1;
    options.drain_delay = Duration::ZERO;
    let running = Proxy::bind(options).unwrap().serve().unwrap();
    let address = running.addresses().entry_points[0];
    (folder, running, address)
}

/// A connection through which a route was reached.
fn client(address: SocketAddr, buffer: &mut [u8]) -> TcpStream {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(REQUEST).unwrap();
        let read = stream.read(buffer).unwrap();
        if buffer[..read].starts_with(b"HTTP/1.1 200") && buffer[..read].ends_with(b"Hello, world!") {
            return stream;
        }
        // nothing is loaded yet
        assert!(
            std::time::Instant::now() < deadline,
            "no answer but {:?}",
            buffer[..read].escape_ascii()
        );
        thread::yield_now();
    }
}

/// Allocations for each request, reallocations as well.
fn per_request(objects: &[Value]) -> f64 {
    let (_folder, running, address) = proxy(objects);
    let mut buffer = [0; 4096];
    let mut stream = client(address, &mut buffer);
    let mut send = |count| {
        for _ in 0..count {
            stream.write_all(REQUEST).unwrap();
            assert!(
                read(&mut stream, &mut buffer, b"Hello, world!".len()),
                "the connection has ended"
            );
        }
    };
    send(200);
    let region = Region::new(ALLOCATOR);
    send(REQUESTS);
    let change = region.change();
    drop(stream);
    running.stopper().stop();
    running.join().unwrap();
    (change.allocations + change.reallocations) as f64 / REQUESTS as f64
}

#[test]
fn what_is_asked_for_is_counted() {
    let region = Region::new(ALLOCATOR);
    drop(std::hint::black_box(Box::new(1)));
    assert!(region.change().allocations > 0);
}

#[test]
fn a_plain_request_allocates_little() {
    let [service, slice] = objects::service("app", &[serve()]);
    let one = [
        service,
        slice,
        objects::weighted("app", "app"),
        objects::route("app", "PathPrefix(`/`)", "app"),
    ];
    let each = per_request(&one);
    println!("{each:.2} allocations per request");
    assert!(
        each <= MOST,
        "{each:.2} allocations per request, at most {MOST} are wanted"
    );
}
