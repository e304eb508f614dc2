//! From a rule to where in the index it belongs.

use std::collections::BTreeSet;

use weir_model::rule::{HostKind, HostPattern, Matcher};

/// A condition on host and path; an absent part is no condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scope<'m> {
    pub(super) host: Option<&'m HostPattern>,
    pub(super) path: Option<PathScope<'m>>,
}

/// A condition on the routing path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PathScope<'m> {
    Exact(&'m str),
    Prefix(&'m str),
}

/// A rule is filed under at most that many scopes; one that needs more is filed more coarsely. (A rule with a
/// thousand nodes has fewer hosts than this.)
const MAX_SCOPES: usize = 1_024;

/// The scopes of a rule: where it matches, one of them holds.
pub(super) fn scopes(matcher: &Matcher) -> BTreeSet<Scope<'_>> {
    match matcher {
        Matcher::Any(children) => coarse_enough(children.iter().flat_map(scopes).collect()),
        Matcher::All(children) => children
            .iter()
            .map(scopes)
            .reduce(|a, b| both(&a, &b))
            .unwrap_or_default(),
        leaf => BTreeSet::from([Scope::of_leaf(leaf)]),
    }
}

/// The scopes in which one of `a` and one of `b` hold.
fn both<'m>(a: &BTreeSet<Scope<'m>>, b: &BTreeSet<Scope<'m>>) -> BTreeSet<Scope<'m>> {
    if a.len() * b.len() > MAX_SCOPES {
        // either alone is right too; the one with hosts tells more
        return if a.iter().all(|scope| scope.host.is_some()) {
            a.clone()
        } else {
            b.clone()
        };
    }
    a.iter()
        .flat_map(|a| b.iter().filter_map(|b| a.meet(b)))
        .collect()
}

fn coarse_enough(scopes: BTreeSet<Scope<'_>>) -> BTreeSet<Scope<'_>> {
    if scopes.len() <= MAX_SCOPES {
        return scopes;
    }
    let hosts: BTreeSet<_> = scopes
        .iter()
        .map(|scope| Scope {
            host: scope.host,
            path: None,
        })
        .collect();
    if hosts.len() <= MAX_SCOPES {
        hosts
    } else {
        BTreeSet::from([Scope::EVERYWHERE])
    }
}

impl<'m> Scope<'m> {
    pub(super) const EVERYWHERE: Self = Self {
        host: None,
        path: None,
    };

    fn of_leaf(leaf: &'m Matcher) -> Self {
        let (host, path) = match leaf {
            Matcher::Host(host) if host.kind() != HostKind::Any => (Some(host), None),
            Matcher::Path(path) => (None, Some(PathScope::Exact(path))),
            Matcher::PathPrefix(prefix) => (None, Some(PathScope::Prefix(prefix))),
            _ => (None, None),
        };
        Self { host, path }
    }

    /// Where both hold; `None` when that is nowhere.
    fn meet(&self, other: &Self) -> Option<Self> {
        Some(Self {
            host: meet(self.host, other.host)?,
            path: meet(self.path, other.path)?,
        })
    }

    /// Whether a leaf holds for all requests in this scope (`true`) or for none (`false`), if that is certain.
    pub(super) fn decides(&self, leaf: &Matcher) -> Option<bool> {
        let condition = Scope::of_leaf(leaf);
        match (condition.host, condition.path) {
            (Some(_), _) => decides(self.host, condition.host),
            (_, Some(_)) => decides(self.path, condition.path),
            // of all leaves only `*` has a scope that is no condition
            (None, None) => matches!(leaf, Matcher::Host(_)).then_some(true),
        }
    }
}

/// A set of requests, of a kind where two sets either have nothing in common or one covers the other.
trait Nested: Copy {
    fn covers(self, other: Self) -> bool;
}

impl Nested for &HostPattern {
    fn covers(self, other: Self) -> bool {
        self.covers(other)
    }
}

impl Nested for PathScope<'_> {
    fn covers(self, other: Self) -> bool {
        match (self, other) {
            (Self::Prefix(prefix), Self::Prefix(path) | Self::Exact(path)) => path.starts_with(prefix),
            (Self::Exact(path), Self::Exact(other)) => path == other,
            (Self::Exact(_), Self::Prefix(_)) => false,
        }
    }
}

/// No condition holds for all requests.
impl<T: Nested> Nested for Option<T> {
    fn covers(self, other: Self) -> bool {
        match (self, other) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(condition), Some(other)) => condition.covers(other),
        }
    }
}

/// What two sets have in common, if anything.
fn meet<T: Nested>(a: T, b: T) -> Option<T> {
    if a.covers(b) {
        Some(b)
    } else {
        b.covers(a).then_some(a)
    }
}

fn decides<T: Nested>(place: T, condition: T) -> Option<bool> {
    if condition.covers(place) {
        Some(true)
    } else if place.covers(condition) {
        None
    } else {
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Matcher {
        Matcher::host(text).unwrap()
    }

    fn prefix(text: &str) -> Matcher {
        Matcher::path_prefix(text).unwrap()
    }

    fn path(text: &str) -> Matcher {
        Matcher::path(text).unwrap()
    }

    fn shown(rule: &Matcher) -> Vec<String> {
        let show = |scope: &Scope<'_>| {
            let host = scope.host.map_or("any", HostPattern::as_str);
            match scope.path {
                None => host.to_owned(),
                Some(PathScope::Exact(path)) => format!("{host}{path}"),
                Some(PathScope::Prefix(path)) => format!("{host}{path}*"),
            }
        };
        scopes(rule).iter().map(show).collect()
    }

    #[test]
    fn alternatives_keep_their_own_hosts_and_paths() {
        let a = Matcher::all([host("a"), prefix("/x")]);
        let b = Matcher::all([host("b"), path("/y"), Matcher::method("GET").unwrap()]);
        assert_eq!(shown(&Matcher::any([a, b])), ["a/x*", "b/y"]);
    }

    #[test]
    fn conditions_narrow_each_other() {
        let hosts = Matcher::any([host("a"), host("b")]);
        let paths = Matcher::any([prefix("/x"), path("/y")]);
        assert_eq!(
            shown(&Matcher::all([hosts.clone(), paths.clone()])),
            ["a/y", "a/x*", "b/y", "b/x*"]
        );
        assert_eq!(
            shown(&Matcher::all([hosts, host("a"), prefix("/x/z"), paths])),
            ["a/x/z*"]
        );
        assert_eq!(
            shown(&Matcher::all([
                host("*.b.c"),
                host("a.b.c"),
                path("/p"),
                prefix("/")
            ])),
            ["a.b.c/p"]
        );
        assert_eq!(shown(&Matcher::all([host("a"), host("b")])), [""; 0]);
    }

    #[test]
    fn negated_and_other_leaves_say_nothing() {
        assert_eq!(
            shown(&Matcher::any([host("a"), path("/a").negated()])),
            ["any", "a"]
        );
        assert_eq!(shown(&Matcher::all([host("a"), host("b").negated()])), ["a"]);
    }

    #[test]
    fn too_many_scopes_become_coarser() {
        let hosts = |from: usize, to: usize| Matcher::any((from..to).map(|n| host(&format!("h{n}"))));
        let paths = Matcher::any((0..40).map(|n| path(&format!("/{n}"))));
        let rule = Matcher::all([paths.clone(), hosts(0, 100)]);
        assert_eq!(scopes(&rule).len(), 100);
        let groups = (0..30).map(|n| Matcher::all([hosts(20 * n, 20 * n + 20), paths.clone()]));
        assert_eq!(scopes(&Matcher::any(groups)).len(), 600);
    }

    #[test]
    fn a_place_decides_leaves_that_cover_it_or_miss_it() {
        let (host_a, prefix_x) = (host("a.b"), prefix("/x"));
        let rule = Matcher::all([host_a, prefix_x]);
        let scope = *scopes(&rule).first().unwrap();
        assert_eq!(scope.decides(&host("*.b")), Some(true));
        assert_eq!(scope.decides(&host("c")), Some(false));
        assert_eq!(scope.decides(&prefix("/")), Some(true));
        assert_eq!(scope.decides(&prefix("/x/y")), None);
        assert_eq!(scope.decides(&path("/x/y")), None);
        assert_eq!(scope.decides(&path("/y")), Some(false));
        assert_eq!(scope.decides(&Matcher::method("GET").unwrap()), None);
    }
}
