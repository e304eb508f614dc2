//! The argument of `Host`: an exact name, a wildcard for the first label, or anything.

use serde::{Deserialize, Serialize};

use super::ArgumentError;

/// What a `Host` matcher compares with the canonical host of a request (no port, lower case, without one
/// trailing dot): `example.com`, `*.example.com` or `*`. Always ASCII, lower case and without one trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern(String);

/// The three forms of a [`HostPattern`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKind<'a> {
    /// `*`: every host, also an empty one.
    Any,
    /// `*.example.com`, here as `example.com`: one label more, whatever it is.
    Wildcard(&'a str),
    /// The host itself.
    Exact(&'a str),
}

impl HostPattern {
    /// Normalises `text` to lower case without one trailing dot.
    pub fn new(text: &str) -> Result<Self, ArgumentError> {
        if !text.is_ascii() {
            return Err(ArgumentError::HostNotAscii);
        }
        let host = text.strip_suffix('.').unwrap_or(text);
        if host.is_empty() {
            return Err(ArgumentError::Empty);
        }
        if host.ends_with('.') {
            return Err(ArgumentError::HostDots);
        }
        Ok(Self(host.to_ascii_lowercase()))
    }

    /// The normalised text, as it stands in a document.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Which form it has.
    pub fn kind(&self) -> HostKind<'_> {
        match self.0.strip_prefix("*.") {
            _ if self.0 == "*" => HostKind::Any,
            Some(suffix) if !suffix.is_empty() => HostKind::Wildcard(suffix),
            _ => HostKind::Exact(&self.0),
        }
    }

    /// Whether it matches a canonical host.
    pub fn matches(&self, host: &str) -> bool {
        match self.kind() {
            HostKind::Any => true,
            HostKind::Wildcard(suffix) => host
                .split_once('.')
                .is_some_and(|(label, rest)| !label.is_empty() && rest == suffix),
            HostKind::Exact(name) => host == name,
        }
    }

    /// Whether every host that `other` matches is matched by this one too.
    pub fn covers(&self, other: &Self) -> bool {
        self == other
            || match other.kind() {
                HostKind::Exact(name) => self.matches(name),
                HostKind::Wildcard(_) => self.kind() == HostKind::Any,
                HostKind::Any => false,
            }
    }
}

impl TryFrom<String> for HostPattern {
    type Error = ArgumentError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        HostPattern::new(text).unwrap()
    }

    #[test]
    fn an_exact_host_ignores_case_and_one_trailing_dot() {
        assert!(pattern("WWW.Example.com.").matches("www.example.com"));
        assert!(!pattern("www.example.com").matches("example.com"));
        assert!(!pattern("www.example.com").matches(""));
    }

    #[test]
    fn a_wildcard_stands_for_exactly_one_label() {
        let wildcard = pattern("*.example.com");
        assert!(wildcard.matches("a.example.com"));
        assert!(!wildcard.matches("example.com"));
        assert!(!wildcard.matches(".example.com"));
        assert!(!wildcard.matches("a.b.example.com"));
    }

    #[test]
    fn a_bare_star_matches_every_host_even_none() {
        assert!(pattern("*").matches("example.com"));
        assert!(pattern("*").matches(""));
    }

    #[test]
    fn covering_follows_matching() {
        assert!(pattern("*").covers(&pattern("*.example.com")));
        assert!(pattern("*.example.com").covers(&pattern("a.example.com")));
        assert!(pattern("a.example.com").covers(&pattern("a.example.com")));
        assert!(!pattern("*.example.com").covers(&pattern("*.a.example.com")));
        assert!(!pattern("*.example.com").covers(&pattern("*")));
    }

    #[test]
    fn names_that_are_empty_or_odd_are_refused() {
        assert_eq!(HostPattern::new(""), Err(ArgumentError::Empty));
        assert_eq!(HostPattern::new("."), Err(ArgumentError::Empty));
        assert_eq!(HostPattern::new("a.."), Err(ArgumentError::HostDots));
        assert_eq!(
            HostPattern::new("bücher.example"),
            Err(ArgumentError::HostNotAscii)
        );
    }
}
