//! Upstreams that break the rules: what the client gets, what is told about it, and that nobody else is concerned.

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
use weir_model::{document::Scheme, duration::GoDuration};
use weir_proxy::access_log::Format;

use crate::support::{Authority, Client, Documents, Fixture, Logged, RawBackend, Response, secret_id};

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

#[tokio::test]
async fn what_is_no_http_is_500() {
    let malformed = Some("malformed");
    let refused = (500, REFUSED);
    run([
        case(
            "another protocol",
            Stays(b"220 mail.example ESMTP\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "an alert of TLS",
            Stays(b"\x15\x03\x03\x00\x02\x02\x46"),
            refused,
            malformed,
        ),
        case("zeros", Stays(&[0; 64]), refused, malformed),
        case(
            "HTTP/2",
            Stays(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
            refused,
            malformed,
        ),
        case(
            "a version of the future",
            Stays(b"HTTP/3.0 200 OK\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "a status of two digits",
            Stays(b"HTTP/1.1 99 OK\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "a status of four digits",
            Stays(b"HTTP/1.1 2000 OK\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "a status below 100",
            Stays(b"HTTP/1.1 099 OK\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "a status in words",
            Stays(b"HTTP/1.1 abc OK\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "nothing, and the end",
            Closes(b""),
            (502, REFUSED),
            Some("closed"),
        ),
        case(
            "half a head, and the end",
            Closes(b"HTTP/1.1 200"),
            (502, REFUSED),
            Some("closed"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn headers_that_could_split_an_answer_are_500() {
    let malformed = Some("malformed");
    let refused = (500, REFUSED);
    run([
        case(
            "CR in a value",
            Stays(b"HTTP/1.1 200 OK\r\nA: b\rSet-Cookie: c=d\r\nContent-Length: 0\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "NUL in a value",
            Stays(b"HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "a folded value",
            Stays(b"HTTP/1.1 200 OK\r\nA: b\r\n c: d\r\nContent-Length: 0\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "a space before the colon",
            Stays(b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "a line without a colon",
            Stays(b"HTTP/1.1 200 OK\r\nSet-Cookie\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "two lengths",
            Stays(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
            refused,
            malformed,
        ),
        case(
            "a negative length",
            Stays(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
            refused,
            malformed,
        ),
        case(
            "a length with a sign",
            Stays(b"HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\nbody"),
            refused,
            malformed,
        ),
        case(
            "a length beyond numbers",
            Stays(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"),
            refused,
            malformed,
        ),
    ])
    .await;
}

#[tokio::test]
async fn heads_have_bounds() {
    let malformed = Some("malformed");
    run([
        case(
            "an endless head",
            Endless(b"HTTP/1.1 200 OK\r\n", b"A: bbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n"),
            (500, REFUSED),
            malformed,
        ),
        case(
            "an endless header",
            Endless(b"HTTP/1.1 200 OK\r\nA: ", b"bbbbbbbbbbbbbbbbbbbbbbbbbbbb"),
            (500, REFUSED),
            malformed,
        ),
        case(
            "an endless first line",
            Endless(b"HTTP/1.1 200 ", b"OK OK OK OK OK OK OK OK OK OK"),
            (500, REFUSED),
            malformed,
        ),
        case(
            "answers before the answer without end",
            Endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
            (504, REFUSED),
            Some("response_timeout"),
        ),
    ])
    .await;
    let many: &'static str = Box::leak(format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(101)).into());
    case(
        "too many headers",
        Stays(many.as_bytes()),
        (500, REFUSED),
        malformed,
    )
    .run()
    .await;
}

#[tokio::test]
async fn who_is_slow_is_waited_for_as_long_as_was_said() {
    let late = Some("response_timeout");
    run([
        case("silence", Stays(b""), (504, REFUSED), late),
        case(
            "half a head",
            Stays(b"HTTP/1.1 200 OK\r\nA: "),
            (504, REFUSED),
            late,
        ),
        case(
            "100 and no more",
            Stays(b"HTTP/1.1 100 Continue\r\n\r\n"),
            (504, REFUSED),
            late,
        ),
    ])
    .await;
    // nothing was said
    let backend = Bad::start(
        Later(b"HTTP/1.1 200 OK\r\n", b"Content-Length: 4\r\n\r\nlate"),
        None,
    )
    .await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| options.threads = 1).await;
    let mut client = fixture.client().await;
    client.send("GET /bad HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(fixture.get("/good").await.text(), "good");
    assert_eq!(client.response().await.text(), "late");
}

#[tokio::test]
async fn a_body_that_breaks_off_breaks_the_clients_connection() {
    let broke = Some("response_body");
    run([
        case(
            "a reset",
            Resets(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart"),
            (200, BROKEN),
            broke,
        )
        .with("part"),
        case(
            "fewer bytes",
            Closes(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart"),
            (200, BROKEN),
            broke,
        )
        .with("part"),
        case(
            "no last chunk",
            Closes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"),
            (200, BROKEN),
            broke,
        )
        .with("part"),
        case(
            "half a chunk",
            Closes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\npart"),
            (200, BROKEN),
            broke,
        )
        .with("part"),
        case(
            "a chunk without a size",
            Stays(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\nzz\r\n"),
            (200, BROKEN),
            broke,
        ),
        case(
            "a chunk that is too large to be true",
            Stays(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
            (200, BROKEN),
            broke,
        ),
        case(
            "a chunk that goes on",
            Stays(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npartmore\r\n"),
            (200, BROKEN),
            broke,
        ),
    ])
    .await;
}

#[tokio::test]
async fn bytes_after_an_answer_reach_nobody() {
    let twice = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none";
    let evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let at_once: &'static [u8] = Box::leak([&twice[..], evil].concat().into());
    run([
        case("more bytes than announced", Stays(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nonemore"), (200, true), None).with("one"),
        case("two answers at once", Stays(at_once), (200, true), None).with("one"),
        case("after the last chunk", Stays(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), (200, true), None).with("one"),
        case("a body of 204", Stays(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), (204, true), None),
        case("a length of 204", Stays(b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil"), (204, true), None),
        case("a body of 304", Stays(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil"), (304, true), None),
        case("a body after HEAD", Stays(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), (200, true), None).head(),
        case("chunks after HEAD", Stays(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n"), (200, true), None).head(),
    ])
    .await;
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_nobodys() {
    let backend = Bad::start(
        Later(
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none",
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        ),
        None,
    )
    .await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| options.threads = 1).await;
    let mut client = fixture.client().await;
    assert_eq!(client.get("/bad").await.text(), "one");
    // it comes while the connection waits
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
    assert_eq!(client.get("/good").await.text(), "good");
    assert_eq!(backend.asked(), [["/bad"], ["/good"]]);
}

#[tokio::test]
async fn chunks_count_where_there_is_a_length_as_well() {
    let both = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n";
    let backend = Bad::start(Stays(both), None).await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| options.threads = 1).await;
    let mut client = fixture.client().await;
    let response = client.get("/bad").await;
    assert_eq!((response.status, response.header("content-length")), (200, None));
    assert_eq!((response.text(), response.complete), ("0123456789", true));
    assert_eq!(client.get("/good").await.text(), "good");
}

#[tokio::test]
async fn tls_that_does_not_hold_is_500() {
    let (authority, other) = (Authority::new(), Authority::new());
    let certified = authority.sign(&["127.0.0.1"]);
    let acceptor = TlsAcceptor::from(certified.server(&[], None));
    let secured = |address: SocketAddr, believed: &Authority| {
        Documents::default()
            .service_with("main", &[address], |leaf| leaf.scheme = Scheme::Https)
            .secret("ca", believed.root())
            .transport("main", |transport| transport.root_cas = vec![secret_id("ca")])
            .route("/", "main")
    };
    let tls = (500, Some("tls"));
    let good = Stays(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
    for (name, acceptor, believed, (status, reason)) in [
        ("a certificate of somebody else", Some(&acceptor), &other, tls),
        ("all right", Some(&acceptor), &authority, (200, None)),
    ] {
        let backend = Bad::start(good, acceptor.cloned()).await;
        let logged = Logged::new();
        let fixture = Fixture::with(&secured(backend.address, believed), |options| {
            logged.log(options, Format::Json);
        })
        .await;
        assert_eq!(fixture.get("/bad").await.status, status, "{name}");
        let line = logged.objects(1).await.remove(0);
        assert_eq!(line["FailureReason"].as_str(), reason, "{name}");
        assert_eq!(
            backend.asked().iter().flatten().count(),
            usize::from(status == 200),
            "{name}"
        );
        if let Some(reason) = reason {
            let metric = format!("weir_failures_total{{reason=\"{reason}\"}}");
            fixture.metric_becomes(&metric, 1.0).await;
        }
    }
    let plain = RawBackend::start(|mut stream| async move {
        // not HTTP either, to this one
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            .await;
    })
    .await;
    let logged = Logged::new();
    let fixture = Fixture::with(&secured(plain.address, &authority), |options| {
        logged.log(options, Format::Json);
    })
    .await;
    assert_eq!(fixture.get("/bad").await.status, 500);
    assert_eq!(logged.objects(1).await[0]["FailureReason"], "tls");
    fixture
        .metric_becomes("weir_failures_total{reason=\"tls\"}", 1.0)
        .await;
    // over TLS, an answer that breaks off is one as well
    let backend = Bad::start(
        Closes(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart"),
        Some(acceptor),
    )
    .await;
    let documents = secured(backend.address, &authority);
    case(
        "an end inside of TLS",
        Stays(b""),
        (200, BROKEN),
        Some("response_body"),
    )
    .meet(&backend, &documents)
    .await;
}

#[tokio::test]
async fn a_flood_of_bad_answers_leaves_nothing_behind() {
    let backend = Bad::start(
        Resets(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart"),
        None,
    )
    .await;
    let fixture = Fixture::with(&Documents::one(backend.address), |options| options.threads = 1).await;
    let clients: Vec<_> = (0..50)
        .map(|_| {
            let web = fixture.web;
            tokio::spawn(async move {
                let response = Client::connect(web).await.get("/bad").await;
                assert_eq!((response.status, response.complete), (200, false));
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(fixture.get("/good").await.text(), "good");
    fixture
        .metric_becomes("weir_failures_total{reason=\"response_body\"}", 50.0)
        .await;
    // the good one's
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
}
