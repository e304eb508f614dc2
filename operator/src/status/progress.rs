//! How far what was compiled has come: published, and loaded by proxies.

use std::collections::BTreeMap;

use crate::compile::finding::ObjectId;

/// How far what was compiled has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What was published last.
    pub published: Published,
    /// The proxies, sorted by pod.
    pub proxies: Vec<Proxy>,
    /// Why the proxies' pods cannot be watched, as long as nothing is known of them.
    pub unknown: Option<String>,
}

/// What was published last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// The config's revision; 0: none yet.
    pub revision: u64,
    /// The documents' digests (64 hex digits) by file, such as `config` or `endpoints-0`.
    pub digests: BTreeMap<String, String>,
    /// Objects that had to be left out for their size, and why.
    pub held_back: BTreeMap<ObjectId, String>,
    /// Why the last compilation could not be published, until one is.
    pub failure: Option<String>,
}

/// A proxy as its admin port and its pod show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxy {
    /// The pod's name.
    pub pod: String,
    /// Whether it gets traffic.
    pub ready: bool,
    /// Whether its container runs.
    pub running: bool,
    /// The revision of the config that it serves; none when it serves none or does not answer.
    pub revision: Option<u64>,
    /// The digests of what it serves, by file.
    pub digests: BTreeMap<String, String>,
    /// Why it refuses what it found in its files, as long as it does.
    pub rejection: Option<String>,
    /// What the last attempts to ask it or to touch its pod failed with. Without counts and times: it is told
    /// in statuses, which are written anew for each change.
    pub trouble: Option<String>,
}

impl Published {
    /// Whether a proxy serves a config of this revision or a later one. Revisions above the published one
    /// are from before it was lost, and say nothing.
    pub(super) fn is_run_by(&self, proxy: &Proxy, revision: u64) -> bool {
        let config = |digests: &BTreeMap<String, String>| digests.get("config").cloned();
        let same = config(&self.digests).is_some_and(|ours| config(&proxy.digests) == Some(ours));
        same || proxy
            .revision
            .is_some_and(|theirs| (revision..=self.revision).contains(&theirs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(config: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("config".to_owned(), config.to_owned())])
    }

    #[test]
    fn later_revisions_count_up_to_the_published_one() {
        let published = Published {
            revision: 7,
            digests: digests("a"),
            ..Published::default()
        };
        for (theirs, runs) in [
            (None, false),
            (Some(4), false),
            (Some(5), true),
            (Some(7), true),
            (Some(8), false),
        ] {
            let proxy = Proxy {
                revision: theirs,
                ..Proxy::default()
            };
            assert_eq!(published.is_run_by(&proxy, 5), runs, "{theirs:?}");
        }
    }

    #[test]
    fn the_same_digest_counts_whatever_the_revision() {
        let published = Published {
            revision: 1,
            digests: digests("a"),
            ..Published::default()
        };
        let proxy = |digest| Proxy {
            revision: Some(9),
            digests: digests(digest),
            ..Proxy::default()
        };
        assert!(published.is_run_by(&proxy("a"), 1));
        assert!(!published.is_run_by(&proxy("b"), 1));
    }
}
