//! The matchers by name: how many arguments they take and what they make of them.

use std::ops::{Range, RangeInclusive};

use weir_model::rule::{ArgumentError, Matcher};

use super::{Diagnostics, suspect};

/// A string literal in a call.
#[derive(Debug)]
pub(super) struct Argument<'a> {
    pub(super) text: &'a str,
    pub(super) span: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    ClientIp,
    Header,
    HeaderRegexp,
    Host,
    HostRegexp,
    Method,
    Path,
    PathPrefix,
    PathRegexp,
    Query,
    QueryRegexp,
}

#[derive(Debug)]
pub(super) struct Definition {
    name: &'static str,
    kind: Kind,
    arity: RangeInclusive<usize>,
    usage: &'static str,
}

const fn definition(name: &'static str, kind: Kind, most: usize, usage: &'static str) -> Definition {
    let least = if matches!(kind, Kind::Header | Kind::HeaderRegexp) {
        2
    } else {
        1
    };
    Definition {
        name,
        kind,
        arity: least..=most,
        usage,
    }
}

static MATCHERS: [Definition; 11] = [
    definition("ClientIP", Kind::ClientIp, 1, "ClientIP(`10.0.0.0/8`)"),
    definition("Header", Kind::Header, 2, "Header(`X-Name`, `value`)"),
    definition(
        "HeaderRegexp",
        Kind::HeaderRegexp,
        2,
        "HeaderRegexp(`X-Name`, `^v[0-9]+$`)",
    ),
    definition("Host", Kind::Host, 1, "Host(`example.com`)"),
    definition(
        "HostRegexp",
        Kind::HostRegexp,
        1,
        r"HostRegexp(`^[a-z]+\.example\.com$`)",
    ),
    definition("Method", Kind::Method, 1, "Method(`GET`)"),
    definition("Path", Kind::Path, 1, "Path(`/exactly/this`)"),
    definition("PathPrefix", Kind::PathPrefix, 1, "PathPrefix(`/api`)"),
    definition("PathRegexp", Kind::PathRegexp, 1, "PathRegexp(`^/v[0-9]+/`)"),
    definition("Query", Kind::Query, 2, "Query(`name`, `value`)"),
    definition(
        "QueryRegexp",
        Kind::QueryRegexp,
        2,
        "QueryRegexp(`name`, `^[0-9]+$`)",
    ),
];

/// Names of the v2 rule language and what they became.
const V2_NAMES: [(&str, &str); 3] = [
    ("HostHeader", "Host"),
    ("Headers", "Header"),
    ("HeadersRegexp", "HeaderRegexp"),
];

/// What TCP routers match on, and HTTP routers cannot.
const TCP_NAMES: [&str; 3] = ["HostSNI", "HostSNIRegexp", "ALPN"];

/// The matcher with that name, in one of the spellings that Traefik knows: `PathPrefix`, `pathprefix`,
/// `PATHPREFIX` or `Pathprefix`.
pub(super) fn find(
    name: &str,
    span: Range<usize>,
    diagnostics: &mut Diagnostics,
) -> Option<&'static Definition> {
    let found = MATCHERS.iter().find(|matcher| {
        let lower = matcher.name.to_ascii_lowercase();
        let title = format!("{}{}", &matcher.name[..1], &lower[1..]);
        name == matcher.name || name == lower || name == matcher.name.to_ascii_uppercase() || name == title
    });
    if found.is_none() {
        let message = format!("there is no matcher `{name}`");
        match help_for(name) {
            Some(help) => diagnostics.error_with_help(span, message, help),
            None => diagnostics.error(span, message),
        }
    }
    found
}

fn help_for(name: &str) -> Option<String> {
    let is = |other: &str| other.eq_ignore_ascii_case(name);
    if let Some((v2, v3)) = V2_NAMES.iter().find(|(v2, _)| is(v2)) {
        return Some(format!("`{v2}` is rule syntax v2; v3 writes `{v3}`"));
    }
    if TCP_NAMES.into_iter().any(is) {
        return Some("it belongs to TCP routers; HTTP routers match on `Host`".to_owned());
    }
    let name = name.to_ascii_lowercase();
    let distance =
        |matcher: &&Definition| strsim::damerau_levenshtein(&name, &matcher.name.to_ascii_lowercase());
    let nearest = MATCHERS.iter().min_by_key(distance)?;
    (distance(&nearest) <= nearest.name.len() / 3).then(|| format!("did you mean `{}`?", nearest.name))
}

/// Reports a name that no parenthesis follows.
pub(super) fn not_a_call(name: &str, span: Range<usize>, diagnostics: &mut Diagnostics) {
    match MATCHERS
        .iter()
        .find(|matcher| matcher.name.eq_ignore_ascii_case(name))
    {
        Some(matcher) => {
            let message = format!("the arguments of `{name}` stand in parentheses");
            diagnostics.error_with_help(span, message, format!("for example ``{}``", matcher.usage));
        }
        None => diagnostics.error(span, format!("expected a matcher, found `{name}`")),
    }
}

/// The matcher that a call makes; `whole` is the call's place.
pub(super) fn build(
    definition: &Definition,
    arguments: &[Argument<'_>],
    whole: Range<usize>,
    diagnostics: &mut Diagnostics,
) -> Option<Matcher> {
    if !definition.arity.contains(&arguments.len()) {
        wrong_arity(definition, arguments, whole, diagnostics);
        return None;
    }
    let empty = arguments.iter().filter(|argument| argument.text.is_empty());
    let before = diagnostics.errors.len();
    empty.for_each(|argument| diagnostics.error(argument.span.clone(), "an argument must not be empty"));
    if diagnostics.errors.len() > before {
        return None;
    }

    let (first, last) = (arguments.first()?, arguments.last()?);
    let value = (arguments.len() == 2).then_some(last.text);
    let built = match (definition.kind, value) {
        (Kind::ClientIp, _) => Matcher::client_ip(first.text),
        (Kind::Header, _) => Matcher::header(first.text, last.text),
        (Kind::HeaderRegexp, _) => Matcher::header_regexp(first.text, last.text),
        (Kind::Host, _) => Matcher::host(first.text),
        // Traefik asks for it here too
        (Kind::HostRegexp, _) if !first.text.is_ascii() => Err(ArgumentError::HostNotAscii),
        (Kind::HostRegexp, _) => Matcher::host_regexp(first.text),
        (Kind::Method, _) => Matcher::method(first.text),
        (Kind::Path, _) => Matcher::path(first.text),
        (Kind::PathPrefix, _) => Matcher::path_prefix(first.text),
        (Kind::PathRegexp, _) => Matcher::path_regexp(first.text),
        (Kind::Query, value) => Matcher::query(first.text, value),
        (Kind::QueryRegexp, Some(pattern)) => Matcher::query_regexp(first.text, pattern),
        (Kind::QueryRegexp, None) => Matcher::query(first.text, None),
    };
    match built {
        Ok(matcher) => {
            suspect::check(definition.kind, first, value, diagnostics);
            Some(matcher)
        }
        Err(error) => {
            let culprit = if error == ArgumentError::HeaderName {
                first
            } else {
                last
            };
            refused(culprit, &error, diagnostics);
            None
        }
    }
}

/// The checks that need the whole tree.
pub(super) fn check_whole(matcher: &Matcher, whole: Range<usize>, diagnostics: &mut Diagnostics) {
    if let Err(invalid) = matcher.validate() {
        diagnostics.error(whole, invalid.to_string());
    } else if matcher.hosts().is_some_and(|hosts| hosts.is_empty()) {
        diagnostics.warning(
            whole,
            "this never matches: it asks for two different hosts at once",
            "write `||` between alternatives",
        );
    }
}

fn wrong_arity(
    definition: &Definition,
    arguments: &[Argument<'_>],
    whole: Range<usize>,
    diagnostics: &mut Diagnostics,
) {
    let Definition {
        name, arity, usage, ..
    } = definition;
    let takes = match (*arity.start(), *arity.end()) {
        (1, 1) => "1 argument".to_owned(),
        (least, most) if least == most => format!("{most} arguments"),
        (least, most) => format!("{least} or {most} arguments"),
    };
    let message = format!("`{name}` takes {takes}, not {}", arguments.len());
    let help = match arguments {
        [_, _, ..] if *arity.end() == 1 => {
            let calls: Vec<_> = arguments
                .iter()
                .map(|argument| format!("{name}(`{}`)", argument.text))
                .collect();
            format!(
                "several at once are rule syntax v2; v3 writes ``{}``",
                calls.join(" || ")
            )
        }
        _ => format!("for example ``{usage}``"),
    };
    diagnostics.error_with_help(whole, message, help);
}

fn refused(argument: &Argument<'_>, error: &ArgumentError, diagnostics: &mut Diagnostics) {
    let Argument { text, span } = argument;
    let span = span.clone();
    match error {
        ArgumentError::Empty | ArgumentError::HostDots => diagnostics.error(span, error.to_string()),
        ArgumentError::HostNotAscii => diagnostics.error_with_help(
            span,
            "a host is compared in ASCII, and this is not",
            "write its labels in punycode, starting with `xn--`, as browsers send them",
        ),
        ArgumentError::PathNotAbsolute => {
            diagnostics.error_with_help(span, error.to_string(), format!("write `` `/{text}` ``"));
        }
        ArgumentError::HeaderName => diagnostics.error_with_help(
            span,
            format!("`{text}` is not a header name"),
            "a header's name has letters, digits and dashes",
        ),
        ArgumentError::Cidr => diagnostics.error_with_help(
            span,
            format!("`{text}` is neither an IP address nor a CIDR block"),
            "for example `192.0.2.7` or `10.0.0.0/8`",
        ),
        ArgumentError::Pattern(reason) => {
            diagnostics.error(span, format!("not a regular expression (RE2): {reason}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RuleError, parse};
    use super::*;

    fn parsed(text: &str) -> Matcher {
        parse(text)
            .unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
            .matcher
    }

    /// The only error: the part of the text that it points at, its message, its help.
    fn error(text: &str) -> (&str, String, String) {
        let mut errors = parse(text).unwrap_err();
        let RuleError { span, message, help } = errors.pop().unwrap();
        assert_eq!(errors, [], "{text}");
        (&text[span], message, help.unwrap_or_default())
    }

    #[test]
    fn every_matcher_is_known_by_its_four_spellings() {
        for definition in &MATCHERS {
            let expected = parsed(definition.usage);
            let (name, arguments) = definition.usage.split_once('(').unwrap();
            let lower = name.to_ascii_lowercase();
            let title = format!("{}{}", &name[..1], &lower[1..]);
            for spelling in [name.to_owned(), lower, name.to_ascii_uppercase(), title] {
                assert_eq!(parsed(&format!("{spelling}({arguments}")), expected, "{spelling}");
            }
        }
        assert_eq!(error("hostRegexp(`a`)").2, "did you mean `HostRegexp`?");
    }

    #[test]
    fn unknown_names_come_with_a_guess_when_there_is_a_near_one() {
        let expected = (
            "PathPrefx",
            "there is no matcher `PathPrefx`".into(),
            "did you mean `PathPrefix`?".into(),
        );
        assert_eq!(error("PathPrefx(`/a`)"), expected);
        assert_eq!(error("Cookie(`a`)").2, "");
        assert_eq!(error("é(`a`)").0, "é");
    }

    #[test]
    fn rule_syntax_v2_is_told_how_v3_writes_it() {
        let (part, message, help) = error("Host(`a.b`, `c.d`)");
        assert_eq!(
            (part, message.as_str()),
            ("Host(`a.b`, `c.d`)", "`Host` takes 1 argument, not 2")
        );
        assert_eq!(
            help,
            "several at once are rule syntax v2; v3 writes ``Host(`a.b`) || Host(`c.d`)``"
        );
        assert_eq!(
            error("Headers(`a`, `b`)").2,
            "`Headers` is rule syntax v2; v3 writes `Header`"
        );
        assert_eq!(
            error("HostHeader(`a`)").2,
            "`HostHeader` is rule syntax v2; v3 writes `Host`"
        );
        assert!(error("HostSNI(`*`)").2.contains("TCP"));
    }

    #[test]
    fn each_matcher_counts_its_arguments() {
        assert_eq!(error("Host()").1, "`Host` takes 1 argument, not 0");
        assert_eq!(error("Header(`a`)").1, "`Header` takes 2 arguments, not 1");
        assert_eq!(
            error("Query(`a`, `b`, `c`)").1,
            "`Query` takes 1 or 2 arguments, not 3"
        );
        assert_eq!(
            error("Header(`a`)").2,
            "for example ``Header(`X-Name`, `value`)``"
        );
        assert_eq!(error("Host").1, "the arguments of `Host` stand in parentheses");
        assert_eq!(error("Host `a`").0, "Host");
        assert_eq!(error("true").1, "expected a matcher, found `true`");
    }

    #[test]
    fn one_argument_of_query_asks_for_an_empty_value() {
        let key = Matcher::Query {
            key: "q".into(),
            value: None,
        };
        assert_eq!(parsed("Query(`q`)"), key);
        assert_eq!(parsed("QueryRegexp(`q`)"), key);
        assert_eq!(parsed("Query(`q`, `1`)"), Matcher::query("q", Some("1")).unwrap());
    }

    #[test]
    fn bad_arguments_are_pointed_at() {
        for (text, part, message) in [
            ("Host(``)", "``", "an argument must not be empty"),
            ("Header(`X-A`, \"\")", "\"\"", "an argument must not be empty"),
            (
                "Host(`bücher.example`)",
                "`bücher.example`",
                "a host is compared in ASCII, and this is not",
            ),
            (
                "HostRegexp(`ü`)",
                "`ü`",
                "a host is compared in ASCII, and this is not",
            ),
            ("PathPrefix(`api`)", "`api`", "a path must start with `/`"),
            ("Header(`X A`, `b`)", "`X A`", "`X A` is not a header name"),
            (
                "ClientIP(`10.0.0.0/33`)",
                "`10.0.0.0/33`",
                "`10.0.0.0/33` is neither an IP address nor a CIDR block",
            ),
            (
                "PathRegexp(`^/(a`)",
                "`^/(a`",
                "not a regular expression (RE2): unclosed group",
            ),
            (
                "QueryRegexp(`a`, `*`)",
                "`*`",
                "not a regular expression (RE2): repetition operator missing expression",
            ),
        ] {
            let (found, reason, _) = error(text);
            assert_eq!((found, reason.as_str()), (part, message), "{text}");
        }
        assert_eq!(error("Path(`api`)").2, "write `` `/api` ``");
        assert!(error("Host(`é`)").2.contains("xn--"));
    }
}
