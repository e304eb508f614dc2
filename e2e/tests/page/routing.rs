//! Rules, compiled from their text, against requests as odd as they come: bytes on a socket.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    backend::Backend,
    places::plain_service,
    stage::{Scene, Stage},
};

/// Routes to a service each, named by letters: `a` for the first.
async fn routes(rules: &[(&str, i64)], backends: &[Backend]) -> Stage {
    let mut manifests = "\
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: rules, namespace: apps}
spec:
  entryPoints: [web]
  routes:
"
    .to_owned();
    let name = |index: usize| char::from(b'a' + u8::try_from(index).unwrap());
    for (index, (rule, priority)) in rules.iter().enumerate() {
        let rule = rule.replace('\'', "''");
        let name = name(index);
        let route =
            format!("{{match: '{rule}', priority: {priority}, services: [{{name: {name}, port: 80}}]}}");
        manifests = manifests + "    - " + &route + "\n";
    }
    manifests += "---\n";
    for index in 0..rules.len() {
        manifests += &plain_service(&name(index).to_string());
    }
    let mut scene = Scene::new(&manifests);
    for (index, backend) in backends.iter().enumerate().take(rules.len()) {
        scene = scene.backend(&format!("apps/{}", name(index)), backend);
    }
    scene.open().await
}

async fn backends(count: u8) -> Vec<Backend> {
    let mut backends = Vec::new();
    for index in 0..count {
        backends.push(Backend::start(&char::from(b'a' + index).to_string()).await);
    }
    backends
}

/// Sends a head as it is; who answered, else the status.
async fn ask(address: SocketAddr, head: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head).await.unwrap();
    stream.write_all(b"Connection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200") => body.to_owned(),
        status => status.unwrap_or("nothing").to_owned(),
    }
}

async fn get(stage: &Stage, target: &str) -> String {
    ask(
        stage.web,
        format!("GET {target} HTTP/1.1\r\nHost: example.com\r\n").as_bytes(),
    )
    .await
}

/// Sends each target, and compares who answered.
async fn targets(stage: &Stage, expected: &[(&str, &str)]) {
    for (target, who) in expected {
        assert_eq!(get(stage, target).await, *who, "{target}");
    }
}

#[tokio::test]
async fn hosts_are_compared_without_port_case_and_a_dot_at_the_end() {
    let backends = backends(5).await;
    let rules = [
        ("Host(`a.example`)", 9),
        ("Host(`*.b.example`)", 8),
        ("HostRegexp(`^c[0-9]+\\.example$`)", 7),
        ("Host(`192.0.2.1`) || Host(`2001:db8::1`)", 6),
        ("Host(`E.example.`)", 5),
    ];
    let stage = routes(&rules, &backends).await;
    for (host, who) in [
        ("a.example", "a"),
        ("A.EXAMPLE", "a"),
        ("a.example:8080", "a"),
        ("a.example.", "a"),
        ("A.example.:80", "a"),
        ("a.example:", "a"),
        ("a.example..", "404"),
        ("x.a.example", "404"),
        ("x.b.example", "b"),
        ("X.B.example:1", "b"),
        ("b.example", "404"),
        ("x.y.b.example", "404"),
        (".b.example", "404"),
        ("c12.example", "c"),
        ("C12.EXAMPLE.", "c"),
        ("xc12.example", "404"),
        ("192.0.2.1", "d"),
        ("192.0.2.1:80", "d"),
        ("[2001:db8::1]", "d"),
        ("[2001:DB8::1]:443", "d"),
        ("[2001:db8::2]:443", "404"),
        ("e.example", "e"),
        ("e.example.", "e"),
        ("", "404"),
        ("a.example/x", "400"),
        ("a example", "400"),
        ("a\u{e9}.example", "400"),
    ] {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n");
        assert_eq!(ask(stage.web, head.as_bytes()).await, who, "{host:?}");
    }
    // the target's host counts, not the header's
    let absolute = b"GET http://a.example/ HTTP/1.1\r\nHost: x.b.example\r\n";
    assert_eq!(ask(stage.web, absolute).await, "a");
    for head in [
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n",
    ] {
        assert_eq!(ask(stage.web, head.as_bytes()).await, "400", "{head:?}");
    }
}

#[tokio::test]
async fn paths_have_one_spelling_for_rules_and_for_who_serves_them() {
    let backends = backends(6).await;
    let rules = [
        ("Path(`/admin`)", 90),
        ("PathPrefix(`/public`)", 80),
        ("Path(`/a b`)", 70),
        ("PathRegexp(`^/[0-9]+/?$`)", 60),
        ("Path(`/x%2Fy`)", 50),
        ("PathPrefix(`/x/`)", 40),
    ];
    let stage = routes(&rules, &backends).await;
    targets(
        &stage,
        &[
            ("/admin", "a"),
            ("/admin/", "404"),
            ("/Admin", "404"),
            ("/%61dmin", "a"),
            ("/%61%64%6d%69%6E", "a"),
            ("//admin", "a"),
            ("/./admin", "a"),
            ("/public/../admin", "a"),
            ("/public/%2e%2e/admin", "a"),
            ("/public/%2E./admin", "a"),
            ("/public//..//admin", "a"),
            ("/../../admin", "a"),
            ("/admin?x=/public", "a"),
            ("/public", "b"),
            ("/public/..%2fadmin", "b"),
            ("/public%2f..%2fadmin", "b"),
            ("/publicity", "b"),
            ("/Public", "404"),
            ("/a%20b", "c"),
            ("/a+b", "404"),
            ("/a%2520b", "404"),
            ("/12", "d"),
            ("/12/", "d"),
            ("/1%32", "d"),
            ("/12/3", "404"),
            ("/x%2Fy", "e"),
            ("/x%2fy", "e"),
            ("/x/y", "f"),
            ("/x//y", "f"),
            ("/x", "404"),
            ("/%", "400"),
            ("/%2", "400"),
            ("/%zz", "400"),
            ("admin", "400"),
            ("*", "400"),
        ],
    )
    .await;
    // what is served is what the rule has seen
    for (target, arrived) in [
        (
            "/public/./%61/%2F%3a?q=%2F/../x;y",
            "/public/a/%2F%3A?q=%2F/../x&y",
        ),
        ("/public/x/../y/", "/public/y/"),
    ] {
        assert_eq!(get(&stage, target).await, "b");
        assert_eq!(backends[1].seen().pop().unwrap().target, arrived);
    }
    // no text at all
    let head = b"GET /public/\xff HTTP/1.1\r\nHost: example.com\r\n";
    assert_eq!(ask(stage.web, head).await, "400");
    assert_eq!(get(&stage, "/%ff").await, "404");
}

#[tokio::test]
async fn queries_match_by_any_of_their_values() {
    let backends = backends(4).await;
    let rules = [
        ("Query(`k`, `v`)", 9),
        ("Query(`flag`)", 8),
        ("QueryRegexp(`n`, `^[0-9]+$`)", 7),
        ("Query(`a b`, `c&d`)", 6),
    ];
    let stage = routes(&rules, &backends).await;
    targets(
        &stage,
        &[
            ("/?k=v", "a"),
            ("/?k=x&k=v", "a"),
            ("/?k=x;k=v", "a"),
            ("/?%6b=%76", "a"),
            ("/?k=V", "404"),
            ("/?K=v", "404"),
            ("/?k=vv", "404"),
            ("/?flag", "b"),
            ("/?flag=", "b"),
            ("/?flag=x", "404"),
            ("/?flag=x&flag", "b"),
            ("/?n=12", "c"),
            ("/?n=x&n=12", "c"),
            ("/?n=12x", "404"),
            ("/?n=", "404"),
            ("/?a+b=c%26d", "d"),
            ("/?a%20b=c%26d", "d"),
            ("/?a+b=c&d", "404"),
            ("/?k=%zz&k=v", "a"),
            ("/?k=%zz", "404"),
            ("/", "404"),
            ("/?", "404"),
        ],
    )
    .await;
}

#[tokio::test]
async fn headers_match_by_any_of_their_lines_and_methods_in_capitals() {
    let backends = backends(6).await;
    let rules = [
        ("Header(`X-Key`, `v`)", 9),
        ("HeaderRegexp(`X-Key`, `^n[0-9]+$`)", 8),
        ("Method(`options`)", 7),
        ("Header(`Host`, `example.com`)", 6),
        ("Method(`PURGE`) && !Header(`X-Key`, `no`)", 4),
    ];
    let stage = routes(&rules, &backends).await;
    for (line, headers, who) in [
        ("GET /", "X-Key: v\r\n", "a"),
        ("GET /", "x-KEY:v\r\n", "a"),
        ("GET /", "X-Key:   v   \r\n", "a"),
        ("GET /", "X-Key: x\r\nX-Key: v\r\n", "a"),
        ("GET /", "X-Key: V\r\n", "404"),
        // one line is one value, whatever stands in it
        ("GET /", "X-Key: x, v\r\n", "404"),
        ("GET /", "X-Key:\r\n", "404"),
        ("GET /", "X-Key: n1\r\n", "b"),
        ("GET /", "X-Key: xn1\r\n", "404"),
        ("OPTIONS /", "", "c"),
        ("OPTIONS *", "", "c"),
        ("GET /", "", "404"),
        ("PURGE /", "", "e"),
        ("purge /", "", "404"),
        ("PURGE /", "X-Key: no\r\n", "404"),
    ] {
        let head = format!("{line} HTTP/1.1\r\nHost: example.com\r\n{headers}");
        assert_eq!(ask(stage.web, head.as_bytes()).await, who, "{line} {headers:?}");
    }
    // bytes that are no UTF-8 are some value
    let head = b"GET / HTTP/1.1\r\nHost: example.com\r\nX-Key: \xff\xfe\r\nX-Key: v\r\n";
    assert_eq!(ask(stage.web, head).await, "a");
}

#[tokio::test]
async fn the_peer_counts_and_not_what_it_says_of_itself() {
    let backends = backends(3).await;
    let rules = [
        ("ClientIP(`192.0.2.0/24`)", 9),
        ("ClientIP(`127.0.0.0/8`) && PathPrefix(`/four`)", 8),
        ("!ClientIP(`::1`) && Path(`/other`)", 7),
    ];
    let stage = routes(&rules, &backends).await;
    for (target, who) in [("/four", "b"), ("/other", "c"), ("/", "404")] {
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nX-Real-Ip: 192.0.2.1\r\n"
        );
        assert_eq!(ask(stage.web, head.as_bytes()).await, who, "{target}");
    }
}

#[tokio::test]
async fn and_binds_tighter_than_or_and_not_tightest() {
    let backends = backends(3).await;
    let rules = [
        ("Path(`/1`) || Path(`/2`) && Query(`q`)", 9),
        ("(Path(`/3`) || Path(`/4`)) && !Query(`q`)", 8),
        (
            "!(Path(`/5`) || Path(`/6`)) && PathPrefix(`/`) && Query(`rest`)",
            7,
        ),
    ];
    let stage = routes(&rules, &backends).await;
    targets(
        &stage,
        &[
            ("/1", "a"),
            ("/2", "404"),
            ("/2?q", "a"),
            ("/3", "b"),
            ("/4", "b"),
            ("/4?q", "404"),
            ("/7?rest", "c"),
            ("/5?rest", "404"),
            ("/6?rest", "404"),
        ],
    )
    .await;
}

#[tokio::test]
async fn priority_is_a_number_else_the_length_and_a_route_that_took_a_request_keeps_it() {
    let backends = backends(5).await;
    let rules = [
        ("PathPrefix(`/`)", 0),
        ("PathPrefix(`/long`)", 0),
        ("PathPrefix(`/long/low`)", 1),
        ("PathPrefix(`/high`)", 1000),
        ("PathPrefix(`/high`) && PathPrefix(`/high/longer/than/that`)", 0),
    ];
    let stage = routes(&rules, &backends).await;
    targets(
        &stage,
        &[
            ("/", "a"),
            ("/long", "b"),
            ("/long/low", "b"),
            ("/high/longer/than/that", "d"),
        ],
    )
    .await;
    // without an endpoint the route answers itself
    let stage = routes(&rules, &backends[..1]).await;
    targets(&stage, &[("/", "a"), ("/long", "503"), ("/high", "503")]).await;
}
