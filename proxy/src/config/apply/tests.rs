//! Looks at directories in all states.

use std::{fs, time::Duration};

use weir_model::document::{Endpoints, Secrets};

use super::*;
use crate::{
    config::{
        Code,
        fixture::{Dir, sealed, text_of},
    },
    health::fixture::{failed, passed, settings},
    state::fixture::Fixture,
};

fn applier(dir: &Dir) -> Applier {
    let source = Source {
        dir: dir.path().to_owned(),
        max_bytes: 1 << 20,
    };
    let current = Arc::new(Current::new(Snapshot::default()));
    Applier::new(
        source,
        vec!["web=:80".parse().unwrap()],
        Registry::new(0),
        current,
    )
}

/// One route, with endpoints for it.
fn fixture() -> Fixture {
    Fixture::default().leaf("l1", &["10.0.0.1:80"]).route("a", "l1")
}

fn put(dir: &Dir, fixture: &Fixture) {
    dir.put_document(&fixture.endpoints);
    dir.put_document(&fixture.config);
}

#[track_caller]
fn assert_loaded(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Loaded { .. }), "{outcome:?}");
}

#[track_caller]
fn assert_rejected(outcome: &Outcome, code: Code, part_of_message: &str) {
    let Outcome::Rejected { reason, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(reason.code, code, "{reason}");
    assert!(reason.message.contains(part_of_message), "{reason}");
}

/// The addresses that route `a` leads to.
fn served(applier: &Applier) -> Vec<String> {
    let snapshot = applier.current.load();
    snapshot
        .leaves()
        .iter()
        .flat_map(|leaf| leaf.endpoints())
        .map(|e| e.address.to_string())
        .collect()
}

#[test]
fn what_is_new_is_loaded_once() {
    let dir = Dir::new();
    let mut applier = applier(&dir);
    put(&dir, &fixture());
    let outcome = applier.look(true);
    let Outcome::Loaded { digests, routes, .. } = &outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        (digests.keys().map(String::as_str).collect::<Vec<_>>(), *routes),
        (vec!["config", "endpoints"], 1)
    );
    assert!(matches!(applier.look(true), Outcome::Unchanged));
    assert_eq!(served(&applier), ["10.0.0.1:80"]);
}

#[test]
fn kubelets_generations_are_loaded_as_well() {
    let dir = Dir::new();
    let mut applier = applier(&dir);
    let mount = |fixture: &Fixture| {
        let (config, endpoints) = (text_of(&fixture.config), text_of(&fixture.endpoints));
        dir.mount(&[("config.json", &config), ("endpoints.json", &endpoints)]);
    };
    mount(&fixture());
    assert_loaded(&applier.look(true));
    mount(&fixture());
    assert!(matches!(applier.look(true), Outcome::Unchanged));
    mount(&fixture().set("l1", &["10.0.0.2:80"], &[]));
    assert_loaded(&applier.look(true));
    assert_eq!(served(&applier), ["10.0.0.2:80"]);
}

#[test]
fn a_change_of_endpoints_alone_keeps_config_and_routing() {
    let dir = Dir::new();
    let mut applier = applier(&dir);
    put(&dir, &fixture());
    assert_loaded(&applier.look(true));
    let routing = Arc::clone(&applier.serving.as_ref().unwrap().routing);
    dir.put_document(&fixture().set("l1", &["10.0.0.2:80"], &[]).endpoints);
    assert_loaded(&applier.look(true));
    assert!(Arc::ptr_eq(&routing, &applier.serving.as_ref().unwrap().routing));
    assert_eq!(served(&applier), ["10.0.0.2:80"]);
}

#[test]
fn what_cannot_be_loaded_changes_nothing_and_says_why() {
    let dir = Dir::new();
    let mut applier = applier(&dir);
    put(&dir, &fixture());
    assert_loaded(&applier.look(true));
    let good = text_of(&fixture().config);
    let dangling = fixture().route("b", "nowhere").config;
    let unknown_field = r#"{"nodes":{},"extra":1,"revision":0,"routes":{},"schema":1,"transports":{}}"#;
    for (text, code, message) in [
        (good[..good.len() / 2].to_owned(), Code::Malformed, "config: "),
        (
            good.replace("\"schema\":1", "\"schema\":2"),
            Code::Digest,
            "config: the digest",
        ),
        (
            sealed(r#"{"schema":9,"later":{}}"#),
            Code::Schema,
            "config: schema 9",
        ),
        (
            sealed(unknown_field),
            Code::Content,
            "config: unknown field `extra`",
        ),
        (text_of(&dangling), Code::Invalid, "ts/apps/nowhere"),
    ] {
        fs::write(dir.path().join("config.json"), text).unwrap();
        assert_rejected(&applier.look(true), code, message);
        // as long as it stays there
        assert_rejected(&applier.look(true), code, message);
        assert_eq!(served(&applier), ["10.0.0.1:80"]);
    }
    dir.remove("config.json");
    assert_rejected(&applier.look(true), Code::Missing, "config.json is not there");
    dir.put("config.json", &good);
    assert!(matches!(applier.look(true), Outcome::Unchanged));
}

#[test]
fn endpoints_go_on_while_the_config_is_refused() {
    let dir = Dir::new();
    let mut applier = applier(&dir);
    let both = fixture().leaf("l2", &["10.0.1.1:80"]).route("b", "l2");
    put(&dir, &both);
    assert_loaded(&applier.look(true));
    let good = text_of(&both.config);
    dir.put("config.json", &sealed(r#"{"schema":9,"later":{}}"#));
    // without a set that whoever wrote this does not need
    dir.put_document(&fixture().set("l1", &["10.0.0.2:80"], &[]).endpoints);
    for _ in 0..2 {
        assert_rejected(&applier.look(true), Code::Schema, "config: schema 9");
        assert_eq!(served(&applier), ["10.0.0.2:80", "10.0.1.1:80"]);
    }
    dir.put_document(&fixture().set("l1", &[], &[]).endpoints);
    assert_rejected(&applier.look(true), Code::Schema, "config: schema 9");
    assert_eq!(served(&applier), ["10.0.1.1:80"]);
    // endpoints that cannot be read are none
    let spoilt = text_of(&both.endpoints).replace("10.0.0.1", "10.0.0.9");
    dir.put("endpoints.json", &spoilt);
    assert_rejected(&applier.look(true), Code::Schema, "config: schema 9");
    assert_eq!(served(&applier), ["10.0.1.1:80"]);
    // the files are what they were when they were loaded, and what is served is not
    dir.put("config.json", &good);
    dir.put_document(&both.endpoints);
    assert_loaded(&applier.look(true));
    assert_eq!(served(&applier), ["10.0.0.1:80", "10.0.1.1:80"]);
    assert!(matches!(applier.look(true), Outcome::Unchanged));
}

#[test]
fn a_file_that_is_seen_half_written_is_loaded_when_it_is_whole() {
    let dir = Dir::new();
    let mut applier = applier(&dir);
    let fixture = fixture();
    dir.put_document(&fixture.endpoints);
    let text = text_of(&fixture.config);
    for part in [0, 40, 90, text.len() - 2] {
        dir.put("config.json", &text[..part]);
        assert_rejected(&applier.look(true), Code::Malformed, "config: ");
    }
    dir.put("config.json", &text);
    assert_loaded(&applier.look(true));
}

#[test]
fn documents_are_only_missed_when_they_are_needed() {
    let dir = Dir::new();
    let mut applier = applier(&dir);
    dir.put_document(&Fixture::default().config);
    assert_loaded(&applier.look(true));
    dir.put_document(&fixture().config);
    assert_rejected(&applier.look(false), Code::Missing, "endpoints.json is not there");
    dir.put_document(&Endpoints::default());
    assert_loaded(&applier.look(false));
}

#[test]
fn a_config_waits_for_what_it_names_unless_that_was_absent_before() {
    let dir = Dir::new();
    let mut applier = applier(&dir);
    let fixture = fixture().leaf_without_set("l2").route("b", "l2");
    put(&dir, &fixture);
    let outcome = applier.look(true);
    let Outcome::Waiting(ids) = &outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(ids, &["apps/l2:80"]);
    assert!(served(&applier).is_empty());
    let outcome = applier.look(false);
    let Outcome::Loaded { absent, .. } = &outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(absent, &["apps/l2:80"]);
    // goes without it already, so other news need not wait for it
    dir.put_document(&fixture.set("l1", &["10.0.0.9:80"], &[]).endpoints);
    assert_loaded(&applier.look(true));
    assert_eq!(served(&applier), ["10.0.0.9:80"]);
}

#[test]
fn endpoints_that_lost_a_set_wait_for_the_config_that_goes_with_them() {
    let dir = Dir::new();
    let mut applier = applier(&dir);
    put(&dir, &fixture());
    assert_loaded(&applier.look(true));
    let next = Fixture::default().leaf("l2", &["10.0.0.2:80"]).route("a", "l2");
    dir.put_document(&next.endpoints);
    assert!(matches!(applier.look(true), Outcome::Waiting(_)));
    assert_eq!(served(&applier), ["10.0.0.1:80"]);
    dir.put_document(&next.config);
    assert_loaded(&applier.look(true));
    assert_eq!(served(&applier), ["10.0.0.2:80"]);
}

#[test]
fn a_document_may_be_spread_over_files() {
    let dir = Dir::new();
    let mut applier = applier(&dir);
    let whole = fixture().leaf("l2", &["10.0.0.2:80"]).route("b", "l2");
    let [one, other] = ["l1", "l2"].map(|leaf| {
        let mut part = whole.endpoints.clone();
        part.sets.retain(|id, _| id.as_str().contains(leaf));
        text_of(&part)
    });
    dir.put_document(&whole.config);
    dir.put("endpoints-0.json", &one);
    assert!(matches!(applier.look(true), Outcome::Waiting(_)));
    dir.put("endpoints-1.json", &other);
    assert_loaded(&applier.look(true));
    assert_eq!(served(&applier), ["10.0.0.1:80", "10.0.0.2:80"]);
    // back to one file: for a moment an entry is in two
    dir.put("endpoints.json", &text_of(&whole.endpoints));
    assert_loaded(&applier.look(true));
    dir.remove("endpoints-0.json");
    dir.remove("endpoints-1.json");
    assert_loaded(&applier.look(true));
    assert_eq!(served(&applier), ["10.0.0.1:80", "10.0.0.2:80"]);
}

#[test]
fn no_reason_shows_key_material() {
    let dir = Dir::new();
    let mut applier = applier(&dir);
    put(&dir, &fixture());
    let text = text_of(&Secrets::default());
    assert!(text.contains("\"entries\":{"));
    for body in [
        r#"{"entries":{"secret/apps/cert":"hunter2"},"schema":1}"#,
        r#"{"entries":{"secret/apps/cert":{"hunter2":1}},"schema":1}"#,
    ] {
        dir.put("secrets.json", &sealed(body));
        let outcome = applier.look(true);
        assert_rejected(&outcome, Code::Content, "secrets: line 1, column ");
        assert!(!format!("{outcome:?}").contains("hunter2"));
    }
    dir.put("secrets.json", "hunter2, which is no document at all");
    let outcome = applier.look(true);
    assert_rejected(&outcome, Code::Malformed, "secrets: ");
    assert!(!format!("{outcome:?}").contains("hunter2"));
}

#[test]
fn a_change_of_health_builds_from_the_documents_that_are_served() {
    let dir = Dir::new();
    let mut applier = applier(&dir);
    let second = Duration::from_secs(1);
    let fixture = Fixture::default()
        .leaf("l1", &["10.0.0.1:80", "10.0.0.2:80"])
        .check("l1", settings(second, second))
        .route("a", "l1");
    // nothing is served yet
    applier.rebuild();
    put(&dir, &fixture);
    assert_loaded(&applier.look(true));
    let routing = Arc::clone(&applier.serving.as_ref().unwrap().routing);
    let health = applier.current.load().checked()[0].health.clone();
    failed(&health);
    applier.rebuild();
    assert_eq!(served(&applier), ["10.0.0.2:80"]);
    assert!(matches!(applier.look(true), Outcome::Unchanged));
    // a load has the states of now as well, and what is refused keeps nobody from being left out
    dir.put_document(
        &fixture
            .clone()
            .set("l1", &["10.0.0.1:80", "10.0.0.3:80"], &[])
            .endpoints,
    );
    assert_loaded(&applier.look(true));
    assert_eq!(served(&applier), ["10.0.0.3:80"]);
    dir.put("config.json", "garbage");
    assert_rejected(&applier.look(true), Code::Malformed, "config");
    passed(&health);
    applier.rebuild();
    assert_eq!(served(&applier), ["10.0.0.1:80", "10.0.0.3:80"]);
    assert!(Arc::ptr_eq(&routing, &applier.serving.as_ref().unwrap().routing));
}
