//! Which form of each TraefikService is served: the current one, else the last accepted one, else none.
//!
//! A form is refused for what is in it ([`super::parse`]) or for what it does to the graph: a cycle, or
//! too large a graph. The graph is made of the forms that are served, so refusing one changes the graph;
//! this goes on until nothing changes. Forms only ever fall back, so it ends.

mod cycles;
mod limits;

use std::collections::BTreeMap;

use weir_model::{document::Config, name::NamespacedName};

use super::{
    finding::{Finding, Kind, ObjectId},
    form::{Reference, ServiceForm, previous},
    graph::children_first,
    options::Options,
};

/// A TraefikService and its forms.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub id: ObjectId,
    pub uid: &'a str,
    /// What is written; nothing when that was refused.
    pub current: Option<ServiceForm>,
    /// What is written and was refused.
    pub refused: Option<ServiceForm>,
    /// Of one that was refused, what the previous config serves.
    pub last_good: Option<ServiceForm>,
}

/// What was decided.
#[derive(Debug, Default)]
pub(super) struct Acceptance {
    /// Every TraefikService.
    pub served: BTreeMap<NamespacedName, Served>,
    /// Every TraefikService, each after those it refers to.
    pub children_first: Vec<NamespacedName>,
    /// Forms that are written and not served, as far as there are any.
    pub refused: BTreeMap<NamespacedName, ServiceForm>,
}

/// Which form is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// As written.
    Current(ServiceForm),
    /// As it was accepted before.
    LastGood(ServiceForm),
    /// None: who refers to it passes it over.
    Nothing,
}

impl Served {
    /// The form.
    pub fn form(&self) -> Option<&ServiceForm> {
        match self {
            Self::Current(form) | Self::LastGood(form) => Some(form),
            Self::Nothing => None,
        }
    }
}

/// Decides on all candidates; findings say why a current form is not served.
pub(super) fn accept(
    candidates: Vec<Candidate<'_>>,
    options: &Options,
    previous: &Config,
    findings: &mut Vec<Finding>,
) -> Acceptance {
    let mut choice = Choice::new(candidates, options, previous);
    // whose references are new to the graph
    let mut changed: Vec<usize> = (0..choice.candidates.len()).collect();
    loop {
        while !changed.is_empty() {
            changed = choice.refuse_cycles(&changed, findings);
        }
        changed = choice.refuse_large(findings);
        if changed.is_empty() {
            break;
        }
    }
    let order = children_first(&choice.graph);
    let name = |i: usize| choice.candidates[i].id.name.clone();
    let mut acceptance = Acceptance {
        children_first: order.into_iter().map(name).collect(),
        ..Acceptance::default()
    };
    for Candidate {
        id,
        current,
        refused,
        last_good,
        ..
    } in choice.candidates
    {
        let served = match (current, last_good) {
            (Some(form), _) => Served::Current(form),
            (None, Some(form)) => Served::LastGood(form),
            (None, None) => Served::Nothing,
        };
        acceptance.served.insert(id.name.clone(), served);
        acceptance.refused.extend(refused.map(|form| (id.name, form)));
    }
    acceptance
}

/// Whether a reference from an object in `from` may be followed at all.
pub(super) fn permitted(from: &str, to: &NamespacedName, options: &Options) -> bool {
    options.allow_cross_namespace || from == to.namespace
}

struct Choice<'a> {
    candidates: Vec<Candidate<'a>>,
    index: BTreeMap<NamespacedName, usize>,
    options: &'a Options,
    previous: &'a Config,
    /// References between TraefikServices that are followed, of the forms that are served.
    graph: Vec<Vec<usize>>,
}

impl<'a> Choice<'a> {
    fn new(candidates: Vec<Candidate<'a>>, options: &'a Options, previous: &'a Config) -> Self {
        let index = candidates
            .iter()
            .enumerate()
            .map(|(i, c)| (c.id.name.clone(), i))
            .collect();
        let mut choice = Self {
            candidates,
            index,
            options,
            previous,
            graph: Vec::new(),
        };
        for i in 0..choice.candidates.len() {
            if choice.candidates[i].current.is_none() {
                choice.candidates[i].last_good = choice.accepted_before(i);
            }
        }
        choice.graph = (0..choice.candidates.len())
            .map(|i| choice.references(i))
            .collect();
        choice
    }

    /// What the previous config serves of an object. Read only where it is needed, which is seldom.
    fn accepted_before(&self, i: usize) -> Option<ServiceForm> {
        let candidate = &self.candidates[i];
        previous::service(self.previous, &candidate.id.name, candidate.uid)
    }

    fn form(&self, i: usize) -> Option<&ServiceForm> {
        let candidate = &self.candidates[i];
        candidate.current.as_ref().or(candidate.last_good.as_ref())
    }

    fn references(&self, i: usize) -> Vec<usize> {
        let from = &self.candidates[i].id.name.namespace;
        let references = self.form(i).into_iter().flat_map(|form| form.shape.references());
        let named = references.filter_map(Reference::traefik_service);
        named
            .filter(|to| permitted(from, to, self.options))
            .filter_map(|to| self.index.get(to).copied())
            .collect()
    }

    /// Refuses what is written; what was accepted before takes its place in the graph. One whose accepted
    /// form is served already loses that, too.
    fn refuse(&mut self, i: usize) {
        let current = self.candidates[i].current.take();
        let last_good = current.as_ref().and_then(|_| self.accepted_before(i));
        let candidate = &mut self.candidates[i];
        candidate.last_good = last_good;
        candidate.refused = current.or_else(|| candidate.refused.take());
        self.graph[i] = self.references(i);
    }

    fn name(&self, i: usize) -> &NamespacedName {
        &self.candidates[i].id.name
    }
}

/// The id of a TraefikService.
pub(super) fn traefik_service_id(name: &NamespacedName) -> ObjectId {
    ObjectId {
        kind: Kind::TraefikService,
        name: name.clone(),
    }
}
