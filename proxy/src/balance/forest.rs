//! All pick trees of one snapshot, in one array.

use hashbrown::HashSet;

use super::{
    choice::Choice,
    mirror::{Target, copy_index},
    split::Split,
};

/// A node of a [`Forest`] that has something usable below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(pub(super) u32);

/// A leaf, as whoever built the [`Forest`] numbered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafIndex(pub u32);

/// A mirror's target; see [`Forest::target`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetIndex(pub(super) u32);

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pick {
    /// The leaf.
    pub leaf: LeafIndex,
    /// The request's index among those that the same way leads to this leaf; its endpoint is this
    /// modulo their number.
    pub turn: u64,
}

/// A copy that a mirror on the way makes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CopyPick {
    /// What the copy's own pick takes as its number.
    pub n: u64,
    /// Who gets it.
    pub target: TargetIndex,
}

/// All pick trees of one snapshot. Immutable; a node that several parents share is there once.
///
/// A node is a step or, when weighted, the root of a binary tree of splits. Steps lead to earlier ones only
/// ([`super::ForestBuilder`] makes no others), so every way ends.
#[derive(Debug, Default)]
pub struct Forest {
    pub(super) choices: Box<[Choice]>,
    pub(super) steps: Box<[Step]>,
    pub(super) targets: Box<[Target]>,
}

/// An entry of the array.
#[derive(Debug)]
pub(super) enum Step {
    /// A child of a sticky choice: what was chosen is told.
    Chosen {
        choice: u32,
        child: u32,
        node: u32,
    },
    Leaf(LeafIndex),
    Split(Split),
    Mirror {
        main: u32,
        /// The range of its targets.
        first: u32,
        end: u32,
    },
    /// A place among the choices.
    Sticky(u32),
}

/// What a pick meets on its way.
pub trait Visitor {
    /// A mirror makes a copy. Copies are picked by themselves, from [`Target::node`] and [`CopyPick::n`], so that they take
    /// their own turns and never those of main.
    fn copy(&mut self, copy: CopyPick);

    /// The child that the request's cookie names, if it has one that names any.
    fn find(&mut self, choice: &Choice) -> Option<usize>;

    /// A child was chosen without a cookie.
    fn chosen(&mut self, choice: &Choice, child: usize);
}

/// Has no cookies.
impl<F: FnMut(CopyPick)> Visitor for F {
    fn copy(&mut self, copy: CopyPick) {
        self(copy);
    }

    fn find(&mut self, _: &Choice) -> Option<usize> {
        None
    }

    fn chosen(&mut self, _: &Choice, _: usize) {}
}

impl Forest {
    /// Picks for request `n` of `root`, an index from this forest; none where only cookies lead on, and the request has
    /// none.
    ///
    /// Wait-free, and without allocation but what the visitor does.
    #[inline]
    pub fn pick(&self, root: NodeIndex, n: u64, mut visitor: impl Visitor) -> Option<Pick> {
        let (mut at, mut n) = (root.0, n);
        loop {
            match &self.steps[at as usize] {
                Step::Leaf(leaf) => return Some(Pick { leaf: *leaf, turn: n }),
                Step::Split(split) => (at, n) = split.hand_down(n),
                Step::Mirror { main, first, end } => {
                    for target in *first..*end {
                        if let Some(n) = copy_index(n, self.targets[target as usize].percent) {
                            visitor.copy(CopyPick {
                                n,
                                target: TargetIndex(target),
                            });
                        }
                    }
                    at = *main;
                }
                Step::Sticky(choice) => {
                    let choice = &self.choices[*choice as usize];
                    match visitor.find(choice).and_then(|child| choice.children.get(child)) {
                        Some((node, counter)) => (at, n) = (*node, counter.next()),
                        None => (at, n) = (choice.free?, choice.counter.next()),
                    }
                }
                Step::Chosen { choice, child, node } => {
                    visitor.chosen(&self.choices[*choice as usize], *child as usize);
                    at = *node;
                }
            }
        }
    }

    /// A pick among the leaves that `allowed` agrees to, for a request that its own leaf has failed; none when it
    /// agrees to none. It is near the way of request `n` and spread by that, but not exact: a leaf that fails as a whole
    /// soon has no endpoints, and then no place in the next forest. No copies are made.
    #[cold]
    pub fn pick_where(
        &self,
        root: NodeIndex,
        n: u64,
        mut allowed: impl FnMut(LeafIndex) -> bool,
    ) -> Option<Pick> {
        let mut seen = HashSet::new();
        let mut open = vec![(root.0, n)];
        while let Some((at, n)) = open.pop() {
            if !seen.insert(at) {
                continue;
            }
            match &self.steps[at as usize] {
                Step::Leaf(leaf) if allowed(*leaf) => return Some(Pick { leaf: *leaf, turn: n }),
                Step::Leaf(_) => {}
                Step::Split(split) => {
                    let (first, index) = split.hand_down(n);
                    open.push((split.other(first), n - index));
                    open.push((first, index));
                }
                Step::Mirror { main, .. } => open.push((*main, n)),
                Step::Chosen { node, .. } => open.push((*node, n)),
                Step::Sticky(choice) => {
                    open.extend(self.choices[*choice as usize].free.map(|free| (free, n)));
                }
            }
        }
        None
    }

    /// Who gets a copy, and how. The index must come from this forest.
    pub fn target(&self, index: TargetIndex) -> &Target {
        &self.targets[index.0 as usize]
    }
}
