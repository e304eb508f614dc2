//! The whole index.

use std::sync::Arc;

use hashbrown::HashMap;
use weir_model::rule::{HostKind, HostPattern, Matcher, PatternError};

use super::condition::{BadPattern, Compiler, Condition, Rest};
use super::paths::{Best, Candidate, Paths, PathsBuilder};
use super::request::RequestView;
use super::scope::{Scope, scopes};

/// All rules of an entry point, indexed. Immutable; a look-up allocates nothing, unless a rule looks at a query
/// with encodings in it or matches an expression against a header that is not text.
#[derive(Debug)]
pub struct Table {
    exact: HashMap<Box<str>, Paths>,
    /// By what follows the first label.
    wildcard: HashMap<Box<str>, Paths>,
    any: Paths,
}

/// A rule that cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule {rule}: cannot use the expression `{pattern}`: {reason}")]
pub struct BuildError {
    /// Its position in the list.
    pub rule: usize,
    /// The expression, as the user wrote it.
    pub pattern: String,
    /// Why not.
    pub reason: PatternError,
}

impl Table {
    /// Indexes rules that are sorted by precedence: where several match, the first in the list wins.
    pub fn build(rules: &[&Matcher]) -> Result<Self, BuildError> {
        let mut compiler = Compiler::default();
        let mut hosts: HashMap<Option<&HostPattern>, PathsBuilder<'_>> = HashMap::new();
        for (rule, matcher) in rules.iter().enumerate() {
            let failed = |BadPattern { pattern, reason }| BuildError {
                rule,
                pattern: pattern.as_str().to_owned(),
                reason,
            };
            for Place { scope, condition } in places(matcher, &mut compiler).map_err(failed)? {
                let candidate = Candidate {
                    rank: rule as u32,
                    condition,
                };
                hosts.entry(scope.host).or_default().add(scope.path, candidate);
            }
        }
        Ok(Self::from_hosts(hosts))
    }

    fn from_hosts(hosts: HashMap<Option<&HostPattern>, PathsBuilder<'_>>) -> Self {
        let mut table = Self {
            exact: HashMap::new(),
            wildcard: HashMap::new(),
            any: PathsBuilder::default().build(),
        };
        for (host, paths) in hosts {
            let paths = paths.build();
            match host.map(HostPattern::kind) {
                None | Some(HostKind::Any) => table.any = paths,
                Some(HostKind::Exact(name)) => drop(table.exact.insert(name.into(), paths)),
                Some(HostKind::Wildcard(suffix)) => drop(table.wildcard.insert(suffix.into(), paths)),
            }
        }
        table
    }

    /// The position in the list of the first rule that matches.
    pub fn find(&self, request: &RequestView<'_>) -> Option<usize> {
        let mut best = Best::NONE;
        if let Some(paths) = self.exact.get(request.host()) {
            paths.search(request, &mut best);
        }
        if !self.wildcard.is_empty()
            && let Some((label, suffix)) = request.host().split_once('.')
            && !label.is_empty()
            && let Some(paths) = self.wildcard.get(suffix)
        {
            paths.search(request, &mut best);
        }
        self.any.search(request, &mut best);
        best.rank().map(|rank| rank as usize)
    }
}

/// A condition of more nodes than this is not kept for one place alone: a rule with hundreds of hosts and as many
/// other conditions would grow by their product.
const MAX_OWN_SIZE: usize = 16;

/// Where a rule is filed, and what is left to check there.
struct Place<'m> {
    scope: Scope<'m>,
    condition: Option<Arc<Condition>>,
}

/// All places of a rule.
fn places<'m>(matcher: &'m Matcher, compiler: &mut Compiler) -> Result<Vec<Place<'m>>, BadPattern> {
    let mut whole = None;
    let mut places = Vec::new();
    for scope in scopes(matcher) {
        let condition = match compiler.rest(matcher, &scope)? {
            Rest::Never => continue,
            Rest::Always => None,
            Rest::If(condition) if condition.size() <= MAX_OWN_SIZE => Some(Arc::new(condition)),
            Rest::If(condition) => match &whole {
                Some(whole) => Some(Arc::clone(whole)),
                None => match compiler.rest(matcher, &Scope::EVERYWHERE)? {
                    Rest::If(condition) => whole.insert(Arc::new(condition)).clone().into(),
                    Rest::Always | Rest::Never => Some(Arc::new(condition)),
                },
            },
        };
        places.push(Place { scope, condition });
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    /// A request with defaults for what a test does not care about.
    struct Request {
        method: &'static str,
        host: &'static str,
        path: &'static str,
        query: &'static str,
        headers: &'static [(&'static str, &'static str)],
        client_ip: &'static str,
    }

    const GET: Request = Request {
        method: "GET",
        host: "example.com",
        path: "/",
        query: "",
        headers: &[],
        client_ip: "192.0.2.1",
    };

    fn find(rules: &[&Matcher], request: &Request) -> Option<usize> {
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let Request {
            method,
            host,
            path,
            query,
            client_ip,
            ..
        } = *request;
        let view = RequestView::new(
            method,
            host,
            path,
            Some(query),
            &headers,
            client_ip.parse().unwrap(),
        );
        Table::build(rules).unwrap().find(&view.unwrap())
    }

    /// Whether a rule matches, alone and in the company of another that makes the index look elsewhere too.
    #[track_caller]
    fn check(rule: &Matcher, request: &Request, expected: bool) {
        let other = Matcher::path_prefix("/").unwrap();
        let found = expected.then_some(0);
        assert_eq!(find(&[rule], request), found, "{rule}");
        assert_eq!(find(&[rule, &other], request), found.or(Some(1)), "{rule}");
        assert_eq!(
            find(&[&rule.clone().negated(), rule], request),
            Some(usize::from(expected)),
            "{rule}"
        );
    }

    #[test]
    fn host_ignores_case_port_and_a_trailing_dot() {
        for (pattern, host, expected) in [
            ("example.com", "EXAMPLE.com:8080", true),
            ("Example.com.", "example.com", true),
            ("example.com", "example.com.", true),
            ("example.com", "www.example.com", false),
            ("::1", "[::1]:80", true),
            ("*.example.com", "www.example.com.:80", true),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", "example.com", false),
            ("*", "", true),
            ("example.com", "", false),
        ] {
            check(
                &Matcher::host(pattern).unwrap(),
                &Request { host, ..GET },
                expected,
            );
        }
    }

    #[test]
    fn host_regexp_sees_the_host_in_lower_case() {
        for (pattern, expected) in [
            (r"^[a-z]+\.com$", true),
            ("ample", true),
            ("^Example", false),
            ("(?i)^EX", true),
        ] {
            let request = Request {
                host: "EXAMPLE.com:80",
                ..GET
            };
            check(&Matcher::host_regexp(pattern).unwrap(), &request, expected);
        }
    }

    #[test]
    fn paths_are_compared_decoded_but_for_reserved_characters() {
        let exact = |path: &str| Matcher::path(path).unwrap();
        let prefix = |path: &str| Matcher::path_prefix(path).unwrap();
        let regexp = |path: &str| Matcher::path_regexp(path).unwrap();
        for (rule, path, expected) in [
            (exact("/foo"), "/foo", true),
            (exact("/foo"), "/foo/", false),
            (exact("/foo"), "/Foo", false),
            (exact("/foo bar"), "/foo%20bar", true),
            (exact("/foo/bar"), "/foo%2Fbar", false),
            (exact("/foo%2Fbar"), "/foo%2fbar", true),
            (prefix("/products"), "/products-for-sale", true),
            (prefix("/products/"), "/products", false),
            (prefix("/é"), "/%C3%A9t%C3%A9", true),
            (regexp("/v[0-9]/"), "/api/v1/x", true),
            (regexp("^/v[0-9]/"), "/api/v1/x", false),
            (regexp("a b"), "/a%20b", true),
        ] {
            check(&rule, &Request { path, ..GET }, expected);
        }
    }

    #[test]
    fn method_is_compared_in_upper_case() {
        check(
            &Matcher::method("post").unwrap(),
            &Request {
                method: "POST",
                ..GET
            },
            true,
        );
        check(
            &Matcher::method("post").unwrap(),
            &Request {
                method: "post",
                ..GET
            },
            false,
        );
    }

    #[test]
    fn one_of_the_lines_of_a_header_has_to_match() {
        let headers: &[_] = &[
            ("x-a", "1"),
            ("x-a", "2"),
            ("host", "example.com"),
            ("x-b", "a, b"),
        ];
        let request = Request { headers, ..GET };
        let header = |name: &str, value: &str| Matcher::header(name, value).unwrap();
        let regexp = |name: &str, value: &str| Matcher::header_regexp(name, value).unwrap();
        for (rule, expected) in [
            (header("X-A", "2"), true),
            (header("x-a", "3"), false),
            (header("X-B", "a"), false),
            (header("X-C", "1"), false),
            (header("Host", "example.com"), false),
            (regexp("X-A", "^[2-9]$"), true),
            (regexp("x-b", "b"), true),
            (regexp("x-c", ".*"), false),
            (regexp("host", ".*"), false),
        ] {
            check(&rule, &request, expected);
        }
    }

    #[test]
    fn one_of_the_values_of_a_parameter_has_to_match() {
        let request = Request {
            query: "a=1&a=2&b&c=x+y%26&%64=%zz",
            ..GET
        };
        let query = |key: &str, value: Option<&str>| Matcher::query(key, value).unwrap();
        let regexp = |key: &str, value: &str| Matcher::query_regexp(key, value).unwrap();
        for (rule, expected) in [
            (query("a", Some("2")), true),
            (query("a", Some("3")), false),
            (query("a", None), false),
            (query("b", None), true),
            (query("c", Some("x y&")), true),
            (query("d", None), false),
            (regexp("a", "^[2-9]$"), true),
            (regexp("b", "^$"), true),
            (regexp("e", ".*"), false),
        ] {
            check(&rule, &request, expected);
        }
    }

    #[test]
    fn client_ip_is_the_peer_not_what_headers_say() {
        let forwarded = Request {
            headers: &[("x-forwarded-for", "10.0.0.1")],
            ..GET
        };
        for (block, client_ip, expected) in [
            ("10.0.0.0/8", "10.9.9.9", true),
            ("10.0.0.0/8", "192.0.2.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("2001:db8::/32", "2001:db8::1", true),
        ] {
            check(
                &Matcher::client_ip(block).unwrap(),
                &Request {
                    client_ip,
                    ..forwarded
                },
                expected,
            );
        }
    }

    #[test]
    fn the_first_rule_that_matches_wins_wherever_it_is_filed() {
        let host = Matcher::host("example.com").unwrap();
        let wildcard = Matcher::host("*.com").unwrap();
        let path = Matcher::path("/a").unwrap();
        let prefix = Matcher::path_prefix("/").unwrap();
        let method = Matcher::method("GET").unwrap();
        let request = Request { path: "/a", ..GET };
        let mut rules = [&host, &wildcard, &path, &prefix, &method];
        for _ in 0..rules.len() {
            rules.rotate_left(1);
            assert_eq!(find(&rules, &request), Some(0), "{}", rules[0]);
        }
        assert_eq!(find(&[], &request), None);
    }

    #[test]
    fn an_expression_that_does_not_compile_is_named() {
        let bad: Matcher = serde_json::from_str(r#"{"pathRegexp":"(a"}"#).unwrap();
        let error = Table::build(&[&Matcher::path("/").unwrap(), &bad]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "rule 1: cannot use the expression `(a`: unclosed group"
        );
    }
}
