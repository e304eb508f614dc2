//! Names of Kubernetes objects, checked once.

use std::fmt;

use thiserror::Error;

/// A namespaced object's name: `apps/wrr1`. Ordered by namespace, then name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespacedName {
    /// The namespace.
    pub namespace: String,
    /// The name inside the namespace.
    pub name: String,
}

impl NamespacedName {
    /// Both parts as they are; see [`check_name`] for the rules a part from a user must pass first.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for NamespacedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Why a text is no name of a Kubernetes object.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// `name: ""`.
    #[error("the name is empty")]
    Empty,
    /// `@` selects another provider in Traefik's own file format; the page forbids it here.
    #[error("the name {0:?} contains '@'")]
    At(String),
    /// More than 253 bytes.
    #[error("the name is {0} bytes long, more than the 253 that Kubernetes allows")]
    TooLong(usize),
    /// A character that no DNS subdomain has, or one at a place where it has none.
    #[error(
        "the name {0:?} is no DNS subdomain: lower-case letters, digits, '-' and '.' only, a letter or digit at both ends"
    )]
    NotDns(String),
}

/// Checks a name by Kubernetes' rule for most objects (RFC 1123 subdomain, at most 253 bytes), and
/// tells `@` apart, since users of Traefik write it on purpose.
pub fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.contains('@') {
        return Err(NameError::At(name.to_owned()));
    }
    if name.len() > 253 {
        return Err(NameError::TooLong(name.len()));
    }
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let label = |label: &str| {
        let bytes = label.as_bytes();
        bytes.first().copied().is_some_and(inner)
            && bytes.last().copied().is_some_and(inner)
            && bytes.iter().all(|&b| inner(b) || b == b'-')
    };
    if name.split('.').all(label) {
        Ok(())
    } else {
        Err(NameError::NotDns(name.to_owned()))
    }
}

/// Traefik's form of a name: every run of characters that are neither letters nor digits becomes one
/// `-`, none at the ends. `test.route` gives `test-route`. Several names can give the same form: it
/// serves as label and cookie identity only, never as an id.
pub fn traefik_name(parts: &[&str]) -> String {
    let mut out = String::with_capacity(parts.iter().map(|p| p.len() + 1).sum());
    for part in parts {
        for word in part
            .split(|c: char| !c.is_alphanumeric())
            .filter(|w| !w.is_empty())
        {
            if !out.is_empty() {
                out.push('-');
            }
            out.push_str(word);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_dns_subdomains_pass() {
        for name in ["a", "svc1", "a-b.c-d", "1", &"a".repeat(253)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn other_names_say_what_is_wrong() {
        assert_eq!(check_name(""), Err(NameError::Empty));
        assert_eq!(
            check_name("api@internal"),
            Err(NameError::At("api@internal".into()))
        );
        assert_eq!(check_name(&"a".repeat(254)), Err(NameError::TooLong(254)));
        for name in ["A", "-a", "a-", "a..b", ".a", "a/b", "a_b", "ä"] {
            assert_eq!(check_name(name), Err(NameError::NotDns(name.into())));
        }
    }

    #[test]
    fn traefik_names_collapse_separators() {
        assert_eq!(traefik_name(&["apps", "wrr1"]), "apps-wrr1");
        assert_eq!(traefik_name(&["default", "test.route"]), "default-test-route");
        assert_eq!(
            traefik_name(&["a", "multiple---hyphens-", "80"]),
            "a-multiple-hyphens-80"
        );
    }
}
