//! One look at the directory, and what follows from it. No clock, no task: it is told whether it may wait.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use weir_model::{document::Config, entry_point::EntryPoint};

use super::{
    Reason,
    documents::{Documents, Store},
    source::{Generation, Source},
};
use crate::state::{Current, Registry, Routing, Snapshot};

/// Digests by file.
pub(super) type Digests = BTreeMap<String, String>;

/// Reads, parses, checks, builds and publishes.
#[derive(Debug)]
pub(super) struct Core {
    current: Arc<Current>,
    entry_points: Vec<EntryPoint>,
    registry: Registry,
    serving: Option<Serving>,
    source: Source,
    store: Store,
}

/// What the published snapshot was made from.
#[derive(Debug)]
struct Serving {
    absent: BTreeSet<String>,
    config: Arc<Config>,
    digests: Digests,
    routing: Arc<Routing>,
}

/// What came of a look at the directory.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It holds what is served.
    Unchanged,
    /// It holds something new that is served now.
    Loaded {
        absent: Vec<String>,
        digests: Digests,
        revision: u64,
        routes: usize,
        unknown_entry_points: Vec<String>,
    },
    /// It holds something new of which these ids are still missing.
    Waiting(Vec<String>),
    /// It holds something that cannot be served.
    Rejected { digests: Digests, reason: Reason },
}

impl Core {
    pub(super) fn new(
        source: Source,
        entry_points: Vec<EntryPoint>,
        registry: Registry,
        current: Arc<Current>,
    ) -> Self {
        Self {
            current,
            entry_points,
            registry,
            serving: None,
            source,
            store: Store::default(),
        }
    }

    /// Looks once. When `patient`, a config that names what is not there yet is left for later,
    /// unless the one that is served went without the same already.
    pub(super) fn look(&mut self, patient: bool) -> Outcome {
        let outcome = self.read_and_serve(patient);
        // here, as taking a large snapshot apart takes time that no worker and no timer has
        self.current.sweep();
        outcome
    }

    fn read_and_serve(&mut self, patient: bool) -> Outcome {
        let generation = match self.source.read(|file, version| self.store.knows(file, version)) {
            Ok(generation) => generation,
            Err(reason) => {
                return Outcome::Rejected {
                    digests: Digests::new(),
                    reason,
                };
            }
        };
        let digests = said_digests(&generation);
        let documents = match self.store.update(generation) {
            Ok(documents) => documents,
            Err(reason) => return Outcome::Rejected { digests, reason },
        };
        if self
            .serving
            .as_ref()
            .is_some_and(|serving| serving.digests == digests)
        {
            return Outcome::Unchanged;
        }
        let absent: BTreeSet<String> = documents.absent().map(str::to_owned).collect();
        let without = self.serving.as_ref().map(|serving| &serving.absent);
        let awaited = || {
            absent
                .iter()
                .filter(|id| !without.is_some_and(|without| without.contains(*id)))
        };
        if patient && awaited().next().is_some() {
            return Outcome::Waiting(awaited().cloned().collect());
        }
        self.serve(&documents, absent, digests.clone())
            .unwrap_or_else(|reason| Outcome::Rejected { digests, reason })
    }

    fn serve(
        &mut self,
        documents: &Documents,
        absent: BTreeSet<String>,
        digests: Digests,
    ) -> Result<Outcome, Reason> {
        let Documents {
            config,
            endpoints,
            secrets: _,
        } = documents;
        let routing = match &self.serving {
            Some(serving) if Arc::ptr_eq(&serving.config, config) => Arc::clone(&serving.routing),
            _ => {
                Arc::new(Routing::build(config, &self.entry_points).map_err(|error| Reason::routing(&error))?)
            }
        };
        self.current.publish(Snapshot::build(
            config,
            Arc::clone(&routing),
            endpoints,
            &mut self.registry,
        ));
        let outcome = Outcome::Loaded {
            absent: absent.iter().cloned().collect(),
            digests: digests.clone(),
            revision: config.revision,
            routes: config.routes.len(),
            unknown_entry_points: routing
                .unknown_entry_points
                .iter()
                .map(ToString::to_string)
                .collect(),
        };
        self.serving = Some(Serving {
            absent,
            config: Arc::clone(config),
            digests,
            routing,
        });
        Ok(outcome)
    }
}

fn said_digests(generation: &Generation) -> Digests {
    let said = generation
        .iter()
        .filter_map(|(file, document)| Some((file.to_string(), document.version.said.clone()?)));
    said.collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use weir_model::document::{Endpoints, Secrets};

    use super::*;
    use crate::{
        config::{
            Code,
            fixture::{Dir, sealed, text_of},
        },
        state::fixture::Fixture,
    };

    fn core(dir: &Dir) -> Core {
        let source = Source {
            dir: dir.path().to_owned(),
            max_bytes: 1 << 20,
        };
        let current = Arc::new(Current::new(Snapshot::default()));
        Core::new(
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
    fn served(core: &Core) -> Vec<String> {
        let snapshot = core.current.load();
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
        let mut core = core(&dir);
        put(&dir, &fixture());
        let outcome = core.look(true);
        let Outcome::Loaded { digests, routes, .. } = &outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(
            (digests.keys().map(String::as_str).collect::<Vec<_>>(), *routes),
            (vec!["config", "endpoints"], 1)
        );
        assert!(matches!(core.look(true), Outcome::Unchanged));
        assert_eq!(served(&core), ["10.0.0.1:80"]);
    }

    #[test]
    fn kubelets_generations_are_loaded_as_well() {
        let dir = Dir::new();
        let mut core = core(&dir);
        let mount = |fixture: &Fixture| {
            let (config, endpoints) = (text_of(&fixture.config), text_of(&fixture.endpoints));
            dir.mount(&[("config.json", &config), ("endpoints.json", &endpoints)]);
        };
        mount(&fixture());
        assert_loaded(&core.look(true));
        mount(&fixture());
        assert!(matches!(core.look(true), Outcome::Unchanged));
        mount(&fixture().set("l1", &["10.0.0.2:80"], &[]));
        assert_loaded(&core.look(true));
        assert_eq!(served(&core), ["10.0.0.2:80"]);
    }

    #[test]
    fn a_change_of_endpoints_alone_keeps_config_and_routing() {
        let dir = Dir::new();
        let mut core = core(&dir);
        put(&dir, &fixture());
        assert_loaded(&core.look(true));
        let routing = Arc::clone(&core.serving.as_ref().unwrap().routing);
        dir.put_document(&fixture().set("l1", &["10.0.0.2:80"], &[]).endpoints);
        assert_loaded(&core.look(true));
        assert!(Arc::ptr_eq(&routing, &core.serving.as_ref().unwrap().routing));
        assert_eq!(served(&core), ["10.0.0.2:80"]);
    }

    #[test]
    fn what_cannot_be_loaded_changes_nothing_and_says_why() {
        let dir = Dir::new();
        let mut core = core(&dir);
        put(&dir, &fixture());
        assert_loaded(&core.look(true));
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
            assert_rejected(&core.look(true), code, message);
            // as long as it stays there
            assert_rejected(&core.look(true), code, message);
            assert_eq!(served(&core), ["10.0.0.1:80"]);
        }
        dir.remove("config.json");
        assert_rejected(&core.look(true), Code::Missing, "config.json is not there");
        dir.put("config.json", &good);
        assert!(matches!(core.look(true), Outcome::Unchanged));
    }

    #[test]
    fn a_file_that_is_seen_half_written_is_loaded_when_it_is_whole() {
        let dir = Dir::new();
        let mut core = core(&dir);
        let fixture = fixture();
        dir.put_document(&fixture.endpoints);
        let text = text_of(&fixture.config);
        for part in [0, 40, 90, text.len() - 2] {
            dir.put("config.json", &text[..part]);
            assert_rejected(&core.look(true), Code::Malformed, "config: ");
        }
        dir.put("config.json", &text);
        assert_loaded(&core.look(true));
    }

    #[test]
    fn documents_are_only_missed_when_they_are_needed() {
        let dir = Dir::new();
        let mut core = core(&dir);
        dir.put_document(&Fixture::default().config);
        assert_loaded(&core.look(true));
        dir.put_document(&fixture().config);
        assert_rejected(&core.look(false), Code::Missing, "endpoints.json is not there");
        dir.put_document(&Endpoints::default());
        assert_loaded(&core.look(false));
    }

    #[test]
    fn a_config_waits_for_what_it_names_unless_that_was_absent_before() {
        let dir = Dir::new();
        let mut core = core(&dir);
        let fixture = fixture().leaf_without_set("l2").route("b", "l2");
        put(&dir, &fixture);
        let outcome = core.look(true);
        let Outcome::Waiting(ids) = &outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(ids, &["apps/l2:80"]);
        assert!(served(&core).is_empty());
        let outcome = core.look(false);
        let Outcome::Loaded { absent, .. } = &outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(absent, &["apps/l2:80"]);
        // goes without it already, so other news need not wait for it
        dir.put_document(&fixture.set("l1", &["10.0.0.9:80"], &[]).endpoints);
        assert_loaded(&core.look(true));
        assert_eq!(served(&core), ["10.0.0.9:80"]);
    }

    #[test]
    fn endpoints_that_lost_a_set_wait_for_the_config_that_goes_with_them() {
        let dir = Dir::new();
        let mut core = core(&dir);
        put(&dir, &fixture());
        assert_loaded(&core.look(true));
        let next = Fixture::default().leaf("l2", &["10.0.0.2:80"]).route("a", "l2");
        dir.put_document(&next.endpoints);
        assert!(matches!(core.look(true), Outcome::Waiting(_)));
        assert_eq!(served(&core), ["10.0.0.1:80"]);
        dir.put_document(&next.config);
        assert_loaded(&core.look(true));
        assert_eq!(served(&core), ["10.0.0.2:80"]);
    }

    #[test]
    fn a_document_may_be_spread_over_files() {
        let dir = Dir::new();
        let mut core = core(&dir);
        let whole = fixture().leaf("l2", &["10.0.0.2:80"]).route("b", "l2");
        let [one, other] = ["l1", "l2"].map(|leaf| {
            let mut part = whole.endpoints.clone();
            part.sets.retain(|id, _| id.as_str().contains(leaf));
            text_of(&part)
        });
        dir.put_document(&whole.config);
        dir.put("endpoints-0.json", &one);
        assert!(matches!(core.look(true), Outcome::Waiting(_)));
        dir.put("endpoints-1.json", &other);
        assert_loaded(&core.look(true));
        assert_eq!(served(&core), ["10.0.0.1:80", "10.0.0.2:80"]);
        // back to one file: for a moment an entry is in two
        dir.put("endpoints.json", &text_of(&whole.endpoints));
        assert_loaded(&core.look(true));
        dir.remove("endpoints-0.json");
        dir.remove("endpoints-1.json");
        assert_loaded(&core.look(true));
        assert_eq!(served(&core), ["10.0.0.1:80", "10.0.0.2:80"]);
    }

    #[test]
    fn no_reason_shows_key_material() {
        let dir = Dir::new();
        let mut core = core(&dir);
        put(&dir, &fixture());
        let text = text_of(&Secrets::default());
        assert!(text.contains("\"entries\":{"));
        for body in [
            r#"{"entries":{"secret/apps/cert":"hunter2"},"schema":1}"#,
            r#"{"entries":{"secret/apps/cert":{"hunter2":1}},"schema":1}"#,
        ] {
            dir.put("secrets.json", &sealed(body));
            let outcome = core.look(true);
            assert_rejected(&outcome, Code::Content, "secrets: line 1, column ");
            assert!(!format!("{outcome:?}").contains("hunter2"));
        }
        dir.put("secrets.json", "hunter2, which is no document at all");
        let outcome = core.look(true);
        assert_rejected(&outcome, Code::Malformed, "secrets: ");
        assert!(!format!("{outcome:?}").contains("hunter2"));
    }
}
