//! Which form of each TraefikService is served: the current one, else the last accepted one, else none.
//!
//! A form is refused for what is in it ([`super::parse`]) or for what it does to the graph: a cycle, or
//! too large a graph. The graph is made of the forms that are served, so refusing one changes the graph;
//! this goes on until nothing changes. Forms only ever fall back, so it ends.

use std::collections::BTreeMap;

use weir_model::name::NamespacedName;

use super::{
    finding::{Code, Finding, Kind, ObjectId},
    form::{Reference, ServiceForm},
    graph::{Extent, cyclic_groups, extents, way_back},
    options::Options,
};

/// A TraefikService and its forms.
#[derive(Debug)]
pub(super) struct Candidate {
    pub id: ObjectId,
    /// What is written; nothing when that was refused.
    pub current: Option<ServiceForm>,
    /// What is written and was refused.
    pub refused: Option<ServiceForm>,
    /// What the previous config serves.
    pub last_good: Option<ServiceForm>,
}

impl Candidate {
    /// Refuses what is written. Was it not refused before?
    fn refuse(&mut self) -> bool {
        let current = self.current.take();
        let first = current.is_some();
        self.refused = current.or_else(|| self.refused.take());
        first
    }
}

/// What was decided.
#[derive(Debug, Default)]
pub(super) struct Acceptance {
    /// Every TraefikService.
    pub served: BTreeMap<NamespacedName, Served>,
    /// Forms that are written and not served, as far as there are any.
    pub refused: Vec<(ObjectId, ServiceForm)>,
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

/// Steps that all searches for cycle paths of one compile may take together.
const PATH_BUDGET: usize = 5_000_000;

/// Members of a cycle that a message names before it cuts.
const PATH_SHOWN: usize = 12;

/// Decides on all candidates; findings say why a current form is not served.
pub(super) fn accept(
    candidates: Vec<Candidate>,
    options: &Options,
    findings: &mut Vec<Finding>,
) -> Acceptance {
    let index: BTreeMap<NamespacedName, usize> = candidates
        .iter()
        .enumerate()
        .map(|(i, c)| (c.id.name.clone(), i))
        .collect();
    let mut choice = Choice {
        candidates,
        index,
        options,
    };
    loop {
        let graph = choice.graph();
        let mut refused = choice.refuse_cycles(&graph, findings);
        if refused == 0 {
            refused = choice.refuse_large(&graph, findings);
        }
        if refused == 0 {
            break;
        }
    }
    let mut acceptance = Acceptance::default();
    for Candidate {
        id,
        current,
        refused,
        last_good,
    } in choice.candidates
    {
        let served = match (current, last_good) {
            (Some(form), _) => Served::Current(form),
            (None, Some(form)) => Served::LastGood(form),
            (None, None) => Served::Nothing,
        };
        acceptance.served.insert(id.name.clone(), served);
        acceptance.refused.extend(refused.map(|form| (id, form)));
    }
    acceptance
}

/// Whether a reference from an object in `from` may be followed at all.
pub(super) fn permitted(from: &str, to: &NamespacedName, options: &Options) -> bool {
    options.allow_cross_namespace || from == to.namespace
}

struct Choice<'a> {
    candidates: Vec<Candidate>,
    index: BTreeMap<NamespacedName, usize>,
    options: &'a Options,
}

impl Choice<'_> {
    fn form(&self, i: usize) -> Option<&ServiceForm> {
        let candidate = &self.candidates[i];
        candidate.current.as_ref().or(candidate.last_good.as_ref())
    }

    /// References between TraefikServices that are followed.
    fn graph(&self) -> Vec<Vec<usize>> {
        let served = |i: &usize| self.form(*i).is_some();
        let edges = |i: usize| {
            let from = &self.candidates[i].id.name.namespace;
            let references = self.form(i).into_iter().flat_map(|form| form.shape.references());
            let named = references.filter_map(Reference::traefik_service);
            named
                .filter(|to| permitted(from, to, self.options))
                .filter_map(|to| self.index.get(to).copied())
                .filter(served)
                .collect()
        };
        (0..self.candidates.len()).map(edges).collect()
    }

    /// Refuses current forms that lie on a cycle. How many?
    fn refuse_cycles(&mut self, graph: &[Vec<usize>], findings: &mut Vec<Finding>) -> usize {
        let mut budget = PATH_BUDGET;
        let mut refused = Vec::new();
        for group in cyclic_groups(graph) {
            let current: Vec<usize> = group
                .iter()
                .copied()
                .filter(|i| self.candidates[*i].current.is_some())
                .collect();
            for &member in &current {
                let path = way_back(graph, member, &mut budget);
                findings.push(self.cycle_finding(graph, member, path.as_deref(), group.len()));
            }
            // the previous config has no cycles, but nothing may depend on that
            let all = if current.is_empty() { &group } else { &current };
            refused.extend_from_slice(all);
        }
        for &i in &refused {
            let candidate = &mut self.candidates[i];
            if !candidate.refuse() {
                candidate.last_good = None;
            }
        }
        refused.len()
    }

    fn cycle_finding(
        &self,
        graph: &[Vec<usize>],
        member: usize,
        path: Option<&[usize]>,
        group: usize,
    ) -> Finding {
        let name = |i: usize| &self.candidates[i].id.name;
        let (message, next) = match path {
            Some(path) if path.len() <= PATH_SHOWN => (self.path_text(path), path.get(1)),
            Some(path) => {
                let (first, last) = (&path[..PATH_SHOWN - 3], &path[path.len() - 2..]);
                let cut = path.len() - first.len() - last.len();
                let text = format!(
                    "{} -> … {cut} more … -> {}",
                    self.path_text(first),
                    self.path_text(last)
                );
                (text, path.get(1))
            }
            None => (
                format!(
                    "{0} -> … -> {0}, among {group} that reach each other",
                    name(member)
                ),
                graph[member].first(),
            ),
        };
        let field = next.and_then(|next| {
            let references = self.candidates[member].current.as_ref()?.shape.references();
            references
                .filter(|r| r.traefik_service() == Some(name(*next)))
                .map(|r| r.field.key("name"))
                .next()
        });
        let keeps_old = path
            .into_iter()
            .flatten()
            .find(|i| **i != member && self.candidates[**i].current.is_none())
            .map(|i| format!("; {} is part of it with its last accepted generation", name(*i)));
        let message = format!(
            "the references form a cycle: {message}{}",
            keeps_old.unwrap_or_default()
        );
        let mut finding = Finding::new(
            self.candidates[member].id.clone(),
            field.unwrap_or_default(),
            Code::CycleDetected,
            message,
        )
        .help("remove one of these references");
        for pair in path
            .into_iter()
            .flat_map(|path| path.windows(2))
            .skip(1)
            .take(PATH_SHOWN)
        {
            let from = &self.candidates[pair[0]];
            let mut references = from.current.iter().flat_map(|form| form.shape.references());
            if let Some(reference) = references.find(|r| r.traefik_service() == Some(name(pair[1]))) {
                let what = format!("{} refers to {}", from.id.name, name(pair[1]));
                finding = finding.related(from.id.clone(), reference.field.key("name"), what);
            }
        }
        finding
    }

    fn path_text(&self, path: &[usize]) -> String {
        path.iter()
            .map(|i| self.candidates[*i].id.name.to_string())
            .collect::<Vec<_>>()
            .join(" -> ")
    }

    /// Refuses current forms with too much below them. How many?
    fn refuse_large(&mut self, graph: &[Vec<usize>], findings: &mut Vec<Finding>) -> usize {
        let (max_depth, max_nodes) = (self.options.max_depth, self.options.max_nodes);
        let weight: Vec<usize> = (0..graph.len())
            .map(|i| {
                let references = self.form(i).into_iter().flat_map(|form| form.shape.references());
                1 + references.filter(|r| r.traefik_service().is_none()).count()
            })
            .collect();
        let mut refused = 0;
        for (i, extent) in extents(
            graph,
            &weight,
            Extent {
                depth: max_depth,
                size: max_nodes,
            },
        )
        .into_iter()
        .enumerate()
        {
            let Some(extent) = extent else { continue };
            let candidate = &mut self.candidates[i];
            let message = if extent.depth > max_depth {
                format!(
                    "it has {} levels, more than the {max_depth} that are allowed",
                    extent.depth
                )
            } else if extent.size > max_nodes {
                format!("it has more than the {max_nodes} nodes that are allowed")
            } else {
                continue;
            };
            if candidate.refuse() {
                refused += 1;
                findings.push(
                    Finding::new(
                        candidate.id.clone(),
                        weir_model::path::FieldPath::root().key("spec"),
                        Code::GraphTooLarge,
                        message,
                    )
                    .help("split it up, or raise the operator's limits --max-depth and --max-nodes"),
                );
            }
        }
        refused
    }
}

/// The id of a TraefikService.
pub(super) fn traefik_service_id(name: &NamespacedName) -> ObjectId {
    ObjectId {
        kind: Kind::TraefikService,
        name: name.clone(),
    }
}
