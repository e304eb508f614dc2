//! Properties of whole forests.

use std::{collections::BTreeMap, sync::Arc, thread};

use proptest::prelude::*;
use weir_model::weight::{Percent, Weight};

use super::{forest::Step, *};

/// A tree to be: leaves with or without endpoints, weighted nodes with weighted children.
#[derive(Clone, Debug)]
enum Shape {
    Leaf { usable: bool },
    Weighted(Vec<(u32, Self)>),
}

/// At most `levels` weighted nodes above each other.
fn shape(levels: u32) -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![4 => Just(true), 1 => Just(false)].prop_map(|usable| Shape::Leaf { usable });
    leaf.prop_recursive(levels, 60, 5, |inner| {
        prop::collection::vec((0..=6_u32, inner), 1..=5).prop_map(Shape::Weighted)
    })
}

/// Anything that a counter can get to.
fn offset() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        0..100_000_u64,
        0..(1_u64 << 62),
        (u64::MAX - 100_000)..(u64::MAX - 10_000)
    ]
}

fn weight(weight: u32) -> Weight {
    i64::from(weight).try_into().unwrap()
}

fn percent(percent: u8) -> Percent {
    i64::from(percent).try_into().unwrap()
}

/// A forest of one tree, and the way to each of its leaves: places among siblings, from the root.
struct Planted {
    forest: Forest,
    root: Option<NodeIndex>,
    ways: Vec<Vec<usize>>,
}

impl Planted {
    fn new(shape: &Shape) -> Self {
        fn plant(
            shape: &Shape,
            way: &[usize],
            builder: &mut ForestBuilder,
            ways: &mut Vec<Vec<usize>>,
        ) -> Option<NodeIndex> {
            match shape {
                Shape::Leaf { usable } => {
                    ways.push(way.to_vec());
                    usable.then(|| builder.leaf(LeafIndex(ways.len() as u32 - 1)))
                }
                Shape::Weighted(children) => {
                    let planted: Vec<_> = (0..)
                        .zip(children)
                        .map(|(place, (w, child))| {
                            (plant(child, &[way, &[place]].concat(), builder, ways), weight(*w))
                        })
                        .collect();
                    builder.weighted(planted)
                }
            }
        }
        let (mut builder, mut ways) = (ForestBuilder::default(), Vec::new());
        let root = plant(shape, &[], &mut builder, &mut ways);
        Self {
            forest: builder.finish(),
            root,
            ways,
        }
    }

    fn way(&self, n: u64) -> Vec<usize> {
        self.ways[pick(&self.forest, self.root.unwrap(), n).leaf.0 as usize].clone()
    }
}

fn pick(forest: &Forest, root: NodeIndex, n: u64) -> Pick {
    forest
        .pick(root, n, |_: CopyPick| panic!("a copy without a mirror"))
        .unwrap()
}

/// How many splits a pick passes at most.
fn levels(forest: &Forest, root: NodeIndex) -> u32 {
    let mut below = Vec::<u32>::new();
    for step in &forest.steps[..=root.0 as usize] {
        below.push(match step {
            Step::Leaf(_) => 0,
            Step::Split(split) => {
                1 + split
                    .sides()
                    .map(|side| below[side as usize])
                    .into_iter()
                    .max()
                    .unwrap()
            }
            Step::Mirror { main, .. } => below[*main as usize],
            Step::Chosen { .. } | Step::Sticky(_) => panic!("a cookie without a sticky service"),
        });
    }
    below[root.0 as usize]
}

/// The leaves that a node leads to.
fn reachable(forest: &Forest, root: NodeIndex) -> Vec<LeafIndex> {
    let (mut leaves, mut open) = (Vec::new(), vec![root.0]);
    while let Some(at) = open.pop() {
        match &forest.steps[at as usize] {
            Step::Leaf(leaf) => leaves.push(*leaf),
            Step::Split(split) => open.extend(split.sides()),
            Step::Mirror { main, .. } => open.push(*main),
            Step::Chosen { .. } | Step::Sticky(_) => panic!("a cookie without a sticky service"),
        }
    }
    leaves
}

fn usable(shape: &Shape) -> bool {
    match shape {
        Shape::Leaf { usable } => *usable,
        Shape::Weighted(children) => children
            .iter()
            .any(|(weight, child)| *weight > 0 && usable(child)),
    }
}

/// The weights that count: 0 for children that cannot be used.
fn effective(children: &[(u32, Shape)]) -> Vec<usize> {
    children
        .iter()
        .map(|(weight, child)| if usable(child) { *weight as usize } else { 0 })
        .collect()
}

/// Checks every window of a sequence of ways, and of those parts of it that go to one child.
fn check_windows(shape: &Shape, sequence: &[Vec<usize>]) -> Result<(), TestCaseError> {
    let Shape::Weighted(children) = shape else {
        return Ok(());
    };
    let weights = effective(children);
    let total = weights.iter().sum();
    if total == 0 {
        prop_assert!(sequence.is_empty());
        return Ok(());
    }
    for window in sequence.windows(total) {
        let mut taken = vec![0; children.len()];
        for way in window {
            taken[way[0]] += 1;
        }
        prop_assert_eq!(&taken, &weights);
    }
    for (place, (_, child)) in children.iter().enumerate() {
        let below: Vec<_> = sequence
            .iter()
            .filter(|way| way[0] == place)
            .map(|way| way[1..].to_vec())
            .collect();
        check_windows(child, &below)?;
    }
    Ok(())
}

/// Adds the shares of the leaves, as fractions of the whole, to `leaves`.
fn shares(shape: &Shape, (part, whole): (u128, u128), leaves: &mut Vec<(u128, u128)>) {
    match shape {
        Shape::Leaf { .. } => leaves.push((part, whole)),
        Shape::Weighted(children) => {
            let weights = effective(children);
            let total = weights.iter().sum::<usize>().max(1) as u128;
            for ((_, child), weight) in children.iter().zip(weights) {
                shares(child, (part * weight as u128, whole * total), leaves);
            }
        }
    }
}

proptest! {
    #[test]
    fn every_window_is_exact_at_every_level(shape in shape(3), offset in offset()) {
        let planted = Planted::new(&shape);
        prop_assert_eq!(planted.root.is_some(), usable(&shape));
        if planted.root.is_some() {
            let sequence: Vec<_> = (offset..offset + 500).map(|n| planted.way(n)).collect();
            check_windows(&shape, &sequence)?;
        }
    }

    #[test]
    fn another_leaf_is_found_if_there_is_one(shape in shape(3), n in offset(), allowed in any::<u64>()) {
        let planted = Planted::new(&shape);
        if let Some(root) = planted.root {
            let reachable = reachable(&planted.forest, root);
            let allowed = |leaf: LeafIndex| allowed >> (leaf.0 % 64) & 1 == 1;
            let found = planted.forest.pick_where(root, n, allowed);
            prop_assert_eq!(found.is_some(), reachable.iter().copied().any(allowed));
            if let Some(found) = found {
                prop_assert!(allowed(found.leaf) && reachable.contains(&found.leaf));
            }
            prop_assert_eq!(planted.forest.pick_where(root, n, |_| true), Some(pick(&planted.forest, root, n)));
        }
    }

    #[test]
    fn a_prefix_is_off_by_less_than_the_levels_of_the_tree(shape in shape(3)) {
        let planted = Planted::new(&shape);
        if let Some(root) = planted.root {
            let mut expected = Vec::new();
            shares(&shape, (1, 1), &mut expected);
            let bound = u128::from(levels(&planted.forest, root)).max(1);
            let mut taken = vec![0_u128; expected.len()];
            for n in 0..500 {
                taken[pick(&planted.forest, root, n).leaf.0 as usize] += 1;
                for (taken, (part, whole)) in taken.iter().zip(&expected) {
                    prop_assert!((taken * whole).abs_diff(u128::from(n + 1) * part) < bound * whole);
                }
            }
        }
    }

    #[test]
    fn a_prefix_of_one_choice_is_off_by_less_than_four(
        weights in prop::collection::vec(prop_oneof![1..10_u32, 1..1_000_000_u32], 1..80),
    ) {
        let (forest, root) = choice(&weights);
        let total: u64 = weights.iter().copied().map(u64::from).sum();
        let mut taken = vec![0_u64; weights.len()];
        for n in 0..1_000 {
            taken[pick(&forest, root, n).leaf.0 as usize] += 1;
            for (taken, weight) in taken.iter().zip(&weights) {
                prop_assert!((taken * total).abs_diff((n + 1) * u64::from(*weight)) < 4 * total);
            }
        }
    }

    #[test]
    fn each_leaf_takes_its_turns_in_order(shape in shape(3), offset in offset()) {
        let planted = Planted::new(&shape);
        if let Some(root) = planted.root {
            let mut last = BTreeMap::new();
            for n in offset..offset + 300 {
                let Pick { leaf, turn } = pick(&planted.forest, root, n);
                let before = last.insert(leaf, turn);
                prop_assert!(before.is_none_or(|before| turn == before + 1));
            }
        }
    }

    #[test]
    fn nested_mirrors_copy_the_percentage_rounded_up(outer in 0..=100_u8, inner in 0..=100_u8, beyond in 0..=100_u8) {
        // outer copies to a mirror that copies, and its main service is one as well
        let mut builder = ForestBuilder::default();
        let leaves = [0, 1, 2, 3].map(|leaf| builder.leaf(LeafIndex(leaf)));
        let main = builder.mirror(Some(leaves[0]), [target(leaves[1], inner)]);
        let copied = builder.mirror(Some(leaves[2]), [target(leaves[3], beyond)]);
        let root = builder.mirror(main, [target(copied.unwrap(), outer)]).unwrap();
        let forest = builder.finish();
        for requests in [1, 7, 100, 250] {
            let mut taken = [0_u64; 4];
            for n in 0..requests {
                count(&forest, root, n, &mut taken);
            }
            let part = |of: u64, percent: u8| (of * u64::from(percent)).div_ceil(100);
            let copies = part(requests, outer);
            prop_assert_eq!(taken, [requests, part(requests, inner), copies, part(copies, beyond)]);
        }
    }
}

/// One weighted node over leaves.
fn choice(weights: &[u32]) -> (Forest, NodeIndex) {
    let shape = Shape::Weighted(
        weights
            .iter()
            .map(|weight| (*weight, Shape::Leaf { usable: true }))
            .collect(),
    );
    let Planted { forest, root, .. } = Planted::new(&shape);
    (forest, root.unwrap())
}

fn target(node: NodeIndex, of_requests: u8) -> Target {
    let mirror = Mirror {
        label: "mirror".into(),
        max_body_size: None,
        mirror_body: true,
    };
    Target {
        label: "target".into(),
        mirror: Arc::new(mirror),
        node,
        percent: percent(of_requests),
    }
}

/// Counts a request's leaf and those of its copies, and of theirs.
fn count(forest: &Forest, root: NodeIndex, n: u64, taken: &mut [u64]) {
    let mut open = vec![(root, n)];
    while let Some((node, n)) = open.pop() {
        let pick = forest.pick(node, n, |copy: CopyPick| {
            open.push((forest.target(copy.target).node, copy.n));
        });
        taken[pick.unwrap().leaf.0 as usize] += 1;
    }
}

#[test]
fn one_in_a_million_comes_once_in_a_million() {
    let (forest, root) = choice(&[1, 1_000_000]);
    for window in 0..2 {
        let start = window * 1_000_001;
        let rare = (start..start + 1_000_001).filter(|n| pick(&forest, root, *n).leaf == LeafIndex(0));
        assert_eq!(rare.count(), 1);
    }
}

#[test]
fn the_largest_weights_and_numbers_of_children_are_exact() {
    // all different, too many requests for a whole window: the turns tell how many went before
    let weights: Vec<u32> = (0..10_000).map(|i| Weight::MAX - i).collect();
    let (forest, root) = choice(&weights);
    let total: u128 = weights.iter().copied().map(u128::from).sum();
    for n in (0..2_000).map(|i| (u64::MAX >> 1) - i * 977) {
        let Pick { leaf, turn } = pick(&forest, root, n);
        let share = u128::from(n) * u128::from(weights[leaf.0 as usize]) / total;
        assert!(
            u128::from(turn).abs_diff(share) < 4,
            "{leaf:?} has had {turn} of {share}"
        );
    }
}

#[test]
fn equal_weights_take_turns_and_heavier_ones_come_first() {
    let sequence = |weights: &[u32]| {
        let (forest, root) = choice(weights);
        let total = weights.iter().sum::<u32>();
        (0..total)
            .map(|n| pick(&forest, root, n.into()).leaf.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(sequence(&[1, 1]), [0, 1]);
    assert_eq!(sequence(&[3, 1]), [0, 0, 0, 1]);
    assert_eq!(sequence(&[1, 3]), [1, 1, 1, 0]);
    assert_eq!(sequence(&[2, 2]), [0, 1, 0, 1]);
}

#[test]
fn trees_are_flat_and_heavy_children_near_the_root() {
    let (forest, root) = choice(&[1; 1_000]);
    assert_eq!(levels(&forest, root), 10);
    // each as heavy as all the lighter ones together, in no order
    let (forest, root) = choice(&[1 << 9, 1, 1 << 3, 1 << 6, 1 << 12]);
    let Step::Split(split) = &forest.steps[root.0 as usize] else {
        panic!("no split")
    };
    let heaviest = |side: u32| matches!(forest.steps[side as usize], Step::Leaf(LeafIndex(4)));
    assert!(split.sides().into_iter().any(heaviest));
}

#[test]
fn threads_that_pick_at_once_share_exactly() {
    let weights = [5, 3, 2, 7];
    let (forest, root) = choice(&weights);
    let counter = std::sync::atomic::AtomicU64::new(123_456);
    let windows = 8_000;
    let total: u64 = weights.iter().copied().map(u64::from).sum();
    let taken = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut taken = [0_u64; 4];
                    for _ in 0..windows * total / 8 {
                        let n = counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        taken[pick(&forest, root, n).leaf.0 as usize] += 1;
                    }
                    taken
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .fold([0; 4], |mut sum, taken| {
                sum.iter_mut().zip(taken).for_each(|(sum, taken)| *sum += taken);
                sum
            })
    });
    assert_eq!(taken, weights.map(|weight| u64::from(weight) * windows));
}

#[test]
fn a_shared_node_is_there_once_and_picked_for_each_parent() {
    let mut builder = ForestBuilder::default();
    let leaves = [0, 1].map(|leaf| Some(builder.leaf(LeafIndex(leaf))));
    let shared = builder.weighted(leaves.map(|leaf| (leaf, weight(1))));
    let one = builder.weighted([(shared, weight(1))]);
    let root = builder.weighted([(one, weight(1)), (shared, weight(1))]).unwrap();
    let forest = builder.finish();
    assert_eq!(
        forest.steps.len(),
        4,
        "two leaves, the shared split, the root's split"
    );
    let mut taken = [0; 2];
    (0..8).for_each(|n| count(&forest, root, n, &mut taken));
    assert_eq!(taken, [4, 4]);
}

#[test]
fn another_leaf_is_found_behind_a_mirror_and_once_for_all_parents() {
    let mut builder = ForestBuilder::default();
    let [first, second] = [0, 1].map(|leaf| builder.leaf(LeafIndex(leaf)));
    let mirror = builder.mirror(Some(second), [target(first, 100)]);
    let mut root = builder.weighted([(Some(first), weight(1)), (mirror, weight(1))]);
    // as many ways as no time would be enough for
    for _ in 0..60 {
        root = builder.weighted([(root, weight(1)), (root, weight(1))]);
    }
    let (forest, root) = (builder.finish(), root.unwrap());
    for n in 0..4 {
        let found = forest.pick_where(root, n, |leaf| leaf == LeafIndex(1));
        assert_eq!(found.unwrap().leaf, LeafIndex(1));
    }
    assert_eq!(forest.pick_where(root, 0, |_| false), None);
}

#[test]
fn a_mirror_without_targets_is_its_main_service() {
    let mut builder = ForestBuilder::default();
    let leaf = builder.leaf(LeafIndex(0));
    assert_eq!(builder.mirror(Some(leaf), [target(leaf, 0)]), Some(leaf));
    assert_eq!(builder.mirror(None, [target(leaf, 100)]), None);
}

#[test]
fn a_pick_through_a_hundred_thousand_mirrors_needs_no_stack() {
    let mut builder = ForestBuilder::default();
    let leaf = builder.leaf(LeafIndex(0));
    let mut root = leaf;
    for _ in 0..100_000 {
        root = builder.mirror(Some(root), [target(leaf, 100)]).unwrap();
    }
    let forest = builder.finish();
    let mut copies = 0;
    forest.pick(root, 0, |_: CopyPick| copies += 1);
    assert_eq!(copies, 100_000);
}
