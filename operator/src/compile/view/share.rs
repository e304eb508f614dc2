//! What an edge is among the others: its share of its node's requests, and whether it closes a cycle.

use super::{Edge, Role};
use crate::compile::{finding::Code, graph::cyclic_groups};

/// Gives the edges of one node their shares of what arrives there.
pub(super) fn share_out(edges: &mut [Edge]) {
    let counts = |edge: &Edge| match edge.role {
        Role::Weighted { weight, .. } if !edge.skipped => u64::from(weight),
        _ => 0,
    };
    let total: u64 = edges.iter().map(counts).sum();
    let main_skipped = edges.iter().any(|edge| edge.role == Role::Main && edge.skipped);
    for edge in edges {
        let full = match &mut edge.role {
            Role::Weighted { weight, of } => {
                *of = Some(total);
                if total == 0 {
                    0.0
                } else {
                    f64::from(*weight) / total as f64
                }
            }
            Role::Route | Role::Main => 1.0,
            // without its main service it gets no requests that could be copied
            Role::Mirror(_) if main_skipped => 0.0,
            Role::Mirror(percent) => f64::from(percent.get()) / 100.0,
        };
        edge.share = Some(if edge.skipped { 0.0 } else { full });
    }
}

/// Marks edges both ends of which reach each other. References that may not be followed close no cycle.
pub(super) fn mark_cycles(nodes: usize, edges: &mut [Edge]) {
    let followed = |edge: &Edge| edge.problems.iter().all(|p| p.code != Code::RefNotPermitted);
    let mut graph = vec![Vec::new(); nodes];
    for edge in edges.iter().filter(|edge| followed(edge)) {
        graph[edge.from].push(edge.to);
    }
    let mut group_of = vec![None; nodes];
    for (group, members) in cyclic_groups(&graph).into_iter().enumerate() {
        for node in members {
            group_of[node] = Some(group);
        }
    }
    for edge in edges.iter_mut().filter(|edge| followed(edge)) {
        edge.cycle = group_of[edge.from].is_some() && group_of[edge.from] == group_of[edge.to];
    }
}
