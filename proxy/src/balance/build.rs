//! Building a forest from its leaves up.

use std::{cmp::Reverse, collections::VecDeque, sync::Arc};

use weir_model::weight::Weight;

use super::{Choice, Counter, Forest, LeafIndex, NodeIndex, StickyChild, Target, forest::Step, split::Split};
use crate::sticky::Cookie;

/// Builds a [`Forest`]. A node is made after all that it leads to, so no cycle can be written down
/// and nothing here recurses, however deep the graph is.
#[derive(Debug, Default)]
pub struct ForestBuilder {
    choices: Vec<Choice>,
    steps: Vec<Step>,
    targets: Vec<Target>,
}

impl ForestBuilder {
    /// A leaf with usable endpoints.
    pub fn leaf(&mut self, leaf: LeafIndex) -> NodeIndex {
        NodeIndex(self.push(Step::Leaf(leaf)))
    }

    /// A choice by weight among the usable `children`; none when there is no usable one with a
    /// weight above 0. A single one stands for the whole choice.
    ///
    /// The splits form a Huffman tree: the two lightest parts are joined until one is left. Heavy
    /// children so lie near the root, a pick passes few splits on average, and how far a prefix of
    /// the sequence is off is bounded by a constant, whatever the number of children: at most 1 for each
    /// split on the child's way, weighed by the child's share of the part below that split, and these
    /// parts grow like Fibonacci's numbers. Ties go by the order of `children`, so equal input gives equal trees.
    pub fn weighted(
        &mut self,
        children: impl IntoIterator<Item = (Option<NodeIndex>, Weight)>,
    ) -> Option<NodeIndex> {
        let mut children: Vec<(u64, u32)> = children
            .into_iter()
            .filter_map(|(node, weight)| Some((u64::from(weight.get()), node?.0)))
            .filter(|(weight, node)| *weight > 0 && self.is_free(*node))
            .collect();
        // The lightest at the end, among equals the last child: it becomes a left side, which is served
        // after the right one. What is joined gets heavier, so both lists stay sorted.
        children.sort_by_key(|(weight, _)| Reverse(*weight));
        let mut joined: VecDeque<(u64, u32)> = VecDeque::new();
        while children.len() + joined.len() > 1 {
            let left = lightest(&mut children, &mut joined)?;
            let right = lightest(&mut children, &mut joined)?;
            let step = self.push(Step::Split(Split::new((left.1, left.0), (right.1, right.0))));
            joined.push_back((left.0 + right.0, step));
        }
        lightest(&mut children, &mut joined).map(|(_, step)| NodeIndex(step))
    }

    /// The same choice where a cookie may make it: of all usable `children`, those without a weight included. None when
    /// there is none. `counter` counts the requests without a cookie.
    pub fn sticky(
        &mut self,
        cookie: Cookie,
        counter: Arc<Counter>,
        children: &[StickyChild],
    ) -> Option<NodeIndex> {
        let choice = self.choices.len() as u32;
        let wrapped: Vec<_> = (0..)
            .zip(children)
            .map(|(child, StickyChild { node, weight, .. })| {
                let node = node.0;
                let step = self.push(Step::Chosen { choice, child, node });
                (Some(NodeIndex(step)), *weight)
            })
            .collect();
        let free = self.weighted(wrapped).map(|node| node.0);
        if children.is_empty() {
            return None;
        }
        self.choices.push(Choice::new(cookie, counter, children, free));
        Some(NodeIndex(self.push(Step::Sticky(choice))))
    }

    /// Whether a request without cookies gets anywhere from a step.
    fn is_free(&self, mut step: u32) -> bool {
        loop {
            match &self.steps[step as usize] {
                Step::Leaf(_) | Step::Split(_) => return true,
                Step::Mirror { main, .. } => step = *main,
                Step::Chosen { node, .. } => step = *node,
                Step::Sticky(choice) => return self.choices[*choice as usize].free.is_some(),
            }
        }
    }

    /// A mirror; none when its main service is not usable. `targets` are the usable ones.
    pub fn mirror(
        &mut self,
        main: Option<NodeIndex>,
        targets: impl IntoIterator<Item = Target>,
    ) -> Option<NodeIndex> {
        let main = main?;
        let first = self.targets.len() as u32;
        self.targets
            .extend(targets.into_iter().filter(|target| target.percent.get() > 0));
        let end = self.targets.len() as u32;
        if first == end {
            return Some(main);
        }
        Some(NodeIndex(self.push(Step::Mirror {
            main: main.0,
            first,
            end,
        })))
    }

    /// The forest.
    pub fn finish(self) -> Forest {
        Forest {
            choices: self.choices.into(),
            steps: self.steps.into(),
            targets: self.targets.into(),
        }
    }

    fn push(&mut self, step: Step) -> u32 {
        self.steps.push(step);
        self.steps.len() as u32 - 1
    }
}

/// Takes the lightest part; among equals one that is not joined yet, which keeps the tree flat.
fn lightest(children: &mut Vec<(u64, u32)>, joined: &mut VecDeque<(u64, u32)>) -> Option<(u64, u32)> {
    match (children.last(), joined.front()) {
        (Some(child), Some(part)) if part.0 < child.0 => joined.pop_front(),
        (Some(_), _) => children.pop(),
        (None, _) => joined.pop_front(),
    }
}
