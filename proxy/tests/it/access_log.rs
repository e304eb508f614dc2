//! The access log.

use std::io::Read as _;

use weir_proxy::access_log::Format;

use crate::support::{
    Backend, Client, Documents, Fixture, Logged, Process, RawBackend, answer, get, lines_of, refusing, until,
};

const JSON: [&str; 2] = ["--access-log", "json"];

#[tokio::test]
async fn an_object_says_where_a_request_came_from_and_went() {
    let backend = Backend::start(|request| answer(request.body.clone())).await;
    let documents = Documents::default()
        .service("svc1-80", &[backend.address])
        .route("/", "svc1-80");
    let logged = Logged::new();
    let fixture = Fixture::with(&documents, |options| logged.log(options, Format::Json)).await;
    let mut client = fixture.client().await;
    let address = client.stream.local_addr().unwrap();
    let request = "PUT /a%20b?c=d HTTP/1.1\r\nHost: test.example:81\r\nAuthorization: secret\r\nContent-Length: 4\r\n\r\nbody";
    assert_eq!(client.ask(request).await.text(), "body");
    let object = logged.objects(1).await.remove(0);
    for (name, value) in [
        ("ClientAddr", address.to_string()),
        ("ClientHost", "127.0.0.1".into()),
        ("ClientPort", address.port().to_string()),
        ("RequestAddr", "test.example:81".into()),
        ("RequestHost", "test.example".into()),
        ("RequestPort", "81".into()),
        ("RequestMethod", "PUT".into()),
        ("RequestPath", "/a%20b?c=d".into()),
        ("RequestProtocol", "HTTP/1.1".into()),
        ("RequestScheme", "http".into()),
        ("RouterName", "apps-routes-1@kubernetescrd".into()),
        ("ServiceName", "apps-svc1-80@kubernetescrd".into()),
        ("ServiceAddr", backend.address.to_string()),
        ("ServiceURL", format!("http://{}", backend.address)),
        ("entryPointName", "web".into()),
    ] {
        assert_eq!(object[name], value, "{name}");
    }
    for (name, value) in [
        ("DownstreamStatus", 200),
        ("DownstreamContentSize", 4),
        ("OriginStatus", 200),
        ("OriginContentSize", 4),
        ("RequestContentSize", 4),
        ("RetryAttempts", 0),
    ] {
        assert_eq!(object[name], value, "{name}");
    }
    let nanos = |name: &str| object[name].as_u64().unwrap();
    assert_eq!(nanos("Duration"), nanos("OriginDuration") + nanos("Overhead"));
    assert!(nanos("Overhead") > 0 && nanos("OriginDuration") > nanos("Overhead") / 100);
    assert!(object["StartUTC"].as_str().unwrap().ends_with('Z'));
    assert!(object.get("FailureReason").is_none());
    assert!(!object.to_string().contains("secret"));
}

#[tokio::test]
async fn a_line_has_a_bounded_part_of_what_clients_make_long() {
    let backend = Backend::named("ok").await;
    let logged = Logged::new();
    let documents = Documents::one(backend.address);
    let fixture = Fixture::with(&documents, |options| logged.log(options, Format::Json)).await;
    let (host, path) = ("h".repeat(1_000), format!("/{}", "p".repeat(20_000)));
    let mut client = fixture.client().await;
    for target in [path.clone(), format!("{}?{}", &path[..5_000], &path[..20_000])] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(client.ask(request).await.text(), "ok");
    }
    for object in logged.objects(2).await {
        assert_eq!(object["RequestHost"], host[..512]);
        assert_eq!(object["RequestAddr"], host[..512]);
        let path = object["RequestPath"].as_str().unwrap();
        assert_eq!(path.len(), 8_192);
    }
    // what is passed on is whole
    assert_eq!(backend.received()[0].target, path);
    assert_eq!(backend.received()[0].header("host"), Some(host.as_str()));
}

#[tokio::test]
async fn who_was_answered_by_the_proxy_is_told_why() {
    let gone = refusing();
    let backend = Backend::named("ok").await;
    let documents = Documents::default()
        .service("gone", &[gone])
        .service("retried", &[gone, backend.address])
        .service("empty", &[])
        .route("/gone", "gone")
        .route("/retried", "retried")
        .route("/empty", "empty");
    let logged = Logged::new();
    let fixture = Fixture::with(&documents, |options| logged.log(options, Format::Json)).await;
    let mut client = fixture.client().await;
    for path in ["/gone", "/empty", "/nowhere", "/retried"] {
        client.get(path).await;
    }
    let objects = logged.objects(4).await;
    let told: Vec<_> = objects
        .iter()
        .map(|object| {
            (
                object["DownstreamStatus"].as_u64().unwrap(),
                object["FailureReason"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (502, Some("connect")),
            (503, Some("no_server")),
            (404, Some("no_route")),
            (200, None)
        ]
    );
    let [gone, empty, nowhere, retried] = &objects[..] else {
        panic!("{objects:?}");
    };
    assert_eq!(gone["ServiceName"], "apps-gone@kubernetescrd");
    assert!(gone.get("OriginStatus").is_none());
    assert_eq!(empty["RouterName"], "apps-routes-6@kubernetescrd");
    assert!(empty.get("ServiceName").is_none());
    assert!(nowhere.get("RouterName").is_none());
    assert_eq!(retried["ServiceAddr"], backend.address.to_string());
}

#[tokio::test]
async fn a_client_that_left_has_a_line_too() {
    let backend = RawBackend::start(|mut stream| async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut head = [0; 4096];
        let read = stream.read(&mut head).await.unwrap();
        if head[..read].starts_with(b"GET /half") {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
                .await;
        }
        while let Ok(1..) = stream.read(&mut head).await {}
    })
    .await;
    let logged = Logged::new();
    let documents = Documents::one(backend.address);
    let fixture = Fixture::with(&documents, |options| logged.log(options, Format::Json)).await;
    let mut client = fixture.client().await;
    client.send("GET /none HTTP/1.1\r\nHost: a\r\n\r\n").await;
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
    drop(client);
    assert_eq!(logged.objects(1).await[0]["DownstreamStatus"], 499);
    let mut client = fixture.client().await;
    client.send("GET /half HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut seen = Vec::new();
    while !seen.ends_with(b"half") {
        use tokio::io::AsyncReadExt as _;
        assert!(client.stream.read_buf(&mut seen).await.unwrap() > 0);
    }
    drop(client);
    let objects = logged.objects(2).await;
    assert_eq!(
        (
            &objects[1]["DownstreamStatus"],
            &objects[1]["DownstreamContentSize"]
        ),
        (&200.into(), &4.into())
    );
    assert!(
        objects
            .iter()
            .all(|object| object["FailureReason"] == "client_gone")
    );
}

#[tokio::test]
async fn a_line_of_the_common_format_has_traefiks_fields() {
    let backend = Backend::named("ok").await;
    let logged = Logged::new();
    let documents = Documents::one(backend.address);
    let fixture = Fixture::with(&documents, |options| logged.log(options, Format::Common)).await;
    fixture.get("/path?query").await;
    let line = logged.lines(1).await.remove(0);
    let (address, rest) = line.split_once(" - - [").unwrap();
    let (time, rest) = rest.split_once("] ").unwrap();
    assert_eq!(address, "127.0.0.1");
    assert!(time.ends_with(" +0000") && time.len() == 26, "{time}");
    let words: Vec<_> = rest.split(' ').collect();
    let url = format!("\"http://{}\"", backend.address);
    assert_eq!(
        [&words[..7], &words[8..10]].concat(),
        [
            "\"GET",
            "/path?query",
            "HTTP/1.1\"",
            "200",
            "2",
            "\"-\"",
            "\"-\"",
            "\"apps-routes-1@kubernetescrd\"",
            &url
        ]
    );
    assert!(words[7].parse::<u64>().unwrap() > 0);
    assert!(words[10].ends_with("ms") && words.len() == 11);
}

#[tokio::test]
async fn no_client_can_forge_a_line() {
    let backend = Backend::named("ok").await;
    let documents = Documents::one(backend.address);
    // each is one request, whatever becomes of it
    let requests: [&[u8]; 5] = [
        b"GET /\" 200 5 \"-\" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\"%0d%0a10.0.0.1?\"}{\"x\":\"y HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\\\" HTTP/1.1\r\nHost: a\",\"RouterName\":\"forged\r\n\r\n",
        b"GET /\xe2\x80\xa8\xc2\x9b1m HTTP/1.1\r\nHost: a\tb\r\n\r\n",
        b"X\"Y / HTTP/1.1\r\nHost: a\xff\r\n\r\n",
    ];
    for format in [Format::Json, Format::Common] {
        let logged = Logged::new();
        let fixture = Fixture::with(&documents, |options| logged.log(options, format)).await;
        for request in requests {
            let mut client = fixture.client().await;
            client.send(request).await;
            client.try_response(true).await;
        }
        // what hyper refuses before there is a request has no line
        let seen = async || {
            let text = get(fixture.admin, "/metrics").await.text().to_owned();
            let counts = text
                .lines()
                .filter(|line| line.starts_with("weir_responses_total"));
            counts
                .map(|line| line.rsplit_once(' ').unwrap().1.parse::<usize>().unwrap())
                .sum::<usize>()
        };
        let lines = logged.lines(seen().await).await;
        assert!(lines.len() >= 2, "{lines:?}");
        for line in lines {
            assert!(
                !line.chars().any(|c| c.is_control() || c == '\u{2028}'),
                "{line:?}"
            );
            if format == Format::Json {
                let object: serde_json::Value = serde_json::from_str(&line).unwrap();
                assert!(
                    object.get("x").is_none() && object["RouterName"] != "forged",
                    "{line}"
                );
            } else {
                let unescaped = line.replace("\\\\", "").replace("\\\"", "");
                assert_eq!(unescaped.matches('"').count(), 10, "{line}");
                assert_eq!(unescaped.split(' ').count(), 16, "{line}");
            }
        }
    }
}

#[tokio::test]
async fn queries_can_be_left_out() {
    let backend = Backend::named("ok").await;
    let logged = Logged::new();
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        logged.log(options, Format::Json);
        options.access_log.as_mut().unwrap().drop_query = true;
    })
    .await;
    fixture.get("/path?token=secret").await;
    assert_eq!(logged.objects(1).await[0]["RequestPath"], "/path");
}

#[tokio::test]
async fn requests_of_http2_and_of_all_workers_have_numbers_of_their_own() {
    let backend = Backend::named("ok").await;
    let logged = Logged::new();
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        logged.log(options, Format::Json);
    })
    .await;
    for _ in 0..20 {
        fixture.get("/").await;
    }
    let objects = logged.objects(20).await;
    let mut numbers: Vec<_> = objects
        .iter()
        .map(|object| object["RequestCount"].as_u64().unwrap())
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 20);
}

#[tokio::test]
async fn what_was_logged_last_is_written_before_the_end() {
    let backend = Backend::named("ok").await;
    let logged = Logged::new();
    let fixture = Fixture::with(&Documents::one(backend.address), |options| {
        logged.log(options, Format::Json);
    })
    .await;
    fixture.get("/").await;
    drop(fixture);
    assert_eq!(std::fs::read_to_string(logged.file()).unwrap().lines().count(), 1);
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_opened_anew_on_sigusr1() {
    let backend = Backend::named("ok").await;
    let (dir, logs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (file, moved) = (logs.path().join("access.log"), logs.path().join("access.log.1"));
    Documents::one(backend.address).write(dir.path());
    let arguments = [&JSON[..], &["--access-log-file", file.to_str().unwrap()]].concat();
    let process = Process::start(dir.path(), &arguments);
    until("readiness", async || {
        get(process.admin, "/readyz").await.status == 200
    })
    .await;
    get(process.web, "/before").await;
    lines_of(&file, 1).await;
    std::fs::rename(&file, &moved).unwrap();
    process.signal("USR1");
    until("the new file", async || file.exists()).await;
    get(process.web, "/after").await;
    assert!(lines_of(&file, 1).await[0].contains("\"/after\""));
    assert!(lines_of(&moved, 1).await[0].contains("\"/before\""));
}

#[tokio::test]
async fn standard_output_that_nobody_reads_holds_up_no_request() {
    let backend = Backend::named("ok").await;
    let dir = tempfile::tempdir().unwrap();
    Documents::one(backend.address).write(dir.path());
    let more = ["--threads", "1", "--drain-delay", "0s"];
    let (mut process, mut stdout) = Process::told(dir.path(), &[&JSON[..], &more].concat());
    until("readiness", async || {
        get(process.admin, "/readyz").await.status == 200
    })
    .await;
    let mut client = Client::connect(process.web).await;
    let dropped = async || {
        let metrics = get(process.admin, "/metrics").await;
        let line = metrics
            .text()
            .lines()
            .find_map(|line| line.strip_prefix("weir_access_log_dropped_total "));
        line.unwrap().parse::<u64>().unwrap()
    };
    let path = format!("/{}", "x".repeat(30_000));
    let mut asked = 0;
    while asked % 50 != 0 || asked == 0 || dropped().await == 0 {
        assert_eq!(client.get(&path).await.text(), "ok");
        asked += 1;
        assert!(asked < 10_000, "nothing is dropped");
    }
    // who reads again gets the lines that were kept, each of them whole
    let dropped = dropped().await;
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text
    });
    process.signal("TERM");
    assert_eq!(process.exit_code().await, Some(0));
    let text = reader.join().unwrap();
    assert_eq!(text.lines().count() as u64, asked - dropped);
    assert!(
        text.lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
    );
}

#[tokio::test]
async fn a_reader_that_never_reads_does_not_keep_the_process_from_ending() {
    let backend = Backend::named("ok").await;
    let dir = tempfile::tempdir().unwrap();
    Documents::one(backend.address).write(dir.path());
    let (mut process, _stdout) = Process::told(dir.path(), &[&JSON[..], &["--drain-delay", "0s"]].concat());
    until("readiness", async || {
        get(process.admin, "/readyz").await.status == 200
    })
    .await;
    let mut client = Client::connect(process.web).await;
    let path = format!("/{}", "x".repeat(30_000));
    for _ in 0..10 {
        client.get(&path).await;
    }
    drop(client);
    process.signal("TERM");
    assert_eq!(process.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_told_at_the_start() {
    let mut options = weir_proxy::app::Options::new(
        weir_proxy::config::Options::new("somewhere"),
        vec!["web=127.0.0.1:0".parse().unwrap()],
    );
    let logged = Logged::new();
    logged.log(&mut options, Format::Json);
    options.access_log.as_mut().unwrap().file = Some(logged.file().join("below-no-folder"));
    let error = weir_proxy::app::Proxy::bind(options).unwrap_err();
    assert!(error.to_string().contains("below-no-folder"), "{error}");
}
