//! The rules for one host, by path.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::condition::Condition;
use super::request::RequestView;
use super::scope::PathScope;
use super::trie::{Trie, common_prefix};

/// A rule at one place of the index.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// The rule's position in the order of precedence.
    pub(super) rank: u32,
    /// What the place leaves to check: mostly nothing.
    pub(super) condition: Option<Arc<Condition>>,
}

/// The rank of the best candidate so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Best(Option<u32>);

impl Best {
    pub(super) const NONE: Self = Self(None);

    pub(super) fn rank(self) -> Option<u32> {
        self.0
    }

    /// Whether nothing of `rank` or after it is better.
    fn is_before(self, rank: u32) -> bool {
        self.0.is_some_and(|best| best <= rank)
    }

    /// Tries candidates, which are in the order of precedence.
    fn consider(&mut self, candidates: &[Candidate], request: &RequestView<'_>) {
        for candidate in candidates {
            if self.is_before(candidate.rank) {
                return;
            }
            if candidate
                .condition
                .as_ref()
                .is_none_or(|condition| condition.holds(request))
            {
                self.0 = Some(candidate.rank);
                return;
            }
        }
    }
}

/// The rules of one host.
#[derive(Debug)]
pub(super) struct Paths {
    /// Those for any path.
    anywhere: Box<[Candidate]>,
    /// The paths that rules name, sorted.
    named: Box<[Named]>,
    trie: Trie,
}

/// A path that rules name.
#[derive(Debug)]
struct Named {
    path: Box<str>,
    /// The rules for this path alone.
    exact: Box<[Candidate]>,
    /// The rules for all paths that start with this one.
    prefix: Box<[Candidate]>,
    /// The longest other path with which this one starts and that is a prefix for some rule.
    shorter: Option<u32>,
    /// The best rank among all such shorter ones.
    shorter_rank: u32,
}

impl Named {
    /// The best rank among the rules for this prefix and shorter ones.
    fn prefix_rank(&self) -> u32 {
        self.prefix
            .first()
            .map_or(u32::MAX, |candidate| candidate.rank)
            .min(self.shorter_rank)
    }
}

impl Paths {
    /// Improves `best` by the candidates that match.
    pub(super) fn search(&self, request: &RequestView<'_>, best: &mut Best) {
        best.consider(&self.anywhere, request);
        let path = &*request.path;
        let Some(near) = self.trie.near(path.as_bytes()).map(|near| &self.named[near]) else {
            return;
        };
        let common = if path.starts_with(&*near.path) {
            near.path.len()
        } else {
            common_prefix(path.as_bytes(), near.path.as_bytes())
        };
        let mut next = Some(near);
        while let Some(named) = next {
            if named.path.len() <= common {
                if named.path.len() == path.len() {
                    best.consider(&named.exact, request);
                }
                best.consider(&named.prefix, request);
            }
            if best.is_before(named.shorter_rank) {
                return;
            }
            next = named.shorter.map(|shorter| &self.named[shorter as usize]);
        }
    }
}

/// [`Paths`] to which rules are added, in the order of precedence.
#[derive(Debug, Default)]
pub(super) struct PathsBuilder<'m> {
    anywhere: Vec<Candidate>,
    named: BTreeMap<&'m str, Uses>,
}

#[derive(Debug, Default)]
struct Uses {
    exact: Vec<Candidate>,
    prefix: Vec<Candidate>,
}

impl<'m> PathsBuilder<'m> {
    pub(super) fn add(&mut self, path: Option<PathScope<'m>>, candidate: Candidate) {
        match path {
            None => self.anywhere.push(candidate),
            Some(PathScope::Exact(path)) => self.named.entry(path).or_default().exact.push(candidate),
            Some(PathScope::Prefix(path)) => self.named.entry(path).or_default().prefix.push(candidate),
        }
    }

    pub(super) fn build(self) -> Paths {
        let paths: Vec<&str> = self.named.keys().copied().collect();
        let mut named: Vec<Named> = Vec::with_capacity(paths.len());
        // the prefixes with which the current path starts, from short to long
        let mut around: Vec<u32> = Vec::new();
        for (index, (path, Uses { exact, prefix })) in self.named.into_iter().enumerate() {
            while around
                .pop_if(|outer| !path.starts_with(paths[*outer as usize]))
                .is_some()
            {}
            let shorter = around.last().copied();
            let shorter_rank = shorter.map_or(u32::MAX, |shorter| named[shorter as usize].prefix_rank());
            if !prefix.is_empty() {
                around.push(index as u32);
            }
            let (exact, prefix) = (exact.into(), prefix.into());
            named.push(Named {
                path: path.into(),
                exact,
                prefix,
                shorter,
                shorter_rank,
            });
        }
        Paths {
            anywhere: self.anywhere.into(),
            named: named.into(),
            trie: Trie::build(&paths),
        }
    }
}
