//! Upstreams that break the rules: what the client gets, what is told about it, and that nobody else is concerned.

mod bodies;
mod connections;
mod heads;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
    time::sleep,
};
use tokio_rustls::TlsAcceptor;
use weir_model::duration::GoDuration;
use weir_proxy::access_log::Format;

use crate::support::{Client, Documents, Fixture, Logged, Response};

/// How an upstream answers what it is asked for under `/bad`.
#[derive(Clone, Copy)]
enum Answers {
    /// With these bytes, and then it waits.
    Stays(&'static [u8]),
    /// With these bytes, and then it closes.
    Closes(&'static [u8]),
    /// With these bytes, and then it breaks the connection.
    Resets(&'static [u8]),
    /// With these bytes, and others a moment later.
    Later(&'static [u8], &'static [u8]),
    /// With the first bytes, and the others without end.
    Endless(&'static [u8], &'static [u8]),
}
use Answers::{Closes, Endless, Later, Resets, Stays};

/// An upstream that answers `good` to everything but `/bad`.
struct Bad {
    address: SocketAddr,
    /// What each connection was asked for.
    asked: Arc<Mutex<Vec<Vec<String>>>>,
    task: JoinHandle<()>,
}

impl Bad {
    async fn start(answers: Answers, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn({
            let asked = asked.clone();
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let place = {
                        let mut asked: std::sync::MutexGuard<'_, Vec<Vec<String>>> = asked.lock().unwrap();
                        asked.push(Vec::new());
                        asked.len() - 1
                    };
                    let (asked, tls) = (asked.clone(), tls.clone());
                    tokio::spawn(async move {
                        let tell = |path| asked.lock().unwrap()[place].push(path);
                        match tls {
                            None => {
                                serve(stream, answers, tell, |stream| stream.set_zero_linger().unwrap())
                                    .await;
                            }
                            Some(tls) => {
                                if let Ok(stream) = tls.accept(stream).await {
                                    serve(stream, answers, tell, |_| {}).await;
                                }
                            }
                        }
                    });
                }
            }
        });
        Self { address, asked, task }
    }

    /// What was asked for, by connection.
    fn asked(&self) -> Vec<Vec<String>> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Bad {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    answers: Answers,
    tell: impl Fn(String),
    will_reset: impl Fn(&S),
) {
    let mut seen = Vec::new();
    loop {
        while !seen.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
            if !matches!(stream.read_buf(&mut seen).await, Ok(1..)) {
                return;
            }
        }
        let head = String::from_utf8(std::mem::take(&mut seen)).unwrap();
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let bad = path == "/bad";
        tell(path);
        if !bad {
            let good = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";
            if stream.write_all(good).await.is_err() {
                return;
            }
            continue;
        }
        let (Stays(first) | Closes(first) | Resets(first) | Later(first, _) | Endless(first, _)) = answers;
        let mut written = stream.write_all(first).await;
        match answers {
            Stays(_) => {}
            Closes(_) => return,
            Resets(_) => {
                // when the first bytes have arrived
                sleep(Duration::from_millis(20)).await;
                return will_reset(&stream);
            }
            Later(_, then) => {
                sleep(Duration::from_millis(20)).await;
                written = stream.write_all(then).await;
            }
            Endless(_, then) => {
                let many = then.repeat(100);
                while written.is_ok() {
                    written = stream.write_all(&many).await;
                }
            }
        }
        if written.is_err() {
            return;
        }
    }
}

/// What a client gets: a status, and whether its answer is whole.
type Got = (u16, bool);

/// What an answer of the proxy's own looks like.
const REFUSED: bool = true;
/// What an answer looks like that breaks off.
const BROKEN: bool = false;

struct Case {
    name: &'static str,
    answers: Answers,
    request: &'static str,
    got: Got,
    /// What metric and log say; none: nothing went wrong.
    reason: Option<&'static str>,
    body: Option<&'static str>,
}

const fn case(name: &'static str, answers: Answers, got: Got, reason: Option<&'static str>) -> Case {
    Case {
        name,
        answers,
        request: "GET /bad HTTP/1.1\r\nHost: a\r\n\r\n",
        got,
        reason,
        body: None,
    }
}

impl Case {
    const fn with(self, body: &'static str) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    const fn head(self) -> Self {
        Self {
            request: "HEAD /bad HTTP/1.1\r\nHost: a\r\n\r\n",
            ..self
        }
    }

    /// None: the connection ended before a head came.
    async fn ask(&self, client: &mut Client) -> Option<Response> {
        client.send(self.request).await;
        client.try_response(!self.request.starts_with("HEAD")).await
    }

    /// Runs it: the bad answer, then good ones; the connection of the bad one serves nobody else.
    async fn run(&self) {
        let backend = Bad::start(self.answers, None).await;
        let documents = Documents::one(backend.address).transport("main", |transport| {
            transport.response_header_timeout = GoDuration::from_millis(300);
        });
        self.meet(&backend, &documents).await;
    }

    async fn meet(&self, backend: &Bad, documents: &Documents) {
        let name = self.name;
        let logged = Logged::new();
        let fixture = Fixture::with(documents, |options| {
            options.threads = 1;
            logged.log(options, Format::Json);
        })
        .await;
        let mut bystander = fixture.client().await;
        let mut client = fixture.client().await;
        match self.ask(&mut client).await {
            Some(response) => {
                assert_eq!((response.status, response.complete), self.got, "{name}");
                if let Some(body) = self.body {
                    assert_eq!(String::from_utf8_lossy(&response.body), body, "{name}");
                }
                // the same client, where its connection lives on
                if response.complete && response.header("connection") != Some("close") {
                    assert_eq!(client.get("/good").await.text(), "good", "{name}");
                }
            }
            // what broke off at once may have kept the head from going out
            None => assert_eq!(self.got.1, BROKEN, "{name}"),
        }
        for _ in 0..3 {
            assert_eq!(bystander.get("/good").await.text(), "good", "{name}");
        }
        for connection in backend.asked() {
            let bad = connection.iter().position(|path| path == "/bad");
            assert!(
                bad.is_none_or(|bad| bad + 1 == connection.len()),
                "{name}: {connection:?}"
            );
        }
        if let Some(reason) = self.reason {
            let metric = format!("weir_failures_total{{reason=\"{reason}\"}}");
            fixture.metric_becomes(&metric, 1.0).await;
        }
        let file = logged.file();
        let line = || {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let bad = text.lines().find(|line| line.contains("\"/bad\""));
            bad.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        };
        crate::support::until("the line", async || line().is_some()).await;
        let line = line().unwrap();
        assert_eq!(line["FailureReason"].as_str(), self.reason, "{name}");
        assert_eq!(line["DownstreamStatus"], self.got.0, "{name}");
    }
}

async fn run(cases: impl IntoIterator<Item = Case>) {
    for case in cases {
        case.run().await;
    }
}
