//! The index answers like trying rule after rule, whatever the rules and requests.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use weir_model::rule::{HostKind, HostPattern, Matcher};

use super::{RequestView, Table};

/// A request as it arrives.
#[derive(Debug, Clone)]
struct Request {
    method: &'static str,
    host: String,
    path: String,
    query: String,
    headers: Vec<(&'static str, &'static str)>,
    client_ip: IpAddr,
}

// few values, so that rules and requests meet often
const HOSTS: [&str; 7] = ["a", "a.b", "c.b", "*.b", "d.a.b", "*.a.b", "*"];
const PATHS: [&str; 9] = ["/", "/a", "/a/", "/a/b", "/ab", "/a/b/c", "/b", "/b c", "/a%2Fb"];
const WORDS: [&str; 3] = ["x", "y", "x y"];
const PATTERNS: [&str; 5] = ["^a", "b$", "/a|/b", "[xy]", "^$"];
const BLOCKS: [&str; 3] = ["10.0.0.0/8", "10.1.0.0/16", "::/0"];

fn leaf() -> impl Strategy<Value = Matcher> {
    let pattern = || select(&PATTERNS[..]);
    let word = || select(&WORDS[..]);
    prop_oneof![
        4 => select(&HOSTS[..]).prop_map(|host| Matcher::host(host).unwrap()),
        3 => select(&PATHS[..]).prop_map(|path| Matcher::path(path).unwrap()),
        4 => select(&PATHS[..]).prop_map(|path| Matcher::path_prefix(path).unwrap()),
        1 => pattern().prop_map(|pattern| Matcher::host_regexp(pattern).unwrap()),
        1 => pattern().prop_map(|pattern| Matcher::path_regexp(pattern).unwrap()),
        1 => select(vec!["GET", "POST"]).prop_map(|method| Matcher::method(method).unwrap()),
        1 => (select(vec!["x", "y", "host"]), word()).prop_map(|(name, value)| Matcher::header(name, value).unwrap()),
        1 => (select(vec!["x", "host"]), pattern())
            .prop_map(|(name, pattern)| Matcher::header_regexp(name, pattern).unwrap()),
        1 => (word(), proptest::option::of(word())).prop_map(|(key, value)| Matcher::query(key, value).unwrap()),
        1 => (word(), pattern()).prop_map(|(key, pattern)| Matcher::query_regexp(key, pattern).unwrap()),
        1 => select(&BLOCKS[..]).prop_map(|block| Matcher::client_ip(block).unwrap()),
    ]
}

fn rule() -> impl Strategy<Value = Matcher> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            4 => vec(inner.clone(), 2..4).prop_map(Matcher::all),
            3 => vec(inner.clone(), 2..4).prop_map(Matcher::any),
            1 => inner.prop_map(Matcher::negated),
        ]
    })
}

fn request() -> impl Strategy<Value = Request> {
    let hosts = vec![
        "a", "A.B:80", "a.b.", "c.b", "d.a.b", "e.d.a.b", "b", ".b", "", "[::1]:80", "other",
    ];
    let paths = vec![
        "/", "/a", "/a/", "/a/b", "/ab", "/abc", "/a/b/c/d", "/b", "/b%20c", "/a%2fb", "/%61/b", "*", "",
    ];
    let queries = vec![
        "", "x", "x=", "x=x", "x=y&x=x", "y=x+y", "x+y=%78", "x=%zz", "a;x=y",
    ];
    let header = (
        select(vec!["x", "y", "host"]),
        select(vec!["x", "y", "x y", "a", "", "b"]),
    );
    let client_ip = select(vec![
        "10.0.0.1",
        "10.1.0.1",
        "192.0.2.1",
        "::1",
        "::ffff:10.1.0.1",
    ]);
    (
        select(vec!["GET", "POST"]),
        select(hosts),
        select(paths),
        select(queries),
        vec(header, 0..3),
        client_ip,
    )
        .prop_map(|(method, host, path, query, headers, client_ip)| Request {
            method,
            host: host.into(),
            path: path.into(),
            query: query.into(),
            headers,
            client_ip: client_ip.parse().unwrap(),
        })
}

/// The meaning of a rule, spelled out without any of the index's machinery.
fn matches(rule: &Matcher, request: &RequestView<'_>) -> bool {
    let header = |name: &str, test: &dyn Fn(&str) -> bool| {
        name != "host"
            && request
                .headers
                .get_all(name)
                .iter()
                .any(|line| test(line.to_str().unwrap()))
    };
    let parameter = |key: &str, test: &dyn Fn(&str) -> bool| {
        super::query::pairs(request.query).any(|(name, value)| name == key && test(&value))
    };
    match rule {
        Matcher::All(children) => children.iter().all(|child| matches(child, request)),
        Matcher::Any(children) => children.iter().any(|child| matches(child, request)),
        Matcher::Not(child) => !matches(child, request),
        Matcher::ClientIp(block) => block.contains(request.client_ip),
        Matcher::Header { name, value } => header(name, &|line| line == value),
        Matcher::HeaderRegexp { name, pattern } => {
            header(name, &|line| pattern.compile().unwrap().is_match(line))
        }
        Matcher::Host(pattern) => host_matches(pattern, &request.host),
        Matcher::HostRegexp(pattern) => pattern.compile().unwrap().is_match(&request.host),
        Matcher::Method(method) => method == request.method,
        Matcher::Path(path) => *path == request.path,
        Matcher::PathPrefix(prefix) => request.path.starts_with(prefix.as_str()),
        Matcher::PathRegexp(pattern) => pattern.compile().unwrap().is_match(&request.path),
        Matcher::Query { key, value } => {
            parameter(key, &|found| found == value.as_deref().unwrap_or_default())
        }
        Matcher::QueryRegexp { key, pattern } => {
            parameter(key, &|found| pattern.compile().unwrap().is_match(found))
        }
    }
}

fn host_matches(pattern: &HostPattern, host: &str) -> bool {
    match pattern.kind() {
        HostKind::Any => true,
        HostKind::Exact(name) => host == name,
        HostKind::Wildcard(suffix) => {
            let labels: Vec<&str> = host.split('.').collect();
            labels.len() > 1 && !labels[0].is_empty() && labels[1..].join(".") == suffix
        }
    }
}

fn check(rules: &[Matcher], requests: &[Request]) {
    let table = Table::build(&rules.iter().collect::<Vec<_>>()).unwrap();
    for request in requests {
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let Request {
            method,
            host,
            path,
            query,
            client_ip,
            ..
        } = request;
        let view = RequestView::new(method, host, path, Some(query), &headers, *client_ip).unwrap();
        let expected = rules.iter().position(|rule| matches(rule, &view));
        assert_eq!(table.find(&view), expected, "{request:?}");
    }
}

proptest! {
    #[test]
    fn the_index_answers_like_a_scan_in_order(rules in vec(rule(), 0..12), requests in vec(request(), 1..8)) {
        check(&rules, &requests);
    }

    #[test]
    fn many_simple_rules_answer_like_a_scan_in_order(
        rules in vec(vec(leaf(), 1..3).prop_map(Matcher::all), 0..60),
        requests in vec(request(), 1..8),
    ) {
        check(&rules, &requests);
    }
}
