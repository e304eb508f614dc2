//! Limits: too many levels, or too many nodes, below one object.

use weir_model::path::FieldPath;

use super::Choice;
use crate::compile::{
    extent::{Extent, extents},
    finding::{Code, Finding},
    graph::children_first,
};

/// The graph and how much is below each node of it.
struct Measured {
    graph: Vec<Vec<usize>>,
    children_first: Vec<usize>,
    extents: Vec<Option<Extent>>,
    limit: Extent,
}

impl Measured {
    /// What is too much below a node, if anything is.
    fn excess(&self, i: usize) -> Option<String> {
        let extent = self.extents[i]?;
        if extent.depth > self.limit.depth {
            let (depth, limit) = (extent.depth, self.limit.depth);
            Some(format!(
                "has {depth} levels, more than the {limit} that are allowed"
            ))
        } else if extent.size > self.limit.size {
            Some(format!(
                "has more than the {} nodes that are allowed",
                self.limit.size
            ))
        } else {
            None
        }
    }

    /// For each node the one above it that is too deep because of a chain through it, and for each node
    /// below one that is too large that one.
    fn blame(&self, large: &[usize]) -> Vec<Option<usize>> {
        let nodes = self.graph.len();
        let (mut levels, mut deep, mut wide) = (vec![0; nodes], vec![None; nodes], vec![None; nodes]);
        for &i in large {
            let depth = self.extents[i].map_or(0, |extent| extent.depth);
            let list = if depth > self.limit.depth {
                &mut deep
            } else {
                &mut wide
            };
            list[i] = Some(i);
            levels[i] = usize::from(depth > self.limit.depth);
        }
        for &i in self.children_first.iter().rev() {
            for &to in &self.graph[i] {
                wide[to] = wide[to].or(wide[i]);
                if levels[i] > 0 && levels[i] >= levels[to] {
                    levels[to] = levels[i] + 1;
                    deep[to] = deep[i];
                }
            }
        }
        let too_long = |i: usize| {
            let below = self.extents[i].map_or(0, |extent| extent.depth);
            levels[i] > 0 && levels[i] + below - 1 > self.limit.depth
        };
        (0..nodes)
            .map(|i| deep[i].filter(|_| too_long(i)).or(wide[i]))
            .collect()
    }
}

impl Choice<'_> {
    /// Refuses current forms with too much below them. Which ones?
    ///
    /// An edit is refused, not what was accepted and is too large through an edit below it; that is refused
    /// only if no edit is left, since the limits were lowered then.
    pub(super) fn refuse_large(&mut self, findings: &mut Vec<Finding>) -> Vec<usize> {
        let measured = self.measure();
        let nodes = 0..self.candidates.len();
        let large: Vec<usize> = nodes.clone().filter(|i| measured.excess(*i).is_some()).collect();
        if large.is_empty() {
            return Vec::new();
        }
        let own = |i: usize| measured.excess(i).map(|excess| format!("it {excess}"));
        let mut reasons: Vec<(usize, Option<String>)> = large
            .iter()
            .filter(|i| self.is_edit(**i))
            .map(|i| (*i, own(*i)))
            .collect();
        if reasons.is_empty() {
            let blamed = measured
                .blame(&large)
                .into_iter()
                .enumerate()
                .filter(|(i, _)| self.is_edit(*i));
            let others = |above: usize| {
                let excess = measured.excess(above)?;
                Some(format!(
                    "with it, {} {excess}, and that was accepted before",
                    self.name(above)
                ))
            };
            reasons = blamed
                .filter_map(|(i, above)| Some((i, others(above?))))
                .collect();
        }
        if reasons.is_empty() {
            let current = |i: &usize| self.candidates[*i].current.is_some();
            reasons = large
                .iter()
                .copied()
                .filter(current)
                .map(|i| (i, own(i)))
                .collect();
        }
        for (i, reason) in &reasons {
            let object = self.candidates[*i].id.clone();
            let message = reason.clone().unwrap_or_default();
            let help = "split it up, or raise the operator's limits --max-depth and --max-nodes";
            findings.push(
                Finding::new(
                    object,
                    FieldPath::root().key("spec"),
                    Code::GraphTooLarge,
                    message,
                )
                .help(help),
            );
            self.refuse(*i);
        }
        reasons.into_iter().map(|(i, _)| i).collect()
    }

    fn measure(&self) -> Measured {
        // a reference to what is not served leads nowhere
        let served = |to: &usize| self.form(*to).is_some();
        let graph: Vec<Vec<usize>> = self
            .graph
            .iter()
            .map(|to| to.iter().copied().filter(served).collect())
            .collect();
        let weight = |i: usize| {
            let references = self.form(i).into_iter().flat_map(|form| form.shape.references());
            1 + references.filter(|r| r.traefik_service().is_none()).count()
        };
        let weights: Vec<usize> = (0..graph.len()).map(weight).collect();
        let limit = Extent {
            depth: self.options.max_depth,
            size: self.options.max_nodes,
        };
        let children_first = children_first(&graph);
        let extents = extents(&graph, &children_first, &weights, limit);
        Measured {
            graph,
            children_first,
            extents,
            limit,
        }
    }

    /// Whether what is written is served and does something else than what was accepted before.
    fn is_edit(&self, i: usize) -> bool {
        let candidate = &self.candidates[i];
        candidate.current.as_ref().is_some_and(|current| {
            let old = self.accepted_before(i);
            old.is_none_or(|old| !current.shape.does_the_same(&old.shape))
        })
    }
}
