//! Graphs of indices: cycles with their paths, and an order. Nothing here recurses.

use std::collections::{BTreeMap, VecDeque, btree_map::Entry};

/// Who refers to whom: the successors of each node, by index.
pub(super) type Adjacency = [Vec<usize>];

/// The groups of nodes that reach each other, and single nodes that refer to themselves; sorted.
///
/// Tarjan's strongly connected components with the call stack as a vector.
pub(super) fn cyclic_groups(graph: &Adjacency) -> Vec<Vec<usize>> {
    cyclic_groups_below(graph, 0..graph.len())
}

/// The same among the nodes that can be reached from `roots`.
pub(super) fn cyclic_groups_below(
    graph: &Adjacency,
    roots: impl IntoIterator<Item = usize>,
) -> Vec<Vec<usize>> {
    const UNSEEN: usize = usize::MAX;
    let mut index = vec![UNSEEN; graph.len()];
    let mut low = vec![0; graph.len()];
    let mut on_stack = vec![false; graph.len()];
    let (mut stack, mut calls, mut groups, mut next) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for root in roots {
        if index[root] != UNSEEN {
            continue;
        }
        calls.push((root, 0));
        while let Some((node, child)) = calls.pop() {
            if child == 0 {
                index[node] = next;
                low[node] = next;
                next += 1;
                stack.push(node);
                on_stack[node] = true;
            }
            if let Some(&to) = graph[node].get(child) {
                calls.push((node, child + 1));
                if index[to] == UNSEEN {
                    calls.push((to, 0));
                } else if on_stack[to] {
                    low[node] = low[node].min(index[to]);
                }
                continue;
            }
            if let Some(&(parent, _)) = calls.last() {
                low[parent] = low[parent].min(low[node]);
            }
            if low[node] == index[node] {
                let start = stack.iter().rposition(|n| *n == node).unwrap_or_default();
                let mut group = stack.split_off(start);
                for &member in &group {
                    on_stack[member] = false;
                }
                group.sort_unstable();
                if group.len() > 1 || graph[node].contains(&node) {
                    groups.push(group);
                }
            }
        }
    }
    groups.sort();
    groups
}

/// A shortest way from `start` back to itself, `start` at both ends. Gives up after `budget` steps,
/// which it counts down.
pub(super) fn way_back(graph: &Adjacency, start: usize, budget: &mut usize) -> Option<Vec<usize>> {
    let mut came_from = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for &to in &graph[node] {
            *budget = budget.checked_sub(1)?;
            if to == start {
                // `start` itself came from nowhere, which ends the walk
                let walk = std::iter::successors(Some(node), |n| came_from.get(n).copied());
                let mut path: Vec<usize> = std::iter::once(start).chain(walk).collect();
                path.reverse();
                return Some(path);
            }
            if let Entry::Vacant(entry) = came_from.entry(to) {
                entry.insert(node);
                queue.push_back(to);
            }
        }
    }
    None
}

/// Every node after those it refers to; nodes on cycles, and what refers to them, are left out.
pub(super) fn children_first(graph: &Adjacency) -> Vec<usize> {
    let mut order = Vec::with_capacity(graph.len());
    let mut open: Vec<usize> = graph.iter().map(Vec::len).collect();
    let mut referrers = vec![Vec::new(); graph.len()];
    for (node, successors) in graph.iter().enumerate() {
        for &to in successors {
            referrers[to].push(node);
        }
    }
    let mut ready: Vec<usize> = (0..graph.len()).filter(|node| open[*node] == 0).collect();
    while let Some(node) = ready.pop() {
        order.push(node);
        for &from in &referrers[node] {
            open[from] -= 1;
            if open[from] == 0 {
                ready.push(from);
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn groups_are_the_cycles() {
        let graph = [vec![1], vec![2], vec![0, 3], vec![4], vec![], vec![5]];
        assert_eq!(cyclic_groups(&graph), [vec![0, 1, 2], vec![5]]);
    }

    #[test]
    fn ways_back_are_shortest_and_start_at_the_member() {
        let graph = [vec![1, 2], vec![2], vec![0], vec![3]];
        assert_eq!(way_back(&graph, 0, &mut 100), Some(vec![0, 2, 0]));
        assert_eq!(way_back(&graph, 1, &mut 100), Some(vec![1, 2, 0, 1]));
        assert_eq!(way_back(&graph, 3, &mut 100), Some(vec![3, 3]));
        assert_eq!(way_back(&graph, 1, &mut 2), None);
    }

    #[test]
    fn long_chains_need_no_stack() {
        let mut graph: Vec<Vec<usize>> = (1..100_000).map(|i| vec![i]).collect();
        graph.push(vec![]);
        assert!(cyclic_groups(&graph).is_empty());
        assert_eq!(children_first(&graph)[0], 99_999);
        graph[99_999].push(0);
        assert_eq!(cyclic_groups(&graph).len(), 1);
    }

    proptest! {
        #[test]
        fn a_node_is_in_a_group_iff_it_reaches_itself(edges in prop::collection::vec((0..12_usize, 0..12_usize), 0..30)) {
            let mut graph = vec![Vec::new(); 12];
            for (from, to) in edges {
                graph[from].push(to);
            }
            let groups = cyclic_groups(&graph);
            for node in 0..12 {
                let grouped = groups.iter().any(|group| group.contains(&node));
                prop_assert_eq!(grouped, way_back(&graph, node, &mut 10_000).is_some());
            }
        }
    }
}
