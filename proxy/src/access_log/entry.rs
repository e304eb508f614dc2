//! What is known of a request, for its line.

use std::{
    cell::RefCell,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{Request, Version, header::HOST};

use crate::{
    error::Failure,
    state::{Endpoint, Leaf},
};

/// Bytes of a host and of a path that are logged: honest ones have fewer, and lines are bounded by that.
const MOST_OF_HOST: usize = 512;
const MOST_OF_PATH: usize = 8192;

/// What is known of a request and its client from the head on.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) client: SocketAddr,
    pub(super) count: u64,
    pub(super) host: String,
    pub(super) method: String,
    /// With the query, where that is logged.
    pub(super) path: String,
    pub(super) version: Version,
    pub(super) started: SystemTime,
    pub(super) way: RefCell<Way>,
}

/// Where it went.
#[derive(Debug, Default)]
pub(super) struct Way {
    pub(super) router: Option<Arc<str>>,
    pub(super) service: Option<Arc<str>>,
    pub(super) scheme: &'static str,
    pub(super) address: String,
    /// How often it was sent.
    pub(super) attempts: u32,
    /// When it was sent first, after the head had come.
    pub(super) sent_after: Option<Duration>,
    pub(super) failure: Option<Failure>,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome<'a> {
    pub(crate) entry_point: &'a str,
    pub(crate) secure: bool,
    /// Of the response, as the client has it.
    pub(crate) status: u16,
    /// Whether an upstream gave it.
    pub(crate) answered: bool,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) took: Duration,
}

impl Entry {
    /// Of a request as it came.
    pub(crate) fn new<B>(
        client: (IpAddr, u16),
        count: u64,
        request: &Request<B>,
        drop_query: bool,
    ) -> Box<Self> {
        let uri = request.uri();
        let host = match (request.headers().get(HOST), uri.authority()) {
            (Some(host), _) => host.as_bytes(),
            (None, Some(authority)) => authority.as_str().as_bytes(),
            (None, None) => b"",
        };
        // a user's name and password are nobody's business
        let host = host.rsplit(|byte| *byte == b'@').next().unwrap_or_default();
        let host = String::from_utf8_lossy(&host[..host.len().min(MOST_OF_HOST)]).into_owned();
        let mut path = match uri.query() {
            Some(query) if !drop_query => format!("{}?{query}", uri.path()),
            _ => uri.path().to_owned(),
        };
        path.truncate(path.floor_char_boundary(MOST_OF_PATH));
        Box::new(Self {
            client: client.into(),
            count,
            host,
            method: request.method().as_str().to_owned(),
            path,
            version: request.version(),
            started: SystemTime::now(),
            way: RefCell::default(),
        })
    }

    /// A route was found.
    pub(crate) fn routed(&self, router: &Arc<str>) {
        self.way.borrow_mut().router = Some(router.clone());
    }

    /// It is sent to an endpoint, so long after its head.
    pub(crate) fn goes_to(&self, leaf: &Leaf, endpoint: &Endpoint, after: Duration) {
        let mut way = self.way.borrow_mut();
        way.service = Some(leaf.label.clone());
        way.scheme = leaf.scheme.as_str();
        way.address = endpoint.address.to_string();
        way.attempts += 1;
        way.sent_after.get_or_insert(after);
    }

    /// Something went wrong.
    pub(crate) fn failed(&self, failure: Failure) {
        self.way.borrow_mut().failure.get_or_insert(failure);
    }
}

/// As Go names versions.
pub(super) fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}
