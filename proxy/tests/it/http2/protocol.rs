//! How it comes to be spoken.

use std::process::Command;

use http::Version;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use weir_model::document::Scheme;

use crate::support::{
    Authority, Backend, Client, Documents, Fixture, Speaks, answer,
    http2::{Http2, post},
    secure,
};

use super::{HOST, PREFACE, SETTINGS, SHORT, over_tls, secured};

#[tokio::test]
async fn over_tls_it_is_agreed_upon() {
    let backend = Backend::start(|request| answer(request.body.clone())).await;
    let (fixture, authority) = secured(backend.address, |_| {}).await;
    let mut client = over_tls(&fixture, &authority).await;
    for body in ["first", "second"] {
        let answer = client.ask(post("/a?b=c", body)).await;
        assert_eq!((answer.status, answer.text()), (200, body));
    }
    assert_eq!(client.get("/").await.text(), "");
    let received = backend.received();
    assert_eq!(received[0].version, Version::HTTP_11);
    assert_eq!(received[0].target, "/a?b=c");
    assert_eq!(received[0].header("host"), Some("test.example"));
    assert_eq!(received[0].header("x-forwarded-proto"), Some("https"));
    assert_eq!(received[0].header("x-forwarded-host"), Some("test.example"));
    assert_eq!(received[2].header("transfer-encoding"), None);
    assert_eq!(backend.connections(), 1);
    // who only offers the other one gets it
    let config = authority.client(&["http/1.1"]);
    let stream = secure(fixture.web, HOST, &config).await.unwrap();
    assert_eq!(Client::over(stream).get("/").await.status, 200);
}

#[tokio::test]
async fn without_tls_who_knows_that_it_is_spoken_speaks_it() {
    let backend = Backend::start(|request| answer(request.body.clone())).await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = Http2::connect(fixture.web).await;
    for body in ["first", "second"] {
        assert_eq!(client.ask(post("/", body)).await.text(), body);
    }
    assert_eq!(backend.received()[0].header("x-forwarded-proto"), Some("http"));
    // and all others what they spoke before, whatever the pieces that it comes in
    for (first, rest) in [
        ("P", "OST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"),
        (
            "PR",
            "OPFIND / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
        ),
        ("PUT ", "/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"),
    ] {
        let mut client = fixture.client().await;
        client.send(first).await;
        tokio::time::sleep(SHORT / 5).await;
        let response = client.ask(rest).await;
        assert_eq!((response.status, response.text()), (200, "hi"), "{first}");
        assert_eq!(client.get("/").await.status, 200);
    }
}

#[tokio::test]
async fn a_preface_in_pieces_is_one() {
    let backend = Backend::named("ok").await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut stream = TcpStream::connect(fixture.web).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in PREFACE.chunks(5) {
        stream.write_all(piece).await.unwrap();
        tokio::time::sleep(SHORT / 10).await;
    }
    stream.write_all(SETTINGS).await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "SETTINGS");
    // nearly one
    let mut other = fixture.client().await;
    let response = other.ask("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").await;
    assert_eq!(response.status, 400);
}

#[tokio::test]
async fn it_is_the_same_on_both_sides() {
    let authority = Authority::new();
    let speaks = Speaks::Tls(authority.sign(&["127.0.0.1"]).server(&["h2"], None));
    let backend = Backend::speaking(speaks, |request| answer(request.body.clone())).await;
    let documents = Documents::default()
        .service_with("main", &[backend.address], |leaf| leaf.scheme = Scheme::Https)
        .secret("ca", authority.root())
        .transport("main", |transport| {
            transport.root_cas = vec![crate::support::secret_id("ca")];
        })
        .route("/", "main");
    let fixture = Fixture::start(&documents).await;
    let client = Http2::connect(fixture.web).await;
    let asking: Vec<_> = (0..50)
        .map(|number| {
            let mut client = client.clone();
            tokio::spawn(async move {
                let body = format!("body {number}");
                client.ask(post("/", body.clone())).await.text() == body
            })
        })
        .collect();
    for same in asking {
        assert!(same.await.unwrap());
    }
}

/// Where there is curl.
#[tokio::test]
async fn curl_speaks_it_with_and_without_tls() {
    let backend = Backend::named("ok").await;
    let (secured, authority) = secured(backend.address, |_| {}).await;
    let plain = Fixture::start(&Documents::one(backend.address)).await;
    let root = secured.dir.path().join("root.pem");
    std::fs::write(&root, &authority.pem).unwrap();
    let port = secured.web.port();
    let with_tls = [
        "--http2".to_owned(),
        "--cacert".to_owned(),
        root.display().to_string(),
        "--resolve".to_owned(),
        format!("{HOST}:{port}:127.0.0.1"),
        format!("https://{HOST}:{port}/"),
    ];
    let without = [
        "--http2-prior-knowledge".to_owned(),
        format!("http://{}/", plain.web),
    ];
    for arguments in [&with_tls[..], &without] {
        let arguments = arguments.to_vec();
        let ran = tokio::task::spawn_blocking(|| {
            Command::new("curl")
                .args([
                    "--silent",
                    "--show-error",
                    "--max-time",
                    "20",
                    "--write-out",
                    " %{http_version} %{http_code}",
                ])
                .args(arguments)
                .output()
        });
        let Ok(output) = ran.await.unwrap() else {
            return;
        };
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "ok 2 200", "{error}");
    }
}
