//! A tree as rule text again, in Traefik's spelling.

use std::fmt::{self, Display, Formatter, Write as _};

use super::Matcher;

impl Display for Matcher {
    /// Writes text that parses to the same tree.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(children) => write_joined(f, children, " && "),
            Self::Any(children) => write_joined(f, children, " || "),
            Self::Not(leaf) => write!(f, "!{leaf}"),
            Self::ClientIp(block) => write_call(f, "ClientIP", &[&block.to_string()]),
            Self::Header { name, value } => write_call(f, "Header", &[name, value]),
            Self::HeaderRegexp { name, pattern } => write_call(f, "HeaderRegexp", &[name, pattern.as_str()]),
            Self::Host(host) => write_call(f, "Host", &[host.as_str()]),
            Self::HostRegexp(pattern) => write_call(f, "HostRegexp", &[pattern.as_str()]),
            Self::Method(method) => write_call(f, "Method", &[method]),
            Self::Path(path) => write_call(f, "Path", &[path]),
            Self::PathPrefix(prefix) => write_call(f, "PathPrefix", &[prefix]),
            Self::PathRegexp(pattern) => write_call(f, "PathRegexp", &[pattern.as_str()]),
            Self::Query {
                key,
                value: Some(value),
            } => write_call(f, "Query", &[key, value]),
            Self::Query { key, value: None } => write_call(f, "Query", &[key]),
            Self::QueryRegexp { key, pattern } => write_call(f, "QueryRegexp", &[key, pattern.as_str()]),
        }
    }
}

fn write_joined(f: &mut Formatter<'_>, children: &[Matcher], operator: &str) -> fmt::Result {
    for (index, child) in children.iter().enumerate() {
        if index > 0 {
            f.write_str(operator)?;
        }
        match child {
            Matcher::All(_) | Matcher::Any(_) => write!(f, "({child})")?,
            leaf => write!(f, "{leaf}")?,
        }
    }
    Ok(())
}

fn write_call(f: &mut Formatter<'_>, name: &str, arguments: &[&str]) -> fmt::Result {
    write!(f, "{name}(")?;
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write_literal(f, argument)?;
    }
    f.write_char(')')
}

/// A Go string literal: raw where that can hold the text (a raw one has no backtick and loses `\r`).
fn write_literal(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    if !text.contains(['`', '\r']) {
        return write!(f, "`{text}`");
    }
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            other => f.write_char(other)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_get_parentheses_and_literals_the_quotes_that_hold_them() {
        let rule = Matcher::all([
            Matcher::host("example.com").unwrap(),
            Matcher::any([
                Matcher::path("/a").unwrap(),
                Matcher::query("q", None).unwrap().negated(),
            ]),
            Matcher::header("X-Quote", "`\"\\").unwrap(),
        ]);
        let text = r#"Host(`example.com`) && (Path(`/a`) || !Query(`q`)) && Header(`x-quote`, "`\"\\")"#;
        assert_eq!(rule.to_string(), text);
    }
}
