//! The tree itself and its constructors.

use serde::{Deserialize, Serialize};

use super::{Cidr, HostPattern, Pattern, PatternError};

/// A match rule: a condition on a request. See the [module](super) for its normal form.
///
/// Meaning of the leaves: Traefik's v3 rule language (its documentation of HTTP routers).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Matcher {
    /// Every child matches.
    All(Vec<Self>),
    /// At least one child matches.
    Any(Vec<Self>),
    /// The leaf does not match.
    Not(Box<Self>),
    /// The peer's address (never what a header says) lies in the block.
    #[serde(rename = "clientIp")]
    ClientIp(Cidr),
    /// One of the header's values is equal.
    Header {
        /// The header's name in lower case.
        name: String,
        /// The whole value.
        value: String,
    },
    /// One of the header's values matches.
    HeaderRegexp {
        /// The header's name in lower case.
        name: String,
        /// Unanchored.
        pattern: Pattern,
    },
    /// The host.
    Host(HostPattern),
    /// The host in lower case matches; unanchored.
    HostRegexp(Pattern),
    /// The method is equal; upper case.
    Method(String),
    /// The routing path is equal.
    Path(String),
    /// The routing path starts with this text, whether or not a segment ends there.
    PathPrefix(String),
    /// The routing path matches; unanchored.
    PathRegexp(Pattern),
    /// One of the values of the query parameter is equal.
    Query {
        /// The parameter's name, decoded.
        key: String,
        /// The value, decoded; absent: an empty one (`?key` or `?key=`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// One of the values of the query parameter matches.
    QueryRegexp {
        /// The parameter's name, decoded.
        key: String,
        /// Unanchored.
        pattern: Pattern,
    },
}

/// Why an argument of a matcher is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// No argument may be empty.
    #[error("an argument must not be empty")]
    Empty,
    /// `Host` compares ASCII; other names arrive in their `xn--` form.
    #[error("a host must be ASCII")]
    HostNotAscii,
    /// One dot after a host says nothing; what two would say is anyone's guess.
    #[error("a host must not end with two dots")]
    HostDots,
    /// `Path` and `PathPrefix` compare with paths, and those start with a slash.
    #[error("a path must start with `/`")]
    PathNotAbsolute,
    /// A header's name is a token (RFC 9110, section 5.6.2).
    #[error("not a header name")]
    HeaderName,
    /// Neither an IP address nor a CIDR block.
    #[error("not an IP address or CIDR block")]
    Cidr,
    /// Not a regular expression that can be used.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl Matcher {
    /// The conjunction of `children`, flattened; a single child stands for itself.
    pub fn all(children: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for child in children {
            match child {
                Self::All(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        single(flat).unwrap_or_else(Self::All)
    }

    /// The disjunction of `children`, flattened; a single child stands for itself.
    pub fn any(children: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for child in children {
            match child {
                Self::Any(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        single(flat).unwrap_or_else(Self::Any)
    }

    /// The opposite, with the negation moved to the leaves.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::All(children) => Self::any(children.into_iter().map(Self::negated)),
            Self::Any(children) => Self::all(children.into_iter().map(Self::negated)),
            Self::Not(leaf) => *leaf,
            leaf => Self::Not(Box::new(leaf)),
        }
    }

    /// `Host`: lower-cased, without one trailing dot.
    pub fn host(host: &str) -> Result<Self, ArgumentError> {
        HostPattern::new(host).map(Self::Host)
    }

    /// `HostRegexp`.
    pub fn host_regexp(pattern: &str) -> Result<Self, ArgumentError> {
        Ok(Self::HostRegexp(Pattern::new(pattern)?))
    }

    /// `Path`.
    pub fn path(path: &str) -> Result<Self, ArgumentError> {
        absolute(path).map(Self::Path)
    }

    /// `PathPrefix`.
    pub fn path_prefix(prefix: &str) -> Result<Self, ArgumentError> {
        absolute(prefix).map(Self::PathPrefix)
    }

    /// `PathRegexp`.
    pub fn path_regexp(pattern: &str) -> Result<Self, ArgumentError> {
        Ok(Self::PathRegexp(Pattern::new(pattern)?))
    }

    /// `Method`: upper-cased.
    pub fn method(method: &str) -> Result<Self, ArgumentError> {
        Ok(Self::Method(not_empty(method)?.to_ascii_uppercase()))
    }

    /// `Header`: the name is lower-cased.
    pub fn header(name: &str, value: &str) -> Result<Self, ArgumentError> {
        Ok(Self::Header {
            name: header_name(name)?,
            value: not_empty(value)?.to_owned(),
        })
    }

    /// `HeaderRegexp`: the name is lower-cased.
    pub fn header_regexp(name: &str, pattern: &str) -> Result<Self, ArgumentError> {
        Ok(Self::HeaderRegexp {
            name: header_name(name)?,
            pattern: Pattern::new(pattern)?,
        })
    }

    /// `Query` with two arguments or, without a value, with one.
    pub fn query(key: &str, value: Option<&str>) -> Result<Self, ArgumentError> {
        let value = value.map(not_empty).transpose()?.map(str::to_owned);
        Ok(Self::Query {
            key: not_empty(key)?.to_owned(),
            value,
        })
    }

    /// `QueryRegexp` with two arguments. (With one it is the same as `Query` with one.)
    pub fn query_regexp(key: &str, pattern: &str) -> Result<Self, ArgumentError> {
        Ok(Self::QueryRegexp {
            key: not_empty(key)?.to_owned(),
            pattern: Pattern::new(pattern)?,
        })
    }

    /// `ClientIP`: an address or a block.
    pub fn client_ip(block: &str) -> Result<Self, ArgumentError> {
        block.parse().map(Self::ClientIp)
    }

    /// The children of an operator; none for a leaf.
    pub fn children(&self) -> &[Self] {
        match self {
            Self::All(children) | Self::Any(children) => children,
            Self::Not(child) => std::slice::from_ref(child),
            _ => &[],
        }
    }
}

/// The only element of a list, or the list again.
fn single(mut list: Vec<Matcher>) -> Result<Matcher, Vec<Matcher>> {
    if list.len() == 1 {
        list.pop().ok_or(list)
    } else {
        Err(list)
    }
}

fn not_empty(text: &str) -> Result<&str, ArgumentError> {
    if text.is_empty() {
        Err(ArgumentError::Empty)
    } else {
        Ok(text)
    }
}

fn absolute(path: &str) -> Result<String, ArgumentError> {
    match not_empty(path)? {
        path if path.starts_with('/') => Ok(path.to_owned()),
        _ => Err(ArgumentError::PathNotAbsolute),
    }
}

pub(super) fn header_name(name: &str) -> Result<String, ArgumentError> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if not_empty(name)?.bytes().all(token) {
        Ok(name.to_ascii_lowercase())
    } else {
        Err(ArgumentError::HeaderName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(path: &str) -> Matcher {
        Matcher::path(path).unwrap()
    }

    #[test]
    fn operators_are_flattened_and_single_children_stand_for_themselves() {
        let nested = Matcher::all([path("/a"), Matcher::all([path("/b"), path("/c")])]);
        assert_eq!(nested, Matcher::All(vec![path("/a"), path("/b"), path("/c")]));
        assert_eq!(Matcher::any([path("/a")]), path("/a"));
        assert_eq!(Matcher::any([Matcher::any([path("/a")])]), path("/a"));
    }

    #[test]
    fn negation_moves_to_the_leaves() {
        let rule = Matcher::all([path("/a"), Matcher::any([path("/b"), path("/c").negated()])]);
        let not = |leaf| Matcher::Not(Box::new(leaf));
        let negated = Matcher::any([not(path("/a")), Matcher::all([not(path("/b")), path("/c")])]);
        assert_eq!(rule.clone().negated(), negated);
        assert_eq!(rule.clone().negated().negated(), rule);
    }

    #[test]
    fn arguments_are_normalised() {
        assert_eq!(Matcher::method("get").unwrap(), Matcher::Method("GET".into()));
        let header = Matcher::Header {
            name: "x-user".into(),
            value: "A".into(),
        };
        assert_eq!(Matcher::header("X-User", "A").unwrap(), header);
    }

    #[test]
    fn unusable_arguments_are_refused() {
        assert_eq!(Matcher::path("a"), Err(ArgumentError::PathNotAbsolute));
        assert_eq!(Matcher::path_prefix(""), Err(ArgumentError::Empty));
        assert_eq!(Matcher::header("a b", "c"), Err(ArgumentError::HeaderName));
        assert_eq!(Matcher::query("q", Some("")), Err(ArgumentError::Empty));
        assert!(matches!(
            Matcher::path_regexp("("),
            Err(ArgumentError::Pattern(_))
        ));
    }

    #[test]
    fn the_json_form_is_externally_tagged_and_sorted() {
        let rule = Matcher::all([
            Matcher::host("Example.com").unwrap(),
            Matcher::any([
                Matcher::query("q", None).unwrap(),
                Matcher::header("X-A", "b").unwrap(),
            ]),
            Matcher::client_ip("10.0.0.0/8").unwrap().negated(),
            Matcher::query_regexp("v", "^[0-9]$").unwrap(),
        ]);
        let json = concat!(
            r#"{"all":[{"host":"example.com"},{"any":[{"query":{"key":"q"}},"#,
            r#"{"header":{"name":"x-a","value":"b"}}]},{"not":{"clientIp":"10.0.0.0/8"}},"#,
            r#"{"queryRegexp":{"key":"v","pattern":"^[0-9]$"}}]}"#,
        );
        assert_eq!(serde_json::to_string(&rule).unwrap(), json);
        assert_eq!(serde_json::from_str::<Matcher>(json).unwrap(), rule);
    }

    #[test]
    fn unknown_matchers_and_fields_are_refused() {
        for json in [
            r#"{"hosts":"a"}"#,
            r#"{"query":{"key":"a","x":1}}"#,
            r#"{"clientIp":"10.0.0.0/40"}"#,
        ] {
            assert!(serde_json::from_str::<Matcher>(json).is_err(), "{json}");
        }
    }
}
