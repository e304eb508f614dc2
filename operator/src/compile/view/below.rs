//! A part of the graph: what one object reaches.

use thiserror::Error;
use weir_model::name::NamespacedName;

use super::{Edge, Node, NodeKind, State, View, flow};
use crate::compile::finding::did_you_mean;

/// Why a name does not stand for one object.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BelowError {
    /// No object has it.
    #[error("there is no IngressRoute and no TraefikService {name:?}{}", hint(similar.as_deref()))]
    NotFound {
        /// As given.
        name: String,
        /// A name that may have been meant.
        similar: Option<String>,
    },
    /// Several objects have it.
    #[error("{name:?} could be several objects: write {}", one_of(candidates))]
    Ambiguous {
        /// As given.
        name: String,
        /// Names of them that are not ambiguous, sorted.
        candidates: Vec<String>,
    },
}

/// Candidates that a message names before it cuts.
const CANDIDATES_SHOWN: usize = 5;

fn hint(similar: Option<&str>) -> String {
    similar
        .map(|name| format!(": did you mean {name:?}?"))
        .unwrap_or_default()
}

fn one_of(candidates: &[String]) -> String {
    let shown = candidates.iter().take(CANDIDATES_SHOWN).cloned();
    let text = shown.collect::<Vec<_>>().join(" or ");
    match candidates.len().saturating_sub(CANDIDATES_SHOWN) {
        0 => text,
        more => format!("{text} or one of {more} more"),
    }
}

impl View {
    /// What can be reached from one object, whose requests are all there are.
    ///
    /// `name` is an IngressRoute's or a TraefikService's: `apps/wrr1`, or `wrr1` when there is no other
    /// one of that name, or `ts/apps/wrr1` and `ir/apps/web` where both kinds have it.
    pub fn below(&self, name: &str) -> Result<Self, BelowError> {
        let first = self.first_edges();
        let roots = self.find(name)?;
        let mut kept = vec![false; self.nodes.len()];
        let mut open = roots.clone();
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut kept[node], true) {
                open.extend(
                    self.edges[first[node]..first[node + 1]]
                        .iter()
                        .map(|edge| edge.to),
                );
            }
        }
        let mut new_index = vec![0; self.nodes.len()];
        let mut nodes = Vec::new();
        for (i, node) in self.nodes.iter().enumerate().filter(|(i, _)| kept[*i]) {
            new_index[i] = nodes.len();
            nodes.push(node.clone());
        }
        let edges = self.edges.iter().filter(|edge| kept[edge.from]).map(|edge| Edge {
            from: new_index[edge.from],
            to: new_index[edge.to],
            effective: None,
            ..edge.clone()
        });
        let mut view = Self {
            nodes,
            edges: edges.collect(),
            roots: roots.into_iter().map(|root| new_index[root]).collect(),
        };
        flow::fill_in(&mut view);
        Ok(view)
    }

    /// The nodes of the one object that is meant.
    fn find(&self, name: &str) -> Result<Vec<usize>, BelowError> {
        let objects = || {
            self.nodes
                .iter()
                .enumerate()
                .filter_map(|(i, n)| Some((i, object(n)?)))
        };
        let wanted = Wanted::new(name);
        let found: Vec<(usize, (&str, &NamespacedName))> = objects()
            .filter(|(_, (kind, name))| wanted.is(kind, name))
            .collect();
        let Some((_, first)) = found.first() else {
            let qualified: Vec<String> = objects()
                .map(|(_, (kind, name))| wanted.spelled_alike(kind, name))
                .collect();
            return Err(BelowError::NotFound {
                name: name.to_owned(),
                similar: did_you_mean(name, qualified.iter().map(String::as_str)).map(str::to_owned),
            });
        };
        if found.iter().all(|(_, object)| object == first) {
            return Ok(found.into_iter().map(|(i, _)| i).collect());
        }
        let mut candidates: Vec<String> = found
            .iter()
            .map(|(_, (kind, name))| format!("{kind}/{name}"))
            .collect();
        candidates.dedup();
        Err(BelowError::Ambiguous {
            name: name.to_owned(),
            candidates,
        })
    }
}

/// Kind and name of the object that a node stands for, if it is one to start from.
fn object(node: &Node) -> Option<(&'static str, &NamespacedName)> {
    match node.kind {
        NodeKind::Route { .. } => Some(("ir", &node.name)),
        NodeKind::TraefikService { .. } if node.state != State::Missing => Some(("ts", &node.name)),
        NodeKind::TraefikService { .. } | NodeKind::Service { .. } => None,
    }
}

/// A name as given, in its parts.
struct Wanted<'a> {
    kind: Option<&'a str>,
    namespace: Option<&'a str>,
    name: &'a str,
}

impl<'a> Wanted<'a> {
    fn new(text: &'a str) -> Self {
        let (before, name) = match text.rsplit_once('/') {
            Some((before, name)) => (Some(before), name),
            None => (None, text),
        };
        let (kind, namespace) = match before.and_then(|before| before.split_once('/')) {
            Some((kind, namespace)) => (Some(kind), Some(namespace)),
            None => (None, before),
        };
        Self {
            kind,
            namespace,
            name,
        }
    }

    fn is(&self, kind: &str, name: &NamespacedName) -> bool {
        self.kind.is_none_or(|k| k == kind)
            && self.namespace.is_none_or(|n| n == name.namespace)
            && self.name == name.name
    }

    /// Another object's name, with as many parts.
    fn spelled_alike(&self, kind: &str, name: &NamespacedName) -> String {
        match (self.kind, self.namespace) {
            (Some(_), _) => format!("{kind}/{name}"),
            (None, Some(_)) => name.to_string(),
            (None, None) => name.name.clone(),
        }
    }
}
