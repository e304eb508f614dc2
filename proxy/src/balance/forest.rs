//! All pick trees of one snapshot, in one array.

use hashbrown::HashSet;

use super::{
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
    pub(super) steps: Box<[Step]>,
    pub(super) targets: Box<[Target]>,
}

/// An entry of the array.
#[derive(Debug)]
pub(super) enum Step {
    Leaf(LeafIndex),
    Split(Split),
    Mirror {
        main: u32,
        /// The range of its targets.
        first: u32,
        end: u32,
    },
}

impl Forest {
    /// Picks for request `n` of `root`, an index from this forest. Each mirror on the way hands the copies that it
    /// makes to `copies`; these are then picked by themselves, from [`Target::node`] and
    /// [`CopyPick::n`], so that they take their own turns and never those of main.
    ///
    /// Wait-free and without allocation.
    #[inline]
    pub fn pick(&self, root: NodeIndex, n: u64, mut copies: impl FnMut(CopyPick)) -> Pick {
        let (mut at, mut n) = (root.0, n);
        loop {
            match &self.steps[at as usize] {
                Step::Leaf(leaf) => return Pick { leaf: *leaf, turn: n },
                Step::Split(split) => (at, n) = split.hand_down(n),
                Step::Mirror { main, first, end } => {
                    for target in *first..*end {
                        if let Some(n) = copy_index(n, self.targets[target as usize].percent) {
                            copies(CopyPick {
                                n,
                                target: TargetIndex(target),
                            });
                        }
                    }
                    at = *main;
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
            }
        }
        None
    }

    /// Who gets a copy, and how. The index must come from this forest.
    pub fn target(&self, index: TargetIndex) -> &Target {
        &self.targets[index.0 as usize]
    }
}
