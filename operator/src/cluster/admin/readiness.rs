//! Whether the operator is ready, and what it waits for if not.

use crate::cluster::{
    lease::Leadership,
    watch::{Health, WatchHealth},
};

/// How far the program is.
#[derive(Clone, Debug)]
pub enum Stage {
    /// Before anything can be written, this is needed.
    Waiting(String),
    /// Everything runs; and whether this replica writes.
    Running(Leadership),
    /// It ends.
    Stopping,
}

/// What is missing, one a line; nothing: it is ready. Once something was compiled it stays ready whatever
/// becomes of a watch, since what is known stays in force.
pub(super) fn pending(stage: &Stage, health: &Health, compiled: bool) -> Vec<String> {
    let mut pending = match stage {
        Stage::Stopping => return vec!["stopping".to_owned()],
        Stage::Waiting(what) => vec![what.clone()],
        Stage::Running(_) => Vec::new(),
    };
    if compiled {
        return pending;
    }
    pending.extend(unwell(health));
    if pending.is_empty() {
        pending.push("the first compilation is under way".to_owned());
    }
    pending
}

/// The watches that are not up to date, one a line.
pub(super) fn unwell(health: &Health) -> impl Iterator<Item = String> {
    health.iter().filter_map(|(source, health)| match health {
        WatchHealth::Watching | WatchHealth::Absent => None,
        WatchHealth::Starting => Some(format!("{source}: not listed yet")),
        WatchHealth::Failing(reason) => Some(format!("{source}: {reason}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cluster::{Source, watch::Watched},
        compile::finding::Kind,
    };

    fn health(state: WatchHealth) -> Health {
        let source = |kind| {
            Watched::from(&Source {
                kind,
                namespace: None,
            })
        };
        Health::from([
            (source(Kind::Secret), WatchHealth::Watching),
            (source(Kind::Service), state),
            (source(Kind::TraefikService), WatchHealth::Absent),
        ])
    }

    fn running() -> Stage {
        Stage::Running(Leadership::until(None).1)
    }

    #[test]
    fn each_watch_that_is_missing_says_why() {
        let starting = health(WatchHealth::Starting);
        assert_eq!(
            pending(&running(), &starting, false),
            ["Services: not listed yet"]
        );
        let failing = health(WatchHealth::Failing("no".to_owned()));
        assert_eq!(pending(&running(), &failing, false), ["Services: no"]);
        let watching = health(WatchHealth::Watching);
        assert_eq!(
            pending(&running(), &watching, false),
            ["the first compilation is under way"]
        );
    }

    #[test]
    fn a_watch_that_fails_later_does_not_matter() {
        let failing = health(WatchHealth::Failing("no".to_owned()));
        assert!(pending(&running(), &failing, true).is_empty());
        assert_eq!(pending(&Stage::Stopping, &failing, true), ["stopping"]);
        let waiting = Stage::Waiting("the owner".to_owned());
        assert_eq!(pending(&waiting, &failing, true), ["the owner"]);
    }
}
