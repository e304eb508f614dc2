//! How each watch does, for people.

use std::{collections::BTreeMap, error::Error, fmt};

use kube::{core::Status, runtime::watcher};
use tokio::sync::watch;

use crate::cluster::{permission::Missing, scope::Source};

/// How a watch does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchHealth {
    /// It has not listed its objects yet.
    Starting,
    /// It is up to date.
    Watching,
    /// The cluster lacks the kind, which counts as no objects.
    Absent,
    /// The last attempt failed, for this reason. What it brought before stays.
    Failing(String),
}

impl WatchHealth {
    /// Whether it is because the API server cannot be reached.
    fn is_cut_off(&self) -> bool {
        matches!(self, Self::Failing(reason) if is_outage(reason))
    }
}

const OUTAGE: &str = "the API server cannot be reached";

/// Whether a reason is that nobody answers, and not what somebody answers.
pub(in crate::cluster) fn is_outage(reason: &str) -> bool {
    reason.starts_with(OUTAGE)
}

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watched {
    /// Objects that are compiled.
    Objects(Source),
    /// Something of the release itself.
    Own {
        /// As a metric label, unlike any kind.
        kind: &'static str,
        /// For people.
        what: &'static str,
    },
}

impl From<&Source> for Watched {
    fn from(source: &Source) -> Self {
        Self::Objects(source.clone())
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Objects(source) => source.fmt(f),
            Self::Own { what, .. } => f.write_str(what),
        }
    }
}

/// How all watches do. That of Nodes is among them once it is wanted.
pub type Health = BTreeMap<Watched, WatchHealth>;

/// Takes reports of the watches, and logs what is new.
#[derive(Clone, Debug)]
pub struct Reporter(watch::Sender<Health>);

impl Reporter {
    pub(in crate::cluster) fn new(sources: &[Source]) -> (Self, watch::Receiver<Health>) {
        let health = sources
            .iter()
            .map(|source| (source.into(), WatchHealth::Starting))
            .collect();
        let (sender, receiver) = watch::channel(health);
        (Self(sender), receiver)
    }

    pub(in crate::cluster) fn starting(&self, watched: Watched) {
        self.put(watched, &WatchHealth::Starting);
    }

    pub(in crate::cluster) fn watching(&self, source: impl Into<Watched>) {
        let source = source.into();
        let Some(WatchHealth::Failing(reason)) = self.put(source.clone(), &WatchHealth::Watching) else {
            return;
        };
        if !is_outage(&reason) {
            tracing::info!("watching {source} again");
        } else if self.0.borrow().values().any(WatchHealth::is_cut_off) {
            tracing::debug!("watching {source} again");
        } else {
            tracing::info!("the API server can be reached again, and everything is watched");
        }
    }

    pub(in crate::cluster) fn absent(&self, source: &Source) {
        if self.put(source.into(), &WatchHealth::Absent) != Some(WatchHealth::Absent) {
            tracing::warn!(
                "the cluster has no {source}: install the custom resource definitions of folder crds/; they are found without a restart"
            );
        }
    }

    pub(in crate::cluster) fn failing(&self, source: impl Into<Watched>, reason: &str) {
        let source = source.into();
        let health = WatchHealth::Failing(reason.to_owned());
        // an outage is one for all of them, whatever its errors are
        let known = is_outage(reason) && self.0.borrow().values().any(WatchHealth::is_cut_off);
        // the same failure is told once, however often it is tried again
        let news = self.put(source.clone(), &health).as_ref() != Some(&health);
        match (news, known) {
            (true, false) => tracing::warn!("cannot watch {source}: {reason}"),
            (true, true) => tracing::debug!("cannot watch {source}: {reason}"),
            (false, _) => {}
        }
    }

    /// What was there before.
    fn put(&self, watched: Watched, health: &WatchHealth) -> Option<WatchHealth> {
        let mut before = None;
        self.0.send_if_modified(|all| {
            before = all.insert(watched, health.clone());
            before.as_ref() != Some(health)
        });
        before
    }
}

/// What a failed request means, in words.
pub(in crate::cluster) struct Reason<'a>(pub &'a kube::Error);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            kube::Error::Api(status) => answer(status, f),
            error => {
                // each error repeats its source's words; the last one has them all to itself
                let mut last: &dyn Error = error;
                while let Some(cause) = last.source() {
                    last = cause;
                }
                write!(f, "{OUTAGE}: {last}")
            }
        }
    }
}

fn answer(status: &Status, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let message = if status.message.is_empty() {
        &status.reason
    } else {
        &status.message
    };
    match Missing::read(message).filter(|_| status.code == 403) {
        Some(missing) => write!(f, "permission is missing: {missing}"),
        None => write!(f, "the API server answers {}: {message}", status.code),
    }
}

/// The HTTP status that a watch failed with, and what that means.
pub(in crate::cluster) fn failure(error: &watcher::Error) -> (Option<u16>, String) {
    let of_client = |error: &kube::Error| {
        let code = match error {
            kube::Error::Api(status) => Some(status.code),
            _ => None,
        };
        (code, Reason(error).to_string())
    };
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => of_client(error),
        watcher::Error::WatchError(status) => of_client(&kube::Error::Api(status.clone())),
        watcher::Error::NoResourceVersion => (None, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{scope::Scope, testing::log::Logged};

    fn forbidden(message: &str) -> watcher::Error {
        let status = Status {
            code: 403,
            message: message.to_owned(),
            ..Status::default()
        };
        watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status)))
    }

    #[test]
    fn a_missing_permission_is_called_one() {
        let message = r#"services is forbidden: User "me" cannot list resource "services" in API group "" at the cluster scope"#;
        let (code, reason) = failure(&forbidden(message));
        assert_eq!(code, Some(403));
        assert_eq!(
            reason,
            r#"permission is missing: user "me" needs verb "list" on "services" in the whole cluster; the rule for a ClusterRole: {apiGroups: [""], resources: ["services"], verbs: ["list", "watch"]}"#
        );
        let (_, reason) = failure(&forbidden("the quota is used up"));
        assert_eq!(reason, "the API server answers 403: the quota is used up");
    }

    #[test]
    fn an_outage_is_told_by_its_cause() {
        let refused = std::io::Error::other("connection refused");
        let error = kube::Error::Service(Box::new(refused));
        assert_eq!(
            Reason(&error).to_string(),
            "the API server cannot be reached: connection refused"
        );
    }

    #[test]
    fn an_outage_is_told_once_for_all_watches() {
        let logged = Logged::start("info");
        let sources = Scope::default().sources();
        let (reporter, _health) = Reporter::new(&sources);
        for error in ["connection reset", "connection refused", "connection refused"] {
            for source in &sources {
                reporter.failing(source, &format!("{OUTAGE}: {error}"));
            }
        }
        let told = logged.lines("");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("connection reset"), "{told:?}");
        // what somebody answers is another thing
        reporter.failing(&sources[1], "no");
        for source in &sources {
            reporter.watching(source);
        }
        let told: Vec<String> = logged.lines("").split_off(1);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(
            told[0].ends_with(&format!("cannot watch {}: no", sources[1])),
            "{told:?}"
        );
        assert!(
            told[1].ends_with(&format!("watching {} again", sources[1])),
            "{told:?}"
        );
        assert!(told[2].contains("can be reached again"), "{told:?}");
    }

    #[test]
    fn a_failure_that_repeats_itself_is_one_piece_of_news() {
        let source = Source::NODES;
        let (reporter, mut health) = Reporter::new(std::slice::from_ref(&source));
        reporter.failing(&source, "no");
        assert!(health.has_changed().unwrap());
        health.borrow_and_update();
        reporter.failing(&source, "no");
        assert!(!health.has_changed().unwrap());
        reporter.watching(&source);
        assert_eq!(
            health.borrow_and_update().get(&Watched::from(&source)),
            Some(&WatchHealth::Watching)
        );
    }
}
