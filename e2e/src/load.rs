//! Load over keep-alive connections, each answer checked.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    net::SocketAddr,
    time::Duration,
};

use anyhow::Result;
use bytes::Bytes;
use futures::future::{join, join_all};
use http_body_util::Full;
use hyper::{Method, Request, StatusCode, client::conn::http1::SendRequest};
use tokio::time;

use crate::http;

/// Longer than the proxy's own limits for a backend that does not answer.
const LIMIT: Duration = Duration::from_secs(10);
/// Of failures only the first few are worth reading.
const SHOWN: usize = 5;

/// Connections to one address, kept open as long as this value lives.
#[derive(Debug)]
pub struct Load {
    address: SocketAddr,
    target: Target,
    connections: Vec<SendRequest<Full<Bytes>>>,
    /// From an answer to the next request of the same connection.
    pause: Duration,
    /// Whether connections may be closed after an answer or while they are not used.
    reconnect: bool,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Target {
    /// The `Host` header.
    pub host: String,
    /// The path, to which `/TAG/NUMBER` is added.
    pub path: String,
}

/// What came back.
#[derive(Debug, Default)]
pub struct Answers {
    /// Requests by the backend whose name the answer says.
    pub by_backend: BTreeMap<String, u64>,
    /// Requests without a good answer, and connections that were closed.
    pub failed: u64,
    /// What the first failures were.
    pub failures: Vec<String>,
    /// Connections that ended with an answer, where that may be; a good server says so in the answer.
    pub ended: u64,
    /// Connections that were closed while they were not used, where that may be.
    pub left: u64,
}

impl Answers {
    /// Requests with a good answer.
    pub fn good(&self) -> u64 {
        self.by_backend.values().sum()
    }

    fn fail(&mut self, what: String) {
        self.failed += 1;
        if self.failures.len() < SHOWN {
            self.failures.push(what);
        }
    }
}

impl Load {
    /// Opens `connections` connections.
    pub async fn connect(address: SocketAddr, target: Target, connections: usize) -> Result<Self> {
        let mut load = Self {
            address,
            target,
            connections: Vec::with_capacity(connections),
            pause: Duration::ZERO,
            reconnect: false,
        };
        for _ in 0..connections {
            load.connections.push(http::connect(address).await?);
        }
        Ok(load)
    }

    /// Waits so long after each answer. Without, it sends as fast as it can, and takes what others need to work.
    pub fn set_pause(&mut self, pause: Duration) {
        self.pause = pause;
    }

    /// Opens a new connection where one was closed after an answer or later, as clients do. Without, that is a failure.
    /// A request that was sent and not answered is one in any case.
    pub fn reconnect(&mut self) {
        self.reconnect = true;
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Sends exactly `requests` requests.
    pub async fn send(&mut self, tag: &str, requests: u64) -> Answers {
        self.send_while(tag, |number| number < requests).await
    }

    /// Sends requests until `work` is done.
    pub async fn send_during<T>(&mut self, tag: &str, work: impl Future<Output = T>) -> (T, Answers) {
        let working = Cell::new(true);
        let work = async {
            let result = work.await;
            working.set(false);
            result
        };
        join(work, self.send_while(tag, |_| working.get())).await
    }

    /// Each connection takes the next number as soon as it has its answer, while `more` agrees.
    async fn send_while(&mut self, tag: &str, more: impl Fn(u64) -> bool) -> Answers {
        let Self {
            address,
            target,
            connections,
            pause,
            reconnect,
        } = self;
        let (address, target, pause, reconnect): (_, &Target, _, _) = (*address, target, *pause, *reconnect);
        let (next, answers) = (Cell::new(0), RefCell::new(Answers::default()));
        join_all(connections.iter_mut().map(|connection| async {
            while more(next.get()) {
                if reconnect && connection.ready().await.is_err() {
                    answers.borrow_mut().left += 1;
                    match http::connect(address).await {
                        Ok(new) => *connection = new,
                        Err(error) => return answers.borrow_mut().fail(format!("{error:#}")),
                    }
                }
                let number = next.replace(next.get() + 1);
                let result = ask(connection, target, tag, number).await;
                let broken = result.is_err() || (connection.is_closed() && !reconnect);
                match result {
                    Ok(backend) => *answers.borrow_mut().by_backend.entry(backend).or_default() += 1,
                    Err(failure) => answers.borrow_mut().fail(failure),
                }
                if broken {
                    let failure = "the connection was not kept open".to_owned();
                    answers.borrow_mut().fail(failure);
                }
                // a connection that closes after its answer is neither ready nor closed for a moment
                let ended = !broken && reconnect && connection.ready().await.is_err();
                if ended {
                    answers.borrow_mut().ended += 1;
                }
                if broken || ended {
                    match http::connect(address).await {
                        Ok(new) => *connection = new,
                        Err(error) => return answers.borrow_mut().fail(format!("{error:#}")),
                    }
                }
                if !pause.is_zero() {
                    time::sleep(pause).await;
                }
            }
        }))
        .await;
        answers.into_inner()
    }
}

/// Sends request `number`, every other one with a body, and returns which backend answered.
async fn ask(
    connection: &mut SendRequest<Full<Bytes>>,
    target: &Target,
    tag: &str,
    number: u64,
) -> Result<String, String> {
    let (method, body) = if number.is_multiple_of(2) {
        (Method::GET, Full::default())
    } else {
        (Method::POST, Full::from(number.to_string()))
    };
    let what = format!("{method} {number}");
    let request = Request::builder()
        .method(method)
        .uri(format!("{}/{tag}/{number}", target.path))
        .header("host", &target.host)
        .body(body)
        .map_err(|error| error.to_string())?;
    let answer = time::timeout(LIMIT, http::exchange(connection, request)).await;
    match answer {
        Err(_) => Err(format!("{what}: no answer within {LIMIT:?}")),
        Ok(Err(error)) => Err(format!(
            "{what}: {error}: {:?}",
            std::error::Error::source(&error)
        )),
        Ok(Ok((StatusCode::OK, body))) => Ok(name(&String::from_utf8_lossy(&body))),
        Ok(Ok((status, body))) => Err(format!(
            "{what}: {status}: {}",
            String::from_utf8_lossy(&body).trim_end()
        )),
    }
}

/// What a backend calls itself: its whole answer, or what whoami says before it tells about the request.
fn name(answer: &str) -> String {
    let first = answer.lines().next().unwrap_or_default();
    first
        .strip_prefix("Name: ")
        .unwrap_or(answer)
        .trim_end()
        .to_owned()
}
