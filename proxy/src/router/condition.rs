//! A rule in the form in which it is evaluated.

use std::borrow::Cow;
use std::sync::Arc;

use hashbrown::HashMap;
use http::{HeaderName, header};
use regex::Regex;
use weir_model::rule::{Cidr, HostPattern, Matcher, Pattern, PatternError};

use super::query;
use super::request::RequestView;
use super::scope::Scope;

/// What is left of a rule to check.
#[derive(Debug)]
pub(super) enum Condition {
    All(Box<[Self]>),
    Any(Box<[Self]>),
    Not(Box<Self>),
    ClientIp(Cidr),
    Header { name: HeaderName, value: Box<str> },
    HeaderRegexp { name: HeaderName, regex: Arc<Regex> },
    Host(HostPattern),
    HostRegexp(Arc<Regex>),
    Method(Box<str>),
    Path(Box<str>),
    PathPrefix(Box<str>),
    PathRegexp(Arc<Regex>),
    Query { key: Box<str>, value: Box<str> },
    QueryRegexp { key: Box<str>, regex: Arc<Regex> },
}

impl Condition {
    /// How many nodes it has.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::All(children) | Self::Any(children) => 1 + children.iter().map(Self::size).sum::<usize>(),
            Self::Not(child) => 1 + child.size(),
            _ => 1,
        }
    }

    pub(super) fn holds(&self, request: &RequestView<'_>) -> bool {
        match self {
            Self::All(children) => children.iter().all(|child| child.holds(request)),
            Self::Any(children) => children.iter().any(|child| child.holds(request)),
            Self::Not(child) => !child.holds(request),
            Self::ClientIp(block) => block.contains(request.client_ip),
            Self::Header { name, value } => request
                .headers
                .get_all(name)
                .iter()
                .any(|line| line.as_bytes() == value.as_bytes()),
            Self::HeaderRegexp { name, regex } => {
                let mut lines = request.headers.get_all(name).iter();
                lines.any(|line| regex.is_match(&String::from_utf8_lossy(line.as_bytes())))
            }
            Self::Host(pattern) => pattern.matches(&request.host),
            Self::HostRegexp(regex) => regex.is_match(&request.host),
            Self::Method(method) => **method == *request.method,
            Self::Path(path) => **path == *request.path,
            Self::PathPrefix(prefix) => request.path.starts_with(&**prefix),
            Self::PathRegexp(regex) => regex.is_match(&request.path),
            Self::Query { key, value } => has_parameter(request, key, |found| **value == *found),
            Self::QueryRegexp { key, regex } => has_parameter(request, key, |found| regex.is_match(found)),
        }
    }
}

fn has_parameter(request: &RequestView<'_>, key: &str, test: impl Fn(&str) -> bool) -> bool {
    query::pairs(request.query).any(|(name, value): (Cow<'_, str>, Cow<'_, str>)| name == key && test(&value))
}

/// What a place in the index leaves of a rule.
#[derive(Debug)]
pub(super) enum Rest {
    /// Every request there matches.
    Always,
    /// No request there does.
    Never,
    /// Those for which this holds.
    If(Condition),
}

/// Makes conditions; expressions with the same text are compiled once and shared.
#[derive(Debug, Default)]
pub(super) struct Compiler {
    regexes: HashMap<Pattern, Arc<Regex>>,
}

/// An expression that does not compile.
#[derive(Debug)]
pub(super) struct BadPattern {
    pub(super) pattern: Pattern,
    pub(super) reason: PatternError,
}

impl Compiler {
    /// What is left of `matcher` for the requests in `scope`.
    pub(super) fn rest(&mut self, matcher: &Matcher, scope: &Scope<'_>) -> Result<Rest, BadPattern> {
        if let Some(decided) = scope.decides(matcher) {
            return Ok(if decided { Rest::Always } else { Rest::Never });
        }
        let condition = match matcher {
            Matcher::All(children) => {
                let rests = self.undecided(children, scope, false)?;
                return Ok(rests.map_or(Rest::Never, |rests| join(rests, Rest::Always, Condition::All)));
            }
            Matcher::Any(children) => {
                let rests = self.undecided(children, scope, true)?;
                return Ok(rests.map_or(Rest::Always, |rests| join(rests, Rest::Never, Condition::Any)));
            }
            Matcher::Not(child) => match self.rest(child, scope)? {
                Rest::Always => return Ok(Rest::Never),
                Rest::Never => return Ok(Rest::Always),
                Rest::If(condition) => Condition::Not(Box::new(condition)),
            },
            Matcher::ClientIp(block) => Condition::ClientIp(*block),
            Matcher::Header { name, value } => match visible_header(name) {
                Some(name) => Condition::Header {
                    name,
                    value: value.as_str().into(),
                },
                None => return Ok(Rest::Never),
            },
            Matcher::HeaderRegexp { name, pattern } => match visible_header(name) {
                Some(name) => Condition::HeaderRegexp {
                    name,
                    regex: self.regex(pattern)?,
                },
                None => return Ok(Rest::Never),
            },
            Matcher::Host(pattern) => Condition::Host(pattern.clone()),
            Matcher::HostRegexp(pattern) => Condition::HostRegexp(self.regex(pattern)?),
            Matcher::Method(method) => Condition::Method(method.as_str().into()),
            Matcher::Path(path) => Condition::Path(path.as_str().into()),
            Matcher::PathPrefix(prefix) => Condition::PathPrefix(prefix.as_str().into()),
            Matcher::PathRegexp(pattern) => Condition::PathRegexp(self.regex(pattern)?),
            Matcher::Query { key, value } => Condition::Query {
                key: key.as_str().into(),
                value: value.as_deref().unwrap_or_default().into(),
            },
            Matcher::QueryRegexp { key, pattern } => Condition::QueryRegexp {
                key: key.as_str().into(),
                regex: self.regex(pattern)?,
            },
        };
        Ok(Rest::If(condition))
    }

    /// The children that the place does not decide; `None` when one of them decides for all, being `decisive`.
    fn undecided(
        &mut self,
        children: &[Matcher],
        scope: &Scope<'_>,
        decisive: bool,
    ) -> Result<Option<Vec<Condition>>, BadPattern> {
        let mut rests = Vec::new();
        for child in children {
            match self.rest(child, scope)? {
                Rest::Always if decisive => return Ok(None),
                Rest::Never if !decisive => return Ok(None),
                Rest::Always | Rest::Never => {}
                Rest::If(condition) => rests.push(condition),
            }
        }
        Ok(Some(rests))
    }

    fn regex(&mut self, pattern: &Pattern) -> Result<Arc<Regex>, BadPattern> {
        if let Some(regex) = self.regexes.get(pattern) {
            return Ok(Arc::clone(regex));
        }
        let compiled = pattern.compile();
        let regex = Arc::new(compiled.map_err(|reason| BadPattern {
            pattern: pattern.clone(),
            reason,
        })?);
        self.regexes.insert(pattern.clone(), Arc::clone(&regex));
        Ok(regex)
    }
}

/// The conjunction or disjunction of conditions; of none it is `empty`.
fn join(mut rests: Vec<Condition>, empty: Rest, operator: fn(Box<[Condition]>) -> Condition) -> Rest {
    match rests.len() {
        0 => empty,
        1 => rests.pop().map_or(empty, Rest::If),
        _ => Rest::If(operator(rests.into_boxed_slice())),
    }
}

/// The header as Traefik's rules see it: all but `Host`, which Go keeps apart from the headers.
fn visible_header(name: &str) -> Option<HeaderName> {
    HeaderName::from_bytes(name.as_bytes())
        .ok()
        .filter(|name| *name != header::HOST)
}

#[cfg(test)]
mod tests {
    use super::super::scope::scopes;
    use super::*;

    fn leaf(path: &str) -> Matcher {
        Matcher::path(path).unwrap()
    }

    #[test]
    fn a_place_that_says_all_that_the_rule_says_leaves_nothing() {
        let hosts = Matcher::any(["a", "b"].map(|host| Matcher::host(host).unwrap()));
        let rule = Matcher::all([hosts, Matcher::path_prefix("/x").unwrap(), leaf("/a").negated()]);
        for scope in scopes(&rule) {
            assert!(matches!(
                Compiler::default().rest(&rule, &scope),
                Ok(Rest::Always)
            ));
        }
    }

    #[test]
    fn equal_expressions_are_compiled_once() {
        let regexp = |pattern: &str| Matcher::path_regexp(pattern).unwrap();
        let mut compiler = Compiler::default();
        for rule in [
            regexp("a"),
            Matcher::all([regexp("a"), regexp("b")]),
            Matcher::host_regexp("b").unwrap(),
        ] {
            compiler.rest(&rule, &Scope::EVERYWHERE).unwrap();
        }
        assert_eq!(compiler.regexes.len(), 2);
    }
}
