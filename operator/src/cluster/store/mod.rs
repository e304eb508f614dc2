//! The store: all that the watches told, as a snapshot, and which of it matters.
//!
//! Plain data: no clock, no client.

mod kept;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kube::runtime::watcher::Event;
use weir_model::{document::Config, name::NamespacedName};

pub use self::kept::Wanted;
use self::kept::{Kept, News};
use super::{
    change::{Change, Fetched, Observed},
    records::Records,
    scope::{Scope, Source},
};
use crate::compile::{
    Options, References, Snapshot,
    finding::{Kind, ObjectId},
    input::{Difference, Object},
};

/// What a change is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    /// Nothing that is compiled has changed.
    Nothing,
    /// Weights and percents have.
    Weights,
    /// Something else has.
    Content,
}

/// All that is known.
#[derive(Debug)]
pub(super) struct Store {
    options: Arc<Options>,
    scope: Scope,
    snapshot: Snapshot,
    records: Records,
    /// By watch.
    watches: BTreeMap<Source, WatchState>,
    previous: Arc<Config>,
    references: References,
    /// Whether `references` may lack something.
    outdated: bool,
    kept: Kept,
}

#[derive(Debug, Default)]
struct WatchState {
    /// Whether it was listed once.
    synced: bool,
    /// While it is listed: what was there so far.
    listed: Option<BTreeSet<ObjectId>>,
}

impl Store {
    pub fn new(scope: Scope, options: Arc<Options>, records: Records) -> Self {
        let sources = scope.sources().into_iter().chain([Source::NODES]);
        Self {
            options,
            scope,
            snapshot: Snapshot::of_cluster(),
            records,
            watches: sources.map(|source| (source, WatchState::default())).collect(),
            previous: Arc::default(),
            references: References::default(),
            outdated: true,
            kept: Kept::default(),
        }
    }

    /// Takes a change in.
    pub fn apply(&mut self, change: Change) -> Effect {
        match change {
            Change::Watched(source, event) => self.watched(&source, event),
            Change::Fetched(fetched) => self.fetched(fetched),
        }
    }

    /// Takes in what is published: what that keeps of earlier forms is referred to, too.
    pub fn published(&mut self, config: Arc<Config>) {
        self.previous = config;
        self.outdated = true;
    }

    /// Whether every watch was listed once. (That of Nodes starts later: see [`Self::is_waiting`].)
    pub fn is_synced(&self) -> bool {
        self.unsynced().next().is_none()
    }

    /// The watches that were never listed.
    pub fn unsynced(&self) -> impl Iterator<Item = &Source> {
        let missing = self.watches.iter().filter(|(_, watch)| !watch.synced);
        missing
            .map(|(source, _)| source)
            .filter(|source| **source != Source::NODES)
    }

    /// Finds out what is referred to, if that may have changed.
    pub fn settle(&mut self) {
        if !self.outdated {
            return;
        }
        self.outdated = false;
        self.references = References::of(&self.snapshot, &self.options, &self.previous);
        self.kept.ask_nodes(self.references.nodes);
        let scope = &self.scope;
        let stored = self.references.stored.iter();
        let wanted = stored.filter(|id| scope.includes(&id.name.namespace)).cloned();
        for id in self.kept.replace(wanted.collect()) {
            self.snapshot.remove(&id);
        }
    }

    /// Whether something that is referred to was asked for and is not known yet, not even as absent.
    pub fn is_waiting(&self) -> bool {
        let nodes = self.watches.get(&Source::NODES).filter(|watch| watch.synced);
        !self.kept.is_complete() || (self.references.nodes && nodes.is_none())
    }

    /// What has to be read or watched in addition, if that has changed since it was last taken.
    pub fn take_wanted(&mut self) -> Option<Wanted> {
        self.kept.take_wanted()
    }

    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn watched(&mut self, source: &Source, event: Event<Observed>) -> Effect {
        let Some(watch) = self.watches.get_mut(source) else {
            return Effect::Nothing;
        };
        match event {
            Event::Init => {
                watch.listed = Some(BTreeSet::new());
                Effect::Nothing
            }
            Event::InitApply(observed) => {
                if let Some(listed) = &mut watch.listed
                    && self.kept.concerns(observed.id())
                {
                    listed.insert(observed.id().clone());
                }
                self.observed(observed)
            }
            Event::InitDone => {
                let first = !std::mem::replace(&mut watch.synced, true);
                let listed = watch.listed.take().unwrap_or_default();
                let gone = self.sweep(source, &listed);
                if first { Effect::Content } else { gone }
            }
            Event::Apply(observed) => self.observed(observed),
            Event::Delete(observed) => match observed {
                Observed::Object(object, _) => self.remove(&object.id),
                Observed::Version(id, version) => {
                    self.kept.changed(&id, Some(&version));
                    Effect::Nothing
                }
            },
        }
    }

    /// Takes out what a complete list does not have.
    fn sweep(&mut self, source: &Source, listed: &BTreeSet<ObjectId>) -> Effect {
        let is_gone = |id: &ObjectId| {
            let placed = source
                .namespace
                .as_ref()
                .is_none_or(|name| *name == id.name.namespace);
            placed && !listed.contains(id)
        };
        if matches!(source.kind, Kind::Secret | Kind::ConfigMap) {
            // it may have been asked for after its page was listed: reading it again tells
            let ids = self.kept.ids(source.kind).filter(|id| is_gone(id)).cloned();
            for id in ids.collect::<Vec<_>>() {
                self.kept.changed(&id, None);
            }
            return Effect::Nothing;
        }
        let ids = self.snapshot.ids(source.kind);
        let gone: Vec<ObjectId> = ids.into_iter().filter(is_gone).collect();
        let effects = gone.iter().map(|id| self.remove(id));
        effects.max().unwrap_or(Effect::Nothing)
    }

    fn observed(&mut self, observed: Observed) -> Effect {
        match observed {
            Observed::Object(object, record) => {
                if let Some(record) = record {
                    self.records.put(object.id.clone(), record);
                }
                self.put(*object)
            }
            Observed::Version(id, version) => {
                self.kept.changed(&id, Some(&version));
                Effect::Nothing
            }
        }
    }

    fn fetched(&mut self, fetched: Fetched) -> Effect {
        let id = fetched.id.clone();
        let changed = match self.kept.answered(fetched) {
            News::Nothing => false,
            News::Absent => self.snapshot.remove(&id),
            News::Unknown => self.snapshot.put_unreadable(id),
            News::Content(object) => self.snapshot.put(*object) != Difference::Same,
        };
        if changed { Effect::Content } else { Effect::Nothing }
    }

    fn put(&mut self, object: Object) -> Effect {
        let id = object.id.clone();
        let mattered = self.matters(&id);
        let effect = match self.snapshot.put(object) {
            Difference::Same => return Effect::Nothing,
            Difference::Weights => Effect::Weights,
            Difference::Changed | Difference::Appeared => Effect::Content,
        };
        self.outdated |= effect == Effect::Content && is_custom(id.kind);
        // a slice may have become another Service's, an IngressRoute another class's
        if mattered || self.matters(&id) {
            effect
        } else {
            Effect::Nothing
        }
    }

    fn remove(&mut self, id: &ObjectId) -> Effect {
        let mattered = self.matters(id);
        if is_custom(id.kind) {
            self.records.remove(id);
            self.outdated = true;
        }
        if self.snapshot.remove(id) && mattered {
            Effect::Content
        } else {
            Effect::Nothing
        }
    }

    /// Whether a change of this object can change what is compiled.
    fn matters(&self, id: &ObjectId) -> bool {
        match id.kind {
            Kind::TraefikService | Kind::ServersTransport | Kind::Secret | Kind::ConfigMap => true,
            Kind::IngressRoute => {
                let entry = self.snapshot.ingress_routes.get(&id.name);
                entry.is_some_and(|entry| self.options.claims(entry.meta.class.as_deref()))
            }
            Kind::Service => self.is_referred_to(&id.name),
            Kind::EndpointSlice => {
                let service = self.snapshot.service_of_slice(&id.name);
                service.is_some_and(|service| self.is_referred_to(service))
            }
            Kind::Node => self.references.nodes,
        }
    }

    fn is_referred_to(&self, service: &NamespacedName) -> bool {
        self.outdated || self.references.services.contains(service)
    }
}

fn is_custom(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::IngressRoute | Kind::ServersTransport | Kind::TraefikService
    )
}
