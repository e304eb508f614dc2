//! How much of each root's requests takes each edge: one walk from the roots down.
//!
//! What arrives at a node is a sum over sources. A source is a root; where more than a few roots meet, the
//! node becomes a source itself, and what its roots have in common is kept as bounds. So the work stays
//! linear, and a graph that a thousand routes share is as exact below that point as under one route.

use super::{Amount, Effective, View};

/// Sources that are told apart at a node.
const MAX_SOURCES: usize = 8;

/// What arrives from one source. `requests` of 1 are all of the source's requests; `copies` are made of
/// its requests on the way here. What arrives at the source as a copy stays one and is divided and
/// copied in the same way, so it takes part with `requests + copies`.
#[derive(Clone, Copy, Debug)]
struct Part {
    source: usize,
    requests: f64,
    copies: f64,
}

/// What arrives at a source.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// Everything of one root.
    Root(usize),
    /// Something of many.
    Many { least: Amount, most: Amount },
}

/// Fills in what each edge gets of the roots of the view.
pub(super) fn fill_in(view: &mut View) {
    let first = view.first_edges();
    let mut sources: Vec<Source> = view.roots.iter().map(|root| Source::Root(*root)).collect();
    let mut arriving: Vec<Vec<Part>> = vec![Vec::new(); view.nodes.len()];
    for (source, root) in view.roots.iter().enumerate() {
        let (requests, copies) = (1.0, 0.0);
        arriving[*root].push(Part {
            source,
            requests,
            copies,
        });
    }
    let mut missing = vec![0_usize; view.nodes.len()];
    for edge in view.edges.iter().filter(|edge| edge.carries()) {
        missing[edge.to] += 1;
    }
    let mut ready: Vec<usize> = (0..view.nodes.len()).filter(|i| missing[*i] == 0).collect();
    while let Some(node) = ready.pop() {
        let parts = gather(std::mem::take(&mut arriving[node]), &mut sources);
        for edge in &mut view.edges[first[node]..first[node + 1]] {
            edge.effective = None;
            let passed = edge.passed(&parts);
            if !edge.cycle && edge.share.is_some() && !parts.is_empty() {
                edge.effective = Some(effective(&passed, &sources));
            }
            if edge.carries() {
                arriving[edge.to].extend(passed);
                missing[edge.to] -= 1;
                if missing[edge.to] == 0 {
                    ready.push(edge.to);
                }
            }
        }
    }
}

impl super::Edge {
    /// Whether requests are followed over this edge. These edges form no cycle: what is written is free
    /// of cycles but for marked edges and for references that may not be followed, which are passed over.
    fn carries(&self) -> bool {
        !self.cycle && !self.skipped && self.share.is_some()
    }

    fn passed(&self, parts: &[Part]) -> Vec<Part> {
        let share = self.share.unwrap_or_default();
        let is_copy = matches!(self.role, super::Role::Mirror(_));
        let pass = |part: &Part| {
            let (requests, copies) = if is_copy {
                (0.0, part.requests + part.copies)
            } else {
                (part.requests, part.copies)
            };
            Part {
                source: part.source,
                requests: requests * share,
                copies: copies * share,
            }
        };
        parts.iter().map(pass).collect()
    }
}

/// One part a source; beyond a few, all of them become one.
fn gather(mut parts: Vec<Part>, sources: &mut Vec<Source>) -> Vec<Part> {
    parts.sort_by_key(|part| part.source);
    parts.dedup_by(|next, kept| {
        let same = next.source == kept.source;
        if same {
            kept.requests += next.requests;
            kept.copies += next.copies;
        }
        same
    });
    if parts.len() > MAX_SOURCES {
        let (least, most) = bounds(&parts, sources);
        let (requests, copies) = (1.0, 0.0);
        parts = vec![Part {
            source: sources.len(),
            requests,
            copies,
        }];
        sources.push(Source::Many { least, most });
    }
    parts
}

fn effective(parts: &[Part], sources: &[Source]) -> Effective {
    let exact = |part: &Part| match sources[part.source] {
        Source::Root(root) => Some((root, part.of(Amount::ALL))),
        Source::Many { .. } => None,
    };
    match parts.iter().map(exact).collect::<Option<Vec<_>>>() {
        Some(mut roots) => {
            roots.sort_by_key(|(root, _)| *root);
            Effective::Roots(roots)
        }
        None => {
            let (least, most) = bounds(parts, sources);
            Effective::Bounds { least, most }
        }
    }
}

/// Roots are all different ones, so the largest counts; those behind the other sources may be the same,
/// so these add up.
fn bounds(parts: &[Part], sources: &[Source]) -> (Amount, Amount) {
    let mut least = Amount {
        requests: f64::INFINITY,
        copies: f64::INFINITY,
    };
    let (mut of_roots, mut of_many) = (Amount::default(), Amount::default());
    for part in parts {
        let low = match sources[part.source] {
            Source::Root(_) => {
                let amount = part.of(Amount::ALL);
                of_roots = of_roots.zip(amount, f64::max);
                amount
            }
            Source::Many { least, most } => {
                of_many = of_many.zip(part.of(most), |a, b| a + b);
                part.of(least)
            }
        };
        least = least.zip(low, f64::min);
    }
    let mut most = of_roots.zip(of_many, |a, b| a + b);
    most.requests = most.requests.min(1.0);
    (least, most)
}

impl Part {
    /// The part, when this arrives at its source.
    fn of(&self, arriving: Amount) -> Amount {
        Amount {
            requests: self.requests * arriving.requests,
            copies: self.copies * arriving.requests + (self.requests + self.copies) * arriving.copies,
        }
    }
}

impl Amount {
    /// All requests of a root.
    const ALL: Self = Self {
        requests: 1.0,
        copies: 0.0,
    };

    fn zip(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            requests: f(self.requests, other.requests),
            copies: f(self.copies, other.copies),
        }
    }
}
