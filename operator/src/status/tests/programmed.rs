use serde_json::Value;
use weir_model::document::{Config, NodeId, validate::Violation};

use super::NOW;
use crate::status::{
    Progress, merge,
    testing::{Made, condition, made, progress, service, shown, traefik_service, weighted},
};

const LATER: &str = "2026-02-02T00:00:00Z";

fn good() -> Made {
    made(
        &[service("svc1"), weighted("a", 1, &["svc1"])],
        &Config::default(),
    )
}

fn message(status: &Value) -> &str {
    condition(status, "Programmed").unwrap()["message"]
        .as_str()
        .unwrap()
}

fn merged(made: &Made, stored: Option<&Value>, progress: &Progress) -> Option<Value> {
    merge(stored, &made.status(&traefik_service("a"), progress), LATER)
}

#[test]
fn once_reached_it_stays_whatever_proxies_do() {
    let good = good();
    let reached = merged(&good, None, &progress(1, &[1, 1])).unwrap();
    assert_eq!(message(&reached), "2 of 2 proxies run revision 1");
    for progress in [
        progress(1, &[]),
        progress(1, &[1]),
        progress(1, &[1, 0, 0]),
        progress(9, &[0]),
    ] {
        assert_eq!(merged(&good, Some(&reached), &progress), None, "{progress:?}");
    }
}

#[test]
fn proxies_that_cannot_be_seen_hide_nothing_else_and_undo_nothing() {
    let good = good();
    let unknown = Progress {
        unknown: Some("permission is missing".into()),
        ..progress(1, &[])
    };
    let status = merged(&good, None, &unknown).unwrap();
    assert_eq!(shown(&status, "Accepted"), "True Accepted");
    assert_eq!(shown(&status, "Programmed"), "False ProxiesUnknown");
    assert_eq!(
        message(&status),
        "whether proxies run revision 1 is not known, since their pods cannot be watched: permission is missing"
    );
    let reached = merged(&good, None, &progress(1, &[1])).unwrap();
    assert_eq!(merged(&good, Some(&reached), &unknown), None);
}

#[test]
fn a_new_compiled_form_of_the_object_asks_the_proxies_anew() {
    let before = good();
    let reached = merged(&before, None, &progress(1, &[1])).unwrap();
    // no edit of the object: the Service that it names went away
    let after = made(&[weighted("a", 1, &["svc1"])], &before.compilation.config);
    assert_eq!(after.compilation.config.revision, 2);
    let waiting = merged(&after, Some(&reached), &progress(2, &[1])).unwrap();
    assert_eq!(shown(&waiting, "Programmed"), "False WaitingForProxies");
    let reached = merged(&after, Some(&waiting), &progress(2, &[2])).unwrap();
    assert_eq!(message(&reached), "1 of 1 proxies run revision 2");
}

#[test]
fn others_changes_do_not_matter() {
    let before = good();
    let reached = merged(&before, None, &progress(1, &[1])).unwrap();
    let objects = [
        service("svc1"),
        weighted("a", 1, &["svc1"]),
        weighted("b", 1, &["ts:a"]),
    ];
    let after = made(&objects, &before.compilation.config);
    assert_eq!(after.compilation.config.revision, 2);
    assert_eq!(merged(&after, Some(&reached), &progress(2, &[1])), None);
}

#[test]
fn only_what_passes_by_itself_is_under_way() {
    let good = good();
    let under_way = |progress: &Progress| good.status(&traefik_service("a"), progress).is_under_way(None);
    assert!(under_way(&progress(0, &[0])));
    assert!(under_way(&progress(1, &[0])));
    assert!(!under_way(&progress(1, &[1])));
    assert!(!under_way(&progress(1, &[])));
}

#[test]
fn a_bad_edit_names_the_generation_that_is_served() {
    let before = good();
    let bad = made(
        &[service("svc1"), weighted("a", 2, &["svc1", "x@y"])],
        &before.compilation.config,
    );
    let status = merged(&bad, None, &progress(1, &[1])).unwrap();
    assert_eq!(shown(&status, "Programmed"), "False LastGoodServed");
    assert_eq!(
        message(&status),
        "generation 1 is served, since generation 2 is not accepted"
    );
}

#[test]
fn what_is_held_back_says_so() {
    let mut progress = progress(1, &[1]);
    progress
        .published
        .held_back
        .insert(traefik_service("a"), "1.3 MiB are too many".into());
    let status = merged(&good(), None, &progress).unwrap();
    assert_eq!(shown(&status, "Programmed"), "False ConfigTooLarge");
    assert_eq!(message(&status), "1.3 MiB are too many");
}

#[test]
fn a_config_that_does_not_hold_fails_what_it_would_have_brought_only() {
    let before = good();
    let objects = [
        service("svc1"),
        weighted("a", 1, &["svc1"]),
        weighted("b", 1, &["svc1"]),
    ];
    let mut after = made(&objects, &before.compilation.config);
    // as the compiler does in that case
    after.compilation.config = before.compilation.config.clone();
    after.compilation.violations = vec![Violation::Cycle(vec![NodeId::traefik_service(
        &traefik_service("b").name,
    )])];
    let status = |name: &str| {
        merge(
            None,
            &after.status(&traefik_service(name), &progress(1, &[1])),
            NOW,
        )
        .unwrap()
    };
    assert_eq!(shown(&status("a"), "Programmed"), "True Programmed");
    assert_eq!(shown(&status("b"), "Programmed"), "False InternalError");
    assert!(message(&status("b")).contains("ts/apps/b"));
}
