//! What Traefik accepts and what nevertheless never matches.

use std::net::Ipv6Addr;

use super::Diagnostics;
use super::matchers::{Argument, Kind};

/// Warns about an argument that no request can match.
pub(super) fn check(kind: Kind, first: &Argument<'_>, value: Option<&str>, diagnostics: &mut Diagnostics) {
    let text = first.text;
    let suspicion = match kind {
        Kind::Host => v2_placeholder(text, "HostRegexp").or_else(|| host(text)),
        Kind::HostRegexp => v2_placeholder(text, "HostRegexp").or_else(|| host_regexp(text)),
        Kind::Path | Kind::PathPrefix => v2_placeholder(text, "PathRegexp").or_else(|| path(text)),
        Kind::PathRegexp => v2_placeholder(text, "PathRegexp"),
        Kind::Header | Kind::HeaderRegexp => header(text),
        Kind::Query if value.is_none() => query(text),
        Kind::ClientIp | Kind::Method | Kind::Query | Kind::QueryRegexp => None,
    };
    if let Some((reason, help)) = suspicion {
        diagnostics.warning(first.span.clone(), format!("this never matches: {reason}"), help);
    }
}

/// Why an argument never matches, and how to write what was probably meant.
type Suspicion = (&'static str, String);

/// `{name}` or `{name:regex}`, of rule syntax v2.
fn v2_placeholder(text: &str, instead: &str) -> Option<Suspicion> {
    let is_placeholder = |(before, after): (&str, &str)| {
        let named = after.split_once(|end: char| end != '_' && !end.is_ascii_alphanumeric());
        // an escaped brace and `\p{Greek}` are no placeholders
        !before.ends_with('\\')
            && !before.ends_with("\\p")
            && !before.ends_with("\\P")
            && named.is_some_and(|(name, _)| name.starts_with(|first: char| first.is_ascii_alphabetic()))
            && after[named.map_or(0, |(name, _)| name.len())..].starts_with([':', '}'])
    };
    let mut braces = text
        .match_indices('{')
        .map(|(at, _)| (&text[..at], &text[at + 1..]));
    braces.any(is_placeholder).then(|| {
        (
            "`{name:regex}` is rule syntax v2",
            format!("v3 writes a plain regular expression in `{instead}`"),
        )
    })
}

fn host(text: &str) -> Option<Suspicion> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    if let Some((scheme, _)) = text.split_once("://") {
        return Some(("a host has no scheme", format!("leave out `{scheme}://`")));
    }
    if text.contains(['/', '?', '#', '@']) || text.contains(char::is_whitespace) {
        return Some((
            "a host is only a name or an address",
            "match the rest with other matchers".to_owned(),
        ));
    }
    if text.starts_with('[') {
        return Some((
            "IPv6 addresses are compared without brackets",
            "leave out the brackets".to_owned(),
        ));
    }
    if text.parse::<Ipv6Addr>().is_err()
        && let Some((name, _)) = text.split_once(':')
    {
        return Some(("the port is no part of the host", format!("write `` `{name}` ``")));
    }
    if name.contains('*') && text != "*" {
        let reason = "a `*` stands only for the whole first label";
        return Some((
            reason,
            "write ``Host(`*.example.com`)`` or use `HostRegexp`".to_owned(),
        ));
    }
    None
}

fn host_regexp(text: &str) -> Option<Suspicion> {
    asks_for_upper_case(text).then(|| {
        (
            "hosts are compared in lower case",
            "write the letters in lower case".to_owned(),
        )
    })
}

/// Whether an upper-case letter stands for itself in an expression that does not ignore case.
fn asks_for_upper_case(pattern: &str) -> bool {
    let ignores_case = pattern.split("(?").skip(1).any(|group| {
        let flags = group.split([':', ')', '-', '<']).next().unwrap_or_default();
        flags.contains('i')
    });
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let skipped = match first {
            // an escape: its name, and what it has in braces
            '\\' => {
                let name = rest.chars().nth(1).map_or(0, char::len_utf8);
                let braces = rest[1 + name..]
                    .starts_with('{')
                    .then(|| rest.find('}'))
                    .flatten();
                braces.map_or(1 + name, |end| end + 1)
            }
            '(' if rest.starts_with("(?") => rest.find([':', ')', '>']).map_or(rest.len(), |end| end + 1),
            // from `A-Z` others may be chosen
            '[' => rest[1..].find(']').map_or(rest.len(), |end| end + 2),
            upper if upper.is_ascii_uppercase() && !ignores_case => return true,
            other => other.len_utf8(),
        };
        rest = &rest[skipped..];
    }
    false
}

fn path(text: &str) -> Option<Suspicion> {
    if text.contains('?') {
        return Some((
            "the query is no part of the path",
            "match it with `Query`".to_owned(),
        ));
    }
    if text.contains('#') {
        return Some((
            "a request has no fragment",
            "leave out the part after `#`".to_owned(),
        ));
    }
    let encoded = text.match_indices('%').filter_map(|(at, _)| text.get(at..at + 3));
    for triplet in encoded {
        let Ok(byte) = u8::from_str_radix(&triplet[1..], 16) else {
            continue;
        };
        if !b":/?#[]@!$&'()*+,;=%".contains(&byte) {
            let reason = "paths are compared with such characters decoded";
            return Some((
                reason,
                format!("write the character itself instead of `{triplet}`"),
            ));
        }
        if triplet.bytes().any(|digit| digit.is_ascii_lowercase()) {
            let reason = "paths are compared with their percent-encodings in upper case";
            return Some((reason, format!("write `{}`", triplet.to_ascii_uppercase())));
        }
    }
    None
}

fn header(name: &str) -> Option<Suspicion> {
    name.eq_ignore_ascii_case("host").then(|| {
        (
            "the host is not among the headers of a request",
            "use `Host` or `HostRegexp`".to_owned(),
        )
    })
}

fn query(key: &str) -> Option<Suspicion> {
    let (key, value) = key.split_once('=')?;
    let reason = "`key=value` in one argument is rule syntax v2";
    Some((reason, format!("v3 writes ``Query(`{key}`, `{value}`)``")))
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    #[track_caller]
    fn warns(text: &str, part: &str, reason: &str) {
        let warnings = parse(text).unwrap().warnings;
        let found: Vec<_> = warnings
            .iter()
            .map(|w| (&text[w.span.clone()], w.message.as_str()))
            .collect();
        assert_eq!(
            found,
            [(part, format!("this never matches: {reason}").as_str())],
            "{text}"
        );
    }

    #[test]
    fn what_cannot_match_is_pointed_at() {
        for (text, part, reason) in [
            (
                "HostRegexp(`^API\\.`)",
                "`^API\\.`",
                "hosts are compared in lower case",
            ),
            (
                "Header(`Host`, `a`)",
                "`Host`",
                "the host is not among the headers of a request",
            ),
            (
                "HeaderRegexp(`HOST`, `a`)",
                "`HOST`",
                "the host is not among the headers of a request",
            ),
            ("Host(`a.b:80`)", "`a.b:80`", "the port is no part of the host"),
            ("Host(`https://a`)", "`https://a`", "a host has no scheme"),
            ("Host(`a/b`)", "`a/b`", "a host is only a name or an address"),
            (
                "Host(`[::1]`)",
                "`[::1]`",
                "IPv6 addresses are compared without brackets",
            ),
            (
                "Host(`a.*.b`)",
                "`a.*.b`",
                "a `*` stands only for the whole first label",
            ),
            ("Path(`/a?b=c`)", "`/a?b=c`", "the query is no part of the path"),
            (
                "Path(`/a%20b`)",
                "`/a%20b`",
                "paths are compared with such characters decoded",
            ),
            (
                "Path(`/a%2fb`)",
                "`/a%2fb`",
                "paths are compared with their percent-encodings in upper case",
            ),
            (
                "Query(`a=b`)",
                "`a=b`",
                "`key=value` in one argument is rule syntax v2",
            ),
        ] {
            warns(text, part, reason);
        }
        let both = "Host(`a`) && Host(`b`)";
        warns(both, both, "it asks for two different hosts at once");
    }

    #[test]
    fn placeholders_of_syntax_v2_are_pointed_at() {
        let reason = "`{name:regex}` is rule syntax v2";
        warns("Host(`{sub:[a-z]+}.a.b`)", "`{sub:[a-z]+}.a.b`", reason);
        warns("HostRegexp(`{sub:[a-z]+}.a.b`)", "`{sub:[a-z]+}.a.b`", reason);
        warns("PathPrefix(`/x/{id}`)", "`/x/{id}`", reason);
        warns("PathRegexp(`/x/{id:[0-9]+}`)", "`/x/{id:[0-9]+}`", reason);
    }

    #[test]
    fn ordinary_rules_are_not_suspected() {
        for text in [
            "Host(`Example.COM`) || Host(`*.example.com`) || Host(`*`) || Host(`::1`)",
            r"HostRegexp(`^(?P<Name>[A-Za-z]{2,3})\D\S\p{Lu}\.example\.com$`) || HostRegexp(`(?i)API`)",
            "PathRegexp(`^/[a-z]{2}/A{3}$`) || Path(`/a%2Fb/ü d`) || PathPrefix(`/100%`)",
            "Query(`a`, `b=c`) || QueryRegexp(`a`) || Header(`X-Host`, `a`)",
        ] {
            assert_eq!(parse(text).unwrap().warnings, [], "{text}");
        }
    }
}
