//! One look at the directory, and what follows from it. No clock, no task: it is told whether it may wait.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use weir_model::{document::Endpoints, entry_point::EntryPoint};

use super::{
    Reason,
    documents::{Documents, Store},
    file_name::Kind,
    source::{Generation, Source},
};
use crate::state::{Current, Registry, Routing, Snapshot};

#[cfg(test)]
mod tests;

/// Digests by file.
pub(super) type Digests = BTreeMap<String, String>;

/// Reads, parses, checks, builds and publishes.
#[derive(Debug)]
pub(super) struct Applier {
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
    digests: Digests,
    documents: Documents,
    /// The digests of later endpoints that are served with the config of before.
    followed: Option<Digests>,
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

impl Applier {
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
        if let Outcome::Rejected { digests, .. } = &outcome {
            self.follow_endpoints(digests);
        }
        self.sweep();
        outcome
    }

    /// Builds anew what is served, as the health of endpoints has changed.
    pub(super) fn rebuild(&mut self) {
        self.publish();
        self.sweep();
    }

    /// Forgets what is not served any more: here, as taking a large snapshot apart takes time that no worker and no timer has.
    fn sweep(&mut self) {
        self.current.sweep();
        self.registry.sweep();
    }

    fn publish(&mut self) {
        let Some(Serving {
            documents, routing, ..
        }) = &self.serving
        else {
            return;
        };
        self.current.publish(Snapshot::build(
            &documents.config,
            Arc::clone(routing),
            &documents.endpoints,
            &documents.secrets,
            &mut self.registry,
        ));
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
            .is_some_and(|serving| serving.digests == digests && serving.followed.is_none())
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
        let config = &documents.config;
        let routing = match &self.serving {
            Some(serving) if Arc::ptr_eq(&serving.documents.config, config) => Arc::clone(&serving.routing),
            _ => {
                Arc::new(Routing::build(config, &self.entry_points).map_err(|error| Reason::routing(&error))?)
            }
        };
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
        let before = self.serving.replace(Serving {
            absent,
            digests,
            documents: documents.clone(),
            followed: None,
            routing,
        });
        self.publish();
        // takes its time
        drop(before);
        Ok(outcome)
    }

    /// What is served while something else is refused goes on with the endpoints of now: pods come and go, whoever
    /// wrote the config. Sets that are not among them stay, since a config that is not served may do without them.
    fn follow_endpoints(&mut self, found: &Digests) {
        let Some(serving) = &mut self.serving else {
            return;
        };
        let found = of_endpoints(found);
        let known = serving
            .followed
            .clone()
            .unwrap_or_else(|| of_endpoints(&serving.digests));
        if found.is_empty() || found == known {
            return;
        }
        let Some(newer) = self.store.endpoints() else {
            return;
        };
        let mut endpoints = Endpoints::clone(&serving.documents.endpoints);
        endpoints.sets.extend(newer.sets.clone());
        serving.documents.endpoints = Arc::new(endpoints);
        serving.followed = Some(found);
        tracing::info!("what is served goes on with new endpoints");
        self.publish();
    }
}

fn of_endpoints(digests: &Digests) -> Digests {
    let its = digests
        .iter()
        .filter(|(file, _)| file.starts_with(Kind::Endpoints.stem()));
    its.map(|(file, digest)| (file.clone(), digest.clone())).collect()
}

fn said_digests(generation: &Generation) -> Digests {
    let said = generation
        .iter()
        .filter_map(|(file, document)| Some((file.to_string(), document.version.said.clone()?)));
    said.collect()
}
