//! How much is below each node of an acyclic graph: levels, and distinct nodes.
//!
//! Counting distinct nodes is what can cost: in layers that refer to everything in the next one there are
//! few nodes and very many ways. So it is done in three steps, each for what the one before left open: a sum
//! that counts shared nodes more than once is often small enough; a search that ends at the limit settles
//! most of the rest; and what is left is counted for 64 nodes at a time, in one pass over the graph.

use super::graph::Adjacency;

/// Measures of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Levels: the node itself and the longest chain below it.
    pub depth: usize,
    /// Weights of the distinct nodes below it and its own; once above the limit, not exactly.
    pub size: usize,
}

/// References that the searches may follow altogether.
const SEARCH_BUDGET: usize = 5_000_000;

/// The extent of every node, its size exact up to `limit.size` and as long as its depth is not above
/// `limit.depth`. `weight` is what a node counts by itself, `order` has children first; a node that is not
/// in it has no extent.
pub(super) fn extents(
    graph: &Adjacency,
    order: &[usize],
    weight: &[usize],
    limit: Extent,
) -> Vec<Option<Extent>> {
    let mut extents: Vec<Option<Extent>> = vec![None; graph.len()];
    let mut open = vec![false; graph.len()];
    let mut search = Search {
        graph,
        weight,
        limit: limit.size,
        budget: SEARCH_BUDGET,
        seen: vec![usize::MAX; graph.len()],
    };
    for &node in order {
        let below = || graph[node].iter().filter_map(|to| Some((*to, extents[*to]?)));
        let depth = 1 + below().map(|(_, extent)| extent.depth).max().unwrap_or_default();
        let most = below().fold(weight[node], |sum, (_, extent)| sum.saturating_add(extent.size));
        let over = below().any(|(to, extent)| !open[to] && extent.size > limit.size);
        let mut size = most;
        if most > limit.size && depth <= limit.depth && !over {
            let found = search.size(node);
            open[node] = found.is_none();
            size = found.unwrap_or(most);
        }
        extents[node] = Some(Extent { depth, size });
    }
    if open.contains(&true) {
        for (node, size) in sizes(graph, order, weight, limit.size).into_iter().enumerate() {
            if let Some(extent) = extents[node].as_mut().filter(|_| open[node]) {
                extent.size = size;
            }
        }
    }
    extents
}

/// A search from one node at a time.
struct Search<'a> {
    graph: &'a Adjacency,
    weight: &'a [usize],
    limit: usize,
    budget: usize,
    /// Who saw a node last.
    seen: Vec<usize>,
}

impl Search<'_> {
    /// The weights of the distinct nodes that can be reached, counted until they are above the limit;
    /// nothing once the budget is spent.
    fn size(&mut self, start: usize) -> Option<usize> {
        let (mut size, mut stack) = (0_usize, vec![start]);
        self.seen[start] = start;
        while let Some(node) = stack.pop() {
            size = size.saturating_add(self.weight[node]);
            if size > self.limit {
                break;
            }
            self.budget = self.budget.checked_sub(self.graph[node].len())?;
            for &to in &self.graph[node] {
                if self.seen[to] != start {
                    self.seen[to] = start;
                    stack.push(to);
                }
            }
        }
        Some(size)
    }
}

/// The weights of the distinct nodes that each node reaches, itself included, counted until they are above
/// `limit`. `order` has children first.
pub(super) fn sizes(graph: &Adjacency, order: &[usize], weight: &[usize], limit: usize) -> Vec<usize> {
    let mut sizes = weight.to_vec();
    // nodes with something below them, and their places in the order
    let places = (0..).zip(order.iter().copied());
    let parents: Vec<(usize, usize)> = places.filter(|(_, node)| !graph[*node].is_empty()).collect();
    for (_, parent) in &parents {
        sizes[*parent] = 0;
    }
    // which nodes of the block can be reached
    let mut reached = vec![0_u64; graph.len()];
    for (block, members) in order.chunks(64).enumerate() {
        reached.fill(0);
        for (bit, &member) in members.iter().enumerate() {
            reached[member] = 1 << bit;
        }
        // what comes before the block in the order reaches nothing of it
        let first = parents.partition_point(|(place, _)| *place < block * 64);
        for &(_, node) in &parents[first..] {
            let mut bits = graph[node]
                .iter()
                .fold(reached[node], |bits, to| bits | reached[*to]);
            reached[node] = bits;
            while bits != 0 && sizes[node] <= limit {
                sizes[node] = sizes[node].saturating_add(weight[members[bits.trailing_zeros() as usize]]);
                bits &= bits - 1;
            }
        }
    }
    sizes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::graph::children_first, *};

    const LIMIT: Extent = Extent { depth: 64, size: 14 };

    fn measured(graph: &Adjacency, weight: &[usize], limit: Extent) -> Vec<Option<Extent>> {
        extents(graph, &children_first(graph), weight, limit)
    }

    #[test]
    fn shared_nodes_count_once_when_it_matters() {
        // a diamond: 0 -> 1, 2 -> 3
        let graph = [vec![1, 2], vec![3], vec![3], vec![]];
        let extents = measured(&graph, &[1, 1, 1, 10], LIMIT);
        assert_eq!(extents[0], Some(Extent { depth: 3, size: 13 }));
        assert_eq!(extents[3], Some(Extent { depth: 1, size: 10 }));
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let mut graph: Vec<Vec<usize>> = (1..100_000).map(|i| vec![i]).collect();
        graph.push(vec![]);
        assert_eq!(
            measured(&graph, &vec![1; 100_000], LIMIT)[0].map(|extent| extent.depth),
            Some(100_000)
        );
    }

    #[test]
    fn a_node_on_a_cycle_has_no_extent() {
        assert_eq!(measured(&[vec![1], vec![0], vec![0]], &[1; 3], LIMIT), [None; 3]);
    }

    proptest! {
        #[test]
        fn counting_in_blocks_is_searching(
            edges in prop::collection::vec((0..200_usize, 0..200_usize), 0..600),
            limit in 1..300_usize,
        ) {
            let mut graph = vec![Vec::new(); 200];
            for (a, b) in edges.into_iter().filter(|(a, b)| a != b) {
                graph[a.min(b)].push(a.max(b));
            }
            let weight: Vec<usize> = (0..200).map(|i| 1 + i % 3).collect();
            let order = children_first(&graph);
            let blocks = sizes(&graph, &order, &weight, limit);
            let mut search =
                Search { graph: &graph, weight: &weight, limit, budget: usize::MAX, seen: vec![usize::MAX; 200] };
            for (node, size) in blocks.into_iter().enumerate() {
                let searched = search.size(node).unwrap_or_default();
                prop_assert_eq!(size.min(limit + 1), searched.min(limit + 1), "{}", node);
            }
        }
    }
}
