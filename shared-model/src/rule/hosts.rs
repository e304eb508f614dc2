//! Which hosts a rule can match.

use std::collections::BTreeSet;

use super::{HostPattern, Matcher};

impl Matcher {
    /// The hosts that this rule can match, when its `Host` matchers bound them: a request with any other host
    /// does not match. `None` when they do not (no `Host`, only a `HostRegexp`, a negated one, …).
    ///
    /// For the server names of certificates and for what is shown to people. An empty set means that the rule
    /// asks for two different hosts at once and matches nothing.
    pub fn hosts(&self) -> Option<BTreeSet<HostPattern>> {
        match self {
            Self::Host(host) => Some(BTreeSet::from([host.clone()])),
            Self::Any(children) => children
                .iter()
                .map(Self::hosts)
                .reduce(|a, b| Some(union(a?, b?)))?,
            Self::All(children) => children
                .iter()
                .filter_map(Self::hosts)
                .reduce(|a, b| intersection(&a, &b)),
            _ => None,
        }
    }
}

fn union(mut a: BTreeSet<HostPattern>, b: BTreeSet<HostPattern>) -> BTreeSet<HostPattern> {
    a.extend(b);
    a
}

/// Of two patterns with a host in common one covers the other, so the narrower of each pair is what is common.
fn intersection(a: &BTreeSet<HostPattern>, b: &BTreeSet<HostPattern>) -> BTreeSet<HostPattern> {
    let narrower =
        |wide: &BTreeSet<HostPattern>, host: &&HostPattern| wide.iter().any(|other| other.covers(host));
    let of_a = a.iter().filter(|host| narrower(b, host));
    let of_b = b.iter().filter(|host| narrower(a, host));
    of_a.chain(of_b).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Matcher {
        Matcher::host(text).unwrap()
    }

    fn path() -> Matcher {
        Matcher::path("/a").unwrap()
    }

    fn hosts(rule: &Matcher) -> Option<Vec<String>> {
        Some(rule.hosts()?.into_iter().map(String::from).collect())
    }

    #[test]
    fn alternatives_add_up_only_when_each_names_its_hosts() {
        let rule = Matcher::all([Matcher::any([host("b"), host("a")]), path()]);
        assert_eq!(hosts(&rule).unwrap(), ["a", "b"]);
        assert_eq!(hosts(&Matcher::any([host("a"), path()])), None);
        assert_eq!(hosts(&host("a").negated()), None);
    }

    #[test]
    fn several_conditions_keep_what_they_have_in_common() {
        let rule = Matcher::all([
            host("*.example.com"),
            Matcher::any([host("a.example.com"), host("b.org")]),
        ]);
        assert_eq!(hosts(&rule).unwrap(), ["a.example.com"]);
        assert_eq!(hosts(&Matcher::all([host("a"), host("b")])).unwrap(), [""; 0]);
        assert_eq!(
            hosts(&Matcher::all([host("*"), host("*.a.b")])).unwrap(),
            ["*.a.b"]
        );
    }
}
