//! `Programmed`: whether every ready proxy serves what is written.

use serde_json::Value;

use super::{
    View,
    catalogue::{NotProgrammed, PROGRAMMED},
    condition::Condition,
    merge::stored_condition,
    progress::{Progress, Proxy},
    text::{cut, names},
};
use crate::compile::finding::ObjectId;

/// Pods that a message names.
const PODS_SHOWN: usize = 5;
/// Of what is wrong with each of them.
const TROUBLE_BYTES: usize = 1024;

/// What an object's config says of it.
pub(super) enum Served {
    /// Nothing; the text says so.
    Nothing(String),
    /// What was accepted before; the text says which.
    LastGood(String),
    /// What is written, brought by this revision. None: it has nothing that could be served, or the
    /// config does not have it.
    AsWritten(Option<u64>),
}

/// The condition, as far as the moment tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Programmed {
    now: Condition,
    /// The revision that proxies must have loaded, when that is what it hangs on.
    revision: Option<u64>,
}

/// Decides on an object. `in_config` is whether the config has the object's current generation.
pub(super) fn decide(view: &View<'_>, object: &ObjectId, served: Served, in_config: bool) -> Programmed {
    let fails = |reason: NotProgrammed, message: String| Programmed {
        now: Condition::fails(PROGRAMMED, reason.as_str(), message),
        revision: None,
    };
    if let Some(message) = view.progress.published.held_back.get(object) {
        return fails(NotProgrammed::ConfigTooLarge, message.clone());
    }
    let revision = match served {
        Served::Nothing(message) => return fails(NotProgrammed::NotAccepted, message),
        Served::LastGood(message) => return fails(NotProgrammed::LastGoodServed, message),
        Served::AsWritten(_) if !in_config => {
            return fails(NotProgrammed::InternalError, internal_error(view));
        }
        Served::AsWritten(revision) => revision.unwrap_or_default(),
    };
    Programmed {
        now: by_proxies(view.progress, revision),
        revision: Some(revision),
    }
}

fn internal_error(view: &View<'_>) -> String {
    let violation = view.compilation.violations.first();
    let violation = violation
        .map(|violation| format!(" ({violation})"))
        .unwrap_or_default();
    format!(
        "the compiler made a config that does not hold{violation}; what was published before stays; please report this"
    )
}

fn by_proxies(progress: &Progress, revision: u64) -> Condition {
    let fails =
        |reason: NotProgrammed, message: String| Condition::fails(PROGRAMMED, reason.as_str(), message);
    let Progress {
        published,
        proxies,
        unknown,
    } = progress;
    if revision > published.revision {
        return match &published.failure {
            Some(failure) => fails(
                NotProgrammed::PublishFailed,
                format!("revision {revision} cannot be published: {failure}"),
            ),
            None => fails(
                NotProgrammed::Pending,
                format!("revision {revision} is being published"),
            ),
        };
    }
    if let Some(why) = unknown {
        return fails(
            NotProgrammed::ProxiesUnknown,
            format!(
                "whether proxies run revision {revision} is not known, since their pods cannot be watched: {why}"
            ),
        );
    }
    let ready: Vec<&Proxy> = proxies.iter().filter(|proxy| proxy.ready).collect();
    let slow: Vec<&Proxy> = ready
        .iter()
        .copied()
        .filter(|proxy| !published.is_run_by(proxy, revision))
        .collect();
    if !ready.is_empty() && slow.is_empty() {
        return Condition::holds(PROGRAMMED, PROGRAMMED, run_message(ready.len(), revision));
    }
    // one that refuses its first config never gets ready
    let starting = || {
        proxies
            .iter()
            .filter(|proxy| proxy.running && !proxy.ready)
            .collect()
    };
    let asked = if ready.is_empty() {
        starting()
    } else {
        slow.clone()
    };
    if let Some((proxy, why)) = asked.iter().find_map(|p| Some((p, p.rejection.as_ref()?))) {
        return fails(
            NotProgrammed::ProxyRejected,
            format!("proxy {} refuses the config: {why}", proxy.pod),
        );
    }
    if ready.is_empty() {
        let message = if asked.is_empty() {
            "no proxy runs".to_owned()
        } else {
            format!(
                "no proxy is ready; starting: {}",
                names(asked.iter().map(|p| &p.pod), PODS_SHOWN)
            )
        };
        return fails(NotProgrammed::NoProxies, message);
    }
    let message = format!(
        "{} of {} proxies run revision {revision}; waiting for {}",
        ready.len() - slow.len(),
        ready.len(),
        names(slow.iter().map(|proxy| with_trouble(proxy)), PODS_SHOWN)
    );
    fails(NotProgrammed::WaitingForProxies, message)
}

/// `proxy-0 (its admin port 10.0.0.7:9000: connection refused)`
fn with_trouble(proxy: &Proxy) -> String {
    match &proxy.trouble {
        Some(trouble) => format!("{} ({})", proxy.pod, cut(trouble, TROUBLE_BYTES)),
        None => proxy.pod.clone(),
    }
}

fn run_message(proxies: usize, revision: u64) -> String {
    format!("{proxies} of {proxies} proxies run revision {revision}")
}

/// The revision out of [`run_message`].
fn run_revision(message: &str) -> Option<u64> {
    message.rsplit_once(" proxies run revision ")?.1.parse().ok()
}

/// Whether this reason goes away by itself, usually soon.
pub(super) fn passes(reason: &str) -> bool {
    [NotProgrammed::Pending, NotProgrammed::WaitingForProxies]
        .iter()
        .any(|passing| passing.as_str() == reason)
}

/// Whether this reason is news for somebody who looks at the object's Events; of what findings say that
/// is told with them.
pub(super) fn is_news(reason: &str) -> bool {
    [
        NotProgrammed::ProxyRejected,
        NotProgrammed::ConfigTooLarge,
        NotProgrammed::PublishFailed,
        NotProgrammed::InternalError,
    ]
    .iter()
    .any(|news| news.as_str() == reason)
}

impl Programmed {
    /// The condition over the stored status: as stored, if that says that this revision was reached.
    pub fn over(&self, stored: Option<&Value>, generation: i64) -> Condition {
        let reached = self.revision.and_then(|revision| {
            let stored = stored_condition(stored?, PROGRAMMED)?;
            let text = |key| stored.get(key).and_then(Value::as_str);
            let message = text("message").filter(|_| text("status") == Some("True"))?;
            let same = stored.get("observedGeneration").and_then(Value::as_i64) == Some(generation)
                && run_revision(message) == Some(revision);
            same.then(|| Condition::holds(PROGRAMMED, PROGRAMMED, message))
        });
        reached.unwrap_or_else(|| self.now.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Published;

    fn proxy(pod: &str, revision: Option<u64>) -> Proxy {
        Proxy {
            pod: pod.into(),
            ready: true,
            running: true,
            revision,
            ..Proxy::default()
        }
    }

    fn decided(revision: u64, published: u64, proxies: Vec<Proxy>) -> (&'static str, String) {
        let published = Published {
            revision: published,
            ..Published::default()
        };
        let condition = by_proxies(
            &Progress {
                published,
                proxies,
                unknown: None,
            },
            revision,
        );
        assert_eq!(condition.holds, condition.reason == PROGRAMMED);
        (condition.reason, condition.message)
    }

    #[test]
    fn it_holds_once_every_ready_proxy_runs_the_revision_or_a_later_one() {
        let not_ready = Proxy {
            ready: false,
            ..proxy("c", None)
        };
        let (reason, message) = decided(7, 8, vec![proxy("a", Some(7)), proxy("b", Some(8)), not_ready]);
        assert_eq!(
            (reason, message.as_str()),
            (PROGRAMMED, "2 of 2 proxies run revision 7")
        );
        assert_eq!(run_revision(&message), Some(7));
    }

    #[test]
    fn slow_proxies_are_named() {
        let (reason, message) = decided(
            7,
            7,
            vec![proxy("a", Some(7)), proxy("b", Some(6)), proxy("c", None)],
        );
        assert_eq!(reason, NotProgrammed::WaitingForProxies.as_str());
        assert_eq!(message, "1 of 3 proxies run revision 7; waiting for b, c");
        assert_eq!(run_revision(&message), None);
    }

    #[test]
    fn slow_proxies_are_named_with_what_is_wrong_with_them() {
        let deaf = Proxy {
            trouble: Some("its admin port 10.0.0.7:9000: connection refused".into()),
            ..proxy("b", None)
        };
        let (_, message) = decided(7, 7, vec![proxy("a", Some(6)), deaf]);
        assert_eq!(
            message,
            "0 of 2 proxies run revision 7; waiting for a, b (its admin port 10.0.0.7:9000: connection refused)"
        );
    }

    #[test]
    fn a_proxy_that_refuses_is_named_with_its_reason_even_if_it_never_got_ready() {
        for ready in [true, false] {
            let refusing = Proxy {
                ready,
                rejection: Some("unknown schema 9".into()),
                ..proxy("b", None)
            };
            let mut proxies = vec![refusing];
            if ready {
                proxies.insert(0, proxy("a", Some(7)));
            }
            let (reason, message) = decided(7, 7, proxies);
            assert_eq!(
                (reason, message.as_str()),
                (
                    NotProgrammed::ProxyRejected.as_str(),
                    "proxy b refuses the config: unknown schema 9"
                )
            );
        }
    }

    #[test]
    fn a_refusal_of_something_later_does_not_matter() {
        let refusing = Proxy {
            rejection: Some("broken".into()),
            ..proxy("a", Some(7))
        };
        assert_eq!(decided(7, 8, vec![refusing]).0, PROGRAMMED);
    }

    #[test]
    fn without_proxies_it_fails() {
        assert_eq!(
            decided(1, 1, vec![]),
            (NotProgrammed::NoProxies.as_str(), "no proxy runs".into())
        );
        let starting = Proxy {
            ready: false,
            ..proxy("a", None)
        };
        assert_eq!(
            decided(1, 1, vec![starting]),
            (
                NotProgrammed::NoProxies.as_str(),
                "no proxy is ready; starting: a".into()
            )
        );
    }

    #[test]
    fn what_is_not_published_is_pending_or_failed() {
        assert_eq!(
            decided(8, 7, vec![proxy("a", Some(7))]).0,
            NotProgrammed::Pending.as_str()
        );
        let published = Published {
            revision: 7,
            failure: Some("forbidden".into()),
            ..Published::default()
        };
        let condition = by_proxies(
            &Progress {
                published,
                proxies: vec![],
                unknown: None,
            },
            8,
        );
        assert_eq!(condition.reason, NotProgrammed::PublishFailed.as_str());
        assert_eq!(condition.message, "revision 8 cannot be published: forbidden");
    }
}
