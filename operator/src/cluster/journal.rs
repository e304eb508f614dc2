//! What the log tells of the whole: findings when they come and go, and that nothing serves them.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::{sync::watch, time::sleep};

use super::{engine::Compiled, lease::Leadership, proxies};
use crate::{
    compile::finding::{Finding, Severity},
    metrics::CompilerMetrics,
};

/// Findings that one compilation may log; the others are counted.
const MOST: usize = 100;

/// How long no proxy may be seen before that is told.
const PATIENCE: Duration = Duration::from_secs(10);

/// Logs findings, until the engine is gone.
pub(super) async fn findings(mut compiled: watch::Receiver<Option<Arc<Compiled>>>, metrics: CompilerMetrics) {
    let mut before: Option<Arc<Compiled>> = None;
    while compiled.changed().await.is_ok() {
        let Some(now) = compiled.borrow_and_update().clone() else {
            continue;
        };
        metrics.compiled(now.duration);
        let old = before
            .as_ref()
            .map_or(&[][..], |before| &before.compilation.findings);
        tell(&news(old, &now.compilation.findings));
        for violation in &now.compilation.violations {
            tracing::error!(
                "the compiler made a config that does not hold, and the last one stays ({violation}); please report this"
            );
        }
        before = Some(now);
    }
}

/// Logs when a leader sees no proxies and when it does, until nobody looks for them any longer.
pub(super) async fn proxies(
    mut seen: watch::Receiver<Option<proxies::Known>>,
    mut leadership: Leadership,
    settings: proxies::Settings,
) {
    let proxies::Settings {
        namespace, selector, ..
    } = &settings;
    let (mut leading, mut told) = (false, None);
    loop {
        let known = seen.borrow_and_update().clone();
        // that they cannot be watched is told by the watch
        let count = known.and_then(Result::ok).map(|proxies| proxies.len());
        let there = count.map(|count| count > 0);
        let pause = if there == Some(true) {
            Duration::ZERO
        } else {
            PATIENCE
        };
        tokio::select! {
            now = leadership.changed_from(leading) => (leading, told) = (now, None),
            changed = seen.changed() => if changed.is_err() { return },
            () = sleep(pause), if leading && there.is_some() && told != there => {
                told = there;
                match count {
                    Some(count @ 1..) => tracing::info!(namespace, selector, "there are proxies: {count} now"),
                    _ => tracing::warn!(
                        namespace, selector,
                        "there are no proxies: no pod has these labels, so nothing serves what is published"
                    ),
                }
            }
        }
    }
}

/// What has changed about the findings.
#[derive(Debug, PartialEq, Eq)]
struct News<'a> {
    /// Not there before.
    new: Vec<&'a Finding>,
    /// How many are no longer there.
    gone: usize,
}

fn news<'a>(before: &'a [Finding], now: &'a [Finding]) -> News<'a> {
    let known: BTreeSet<&Finding> = before.iter().collect();
    let new: Vec<&Finding> = now.iter().filter(|finding| !known.contains(finding)).collect();
    let gone = before.len() - (now.len() - new.len()).min(before.len());
    News { new, gone }
}

fn tell(news: &News<'_>) {
    for finding in news.new.iter().take(MOST) {
        tell_finding(finding);
    }
    if news.new.len() > MOST {
        tracing::warn!(
            "and {} more findings: see the objects' conditions",
            news.new.len() - MOST
        );
    }
    if news.gone > 0 {
        tracing::info!("{} findings are gone", news.gone);
    }
}

fn tell_finding(finding: &Finding) {
    let Finding {
        object,
        field,
        code,
        message,
        effect,
        help,
        ..
    } = finding;
    let (code, reason, help) = (code.id(), code.reason(), help.as_deref().unwrap_or_default());
    // a level is part of a line's static description, hence the two of them
    if finding.severity == Severity::Info {
        tracing::debug!(%object, %field, code, reason, effect, help, "{message}");
    } else {
        tracing::warn!(%object, %field, code, reason, effect, help, "{message}");
    }
}

#[cfg(test)]
mod tests {
    use weir_model::path::FieldPath;

    use super::*;
    use crate::{
        cluster::testing::id,
        compile::finding::{Code, Kind},
    };

    fn finding(name: &str) -> Finding {
        let object = id(Kind::TraefikService, name);
        Finding::new(object, FieldPath::default(), Code::CycleDetected, "a cycle")
    }

    #[test]
    fn only_news_are_told() {
        let before = [finding("a"), finding("b")];
        let now = [finding("b"), finding("c")];
        let both = news(&before, &now);
        assert_eq!((both.new, both.gone), (vec![&now[1]], 1));
        assert_eq!(news(&now, &now), News { new: vec![], gone: 0 });
        assert_eq!(news(&before, &[]).gone, 2);
    }
}
