//! The work that is measured.

use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use tokio::time::{Instant, sleep};

use crate::{
    certificate::{Certificate, HOST},
    load::{self, Http1, Security, Target},
    route::{Route, entry},
};

/// A kind of work.
#[derive(Clone, Debug)]
pub struct Work {
    /// In tables and on the command line.
    pub name: &'static str,
    /// What is done.
    pub about: &'static str,
    /// Which requests go where.
    pub route: Route,
    /// With TLS at the entry.
    pub tls: bool,
    /// How requests are sent.
    pub load: Load,
    /// Requests in a round.
    pub requests: usize,
    /// Bytes of bodies for each of them, both ways; where it is bodies that cost.
    pub bytes: usize,
}

/// How requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Over connections that stay.
    KeepAlive,
    /// Bodies of so many bytes to clients.
    Down(usize),
    /// Bodies of so many bytes from clients.
    Up(usize),
    /// A connection for each request; with TLS, sessions are resumed or not.
    Anew {
        /// They are.
        resumed: bool,
    },
    /// HTTP/2, so many streams at a time on each of two connections.
    Http2(usize),
    /// The same with gRPC's headers and trailers.
    Grpc(usize),
    /// Messages that come back.
    WebSocket,
}

/// Within which a proxy must be ready.
const LIMIT: Duration = Duration::from_mins(1);
/// Connections of clients, where the work does not say.
pub const CONNECTIONS: usize = 32;
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

impl Work {
    const fn new(name: &'static str, about: &'static str, route: Route, load: Load, requests: usize) -> Self {
        let bytes = match load {
            Load::Down(bytes) | Load::Up(bytes) => bytes,
            _ => 0,
        };
        Self {
            name,
            about,
            route,
            tls: false,
            load,
            requests,
            bytes,
        }
    }

    const fn secure(mut self) -> Self {
        self.tls = true;
        self
    }

    /// All of them.
    pub fn all() -> Vec<Self> {
        [Self::plain(), Self::protocols(), Self::tables()].concat()
    }

    fn plain() -> Vec<Self> {
        use Load::{Anew, Down, KeepAlive, Up};
        vec![
            Self::new("one", "small GET, one service", Route::One, KeepAlive, 60_000),
            Self::new(
                "tree",
                "small GET, a weighted tree of three levels",
                Route::Tree,
                KeepAlive,
                60_000,
            ),
            Self::new(
                "sticky",
                "small GET, that tree with cookies at each level",
                Route::Sticky,
                KeepAlive,
                60_000,
            ),
            Self::new(
                "mirror",
                "small GET, mirrored to 100 %",
                Route::Mirror,
                KeepAlive,
                30_000,
            ),
            Self::new(
                "64k-down",
                "64 KiB to clients",
                Route::One,
                Down(64 * KIB),
                15_000,
            ),
            Self::new("64k-up", "64 KiB from clients", Route::One, Up(64 * KIB), 15_000),
            Self::new("10m-down", "10 MiB to clients", Route::One, Down(10 * MIB), 200),
            Self::new("10m-up", "10 MiB from clients", Route::One, Up(10 * MIB), 200),
            Self::new(
                "connect",
                "small GET, a connection for each",
                Route::One,
                Anew { resumed: false },
                15_000,
            ),
        ]
    }

    fn protocols() -> Vec<Self> {
        use Load::{Anew, Grpc, Http2, KeepAlive, WebSocket};
        vec![
            Self::new("tls", "small GET over TLS 1.3", Route::One, KeepAlive, 50_000).secure(),
            Self::new(
                "tls-full",
                "a full handshake for each GET",
                Route::One,
                Anew { resumed: false },
                3_000,
            )
            .secure(),
            Self::new(
                "tls-resumed",
                "a resumed handshake for each GET",
                Route::One,
                Anew { resumed: true },
                6_000,
            )
            .secure(),
            Self::new(
                "http2",
                "small GET, HTTP/2, 100 streams a connection",
                Route::One,
                Http2(100),
                40_000,
            )
            .secure(),
            Self::new(
                "grpc",
                "unary gRPC calls, HTTP/2 without TLS",
                Route::Grpc,
                Grpc(50),
                30_000,
            ),
            Self::new(
                "websocket",
                "messages of 125 bytes and back",
                Route::One,
                WebSocket,
                60_000,
            ),
        ]
    }

    fn tables() -> Vec<Self> {
        use Load::KeepAlive;
        vec![
            Self::new(
                "routes-10",
                "small GET, 10 hosts with a path each",
                Route::Table(10),
                KeepAlive,
                60_000,
            ),
            Self::new(
                "routes-1k",
                "small GET, 1,000 hosts with a path each",
                Route::Table(1000),
                KeepAlive,
                60_000,
            ),
            Self::new(
                "routes-10k",
                "small GET, 10,000 hosts with a path each",
                Route::Table(10_000),
                KeepAlive,
                60_000,
            ),
        ]
    }

    /// Whether proxies may set their buffers for large bodies.
    pub fn is_large(&self) -> bool {
        self.bytes > 0
    }

    /// What clients send to a proxy.
    pub fn target(&self, address: std::net::SocketAddr, certificate: &Certificate) -> Target {
        let http2 = matches!(self.load, Load::Http2(_) | Load::Grpc(_));
        let resumed = self.load == (Load::Anew { resumed: true });
        let security = if self.tls {
            Security::Tls(certificate.client(http2, resumed))
        } else {
            Security::Plain
        };
        Target {
            address,
            security,
            requests: self.heads(),
            resumed,
            cookies: self.route == Route::Sticky,
        }
    }

    fn heads(&self) -> Vec<Bytes> {
        let get = |host: &str, path: &str| {
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: weir-bench\r\nAccept: */*\r\n\r\n")
                .into()
        };
        match (self.load, self.route) {
            (Load::Down(bytes), _) => vec![get(HOST, &format!("/b/{bytes}"))],
            (Load::Up(bytes), _) => {
                let head = format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {bytes}\r\n\r\n");
                vec![[head.as_bytes(), &vec![b'x'; bytes]].concat().into()]
            }
            (_, Route::Table(count)) => {
                // all over the table, in an order that no cache foresees
                let places = (0..count.min(1000)).map(|turn| turn * 7919 % count);
                let request = |place| {
                    let (host, path) = entry(place);
                    get(&host, &path)
                };
                places.map(request).collect()
            }
            _ => vec![get(HOST, "/")],
        }
    }

    /// Waits until a proxy that accepts also does what it should: it may have to read first what that is.
    pub async fn ready(&self, target: &Target) -> Result<()> {
        let end = Instant::now() + LIMIT;
        loop {
            let tried = async {
                let mut connections = self.connections(target, 1).await?;
                self.send(target, &mut connections, 1).await
            };
            match tried.await {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() > end => return Err(error),
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Sends a round's requests, or a part of them.
    pub async fn send(&self, target: &Target, connections: &mut [Http1], requests: usize) -> Result<()> {
        match self.load {
            Load::KeepAlive | Load::Down(_) | Load::Up(_) => {
                load::closed(target, connections, requests).await
            }
            Load::Anew { .. } => load::each_anew(target, CONNECTIONS, requests).await,
            Load::Http2(streams) => load::multiplexed(target, "/", false, (2, streams), requests).await,
            Load::Grpc(streams) => {
                load::multiplexed(target, "/bench.Echo/Call", true, (2, streams), requests).await
            }
            Load::WebSocket => load::echoes(target, CONNECTIONS, requests).await,
        }
    }

    /// Connections that stay, where the work has such.
    pub async fn connections(&self, target: &Target, count: usize) -> Result<Vec<Http1>> {
        let mut all = Vec::new();
        if matches!(self.load, Load::KeepAlive | Load::Down(_) | Load::Up(_)) {
            for _ in 0..count {
                all.push(Http1::connect(target).await?);
            }
        }
        Ok(all)
    }
}
