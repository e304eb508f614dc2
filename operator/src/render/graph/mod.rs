//! Draws the service graph: Mermaid and Graphviz for people, JSON for programs.

pub mod dot;
pub mod json;
pub mod mermaid;

use std::io;

use clap::ValueEnum;
use weir_model::document::Mode;

use crate::compile::view::{Amount, Edge, Effective, Node, NodeKind, Problem, Role, State, View};

/// The language of a drawing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A Mermaid flowchart.
    #[default]
    Mermaid,
    /// For Graphviz.
    Dot,
    /// For programs: all numbers.
    Json,
}

/// Draws in one of the languages.
pub fn write(out: &mut dyn io::Write, view: &View, format: Format) -> io::Result<()> {
    match format {
        Format::Mermaid => mermaid::write(out, view),
        Format::Dot => dot::write(out, view),
        Format::Json => json::write(out, view),
    }
}

/// Characters of a rule that are shown.
const RULE_SHOWN: usize = 120;

/// Roots that an edge names one by one.
const ROOTS_SHOWN: usize = 3;

/// Different reasons that a node names.
const REASONS_SHOWN: usize = 3;

/// What is written in a node.
fn node_lines(node: &Node) -> Vec<String> {
    let mut lines = vec![node.title()];
    lines.push(match &node.kind {
        NodeKind::Route { rule, .. } => shortened(rule),
        NodeKind::TraefikService { mirroring: true } => "TraefikService, mirroring".to_owned(),
        NodeKind::TraefikService { mirroring: false } => "TraefikService".to_owned(),
        NodeKind::Service { mode, scheme, .. } => {
            let mode = match mode {
                Mode::ClusterIp => Some("nativeLB".to_owned()),
                Mode::Endpoints => None,
                Mode::NodePort => Some("nodePortLB".to_owned()),
            };
            let scheme = scheme.map(|scheme| scheme.as_str().to_owned());
            let endpoints = node.endpoints.filter(|n| *n > 0).map(|n| match n {
                1 => "1 endpoint".to_owned(),
                n => format!("{n} endpoints"),
            });
            let facts = [Some("Service".to_owned()), mode, scheme, endpoints];
            facts.into_iter().flatten().collect::<Vec<_>>().join(", ")
        }
    });
    let state = match node.state {
        State::Served => return lines,
        State::LastGood(0) => "what was accepted before is served".to_owned(),
        State::LastGood(generation) => format!("generation {generation} is served"),
        State::Refused => "refused".to_owned(),
        State::Missing => "missing".to_owned(),
        State::NoEndpoints => {
            lines.push("no endpoints".to_owned());
            return lines;
        }
    };
    let reasons = reasons(&node.problems);
    let colon = if reasons.is_empty() { "" } else { ": " };
    lines.push(format!("{state}{colon}{reasons}"));
    lines
}

/// What is written at an edge.
fn edge_lines(view: &View, edge: &Edge) -> Vec<String> {
    let own = match edge.role {
        _ if edge.cycle => "cycle".to_owned(),
        Role::Weighted { weight, of: None } => format!("weight {weight}"),
        Role::Weighted { weight, .. } if edge.skipped => format!("weight {weight}, passed over"),
        Role::Weighted { weight, of: Some(of) } => {
            format!("{weight} of {of} · {}", percent(edge.share.unwrap_or_default()))
        }
        Role::Route if edge.skipped => "503".to_owned(),
        Role::Route => String::new(),
        Role::Main if edge.skipped => "main, not usable".to_owned(),
        Role::Main => "main".to_owned(),
        Role::Mirror(part) if edge.skipped => format!("{} % copies, not sent", part.get()),
        Role::Mirror(part) => format!("{} % copies", part.get()),
    };
    let mut lines = vec![own, reasons(&edge.problems)];
    match &edge.effective {
        Some(Effective::Roots(roots)) if !edge.skipped => match roots.as_slice() {
            [(_, amount)] if view.roots.len() == 1 && says_the_same(edge, *amount) => {}
            // nothing else arrives where it starts
            [(root, _)] if *root == edge.from => {}
            few if few.len() <= ROOTS_SHOWN => {
                lines.extend(few.iter().map(|(root, amount)| {
                    range_text(*amount, *amount, &format!(" of {}", view.nodes[*root].title()))
                }));
            }
            many => {
                let amounts = || many.iter().map(|(_, amount)| *amount);
                let least = amounts().reduce(|a, b| pairwise(a, b, f64::min));
                let most = amounts().reduce(|a, b| pairwise(a, b, f64::max));
                let (least, most) = (least.unwrap_or_default(), most.unwrap_or_default());
                lines.push(range_text(least, most, &format!(" of {} roots each", many.len())));
            }
        },
        Some(Effective::Bounds { least, most }) if !edge.skipped => {
            lines.push(range_text(*least, *most, " of each root"));
        }
        _ => {}
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// Whether a reader sees the same in the edge's own share and in what it gets of the only root.
fn says_the_same(edge: &Edge, amount: Amount) -> bool {
    let (own, other) = match edge.role {
        Role::Mirror(_) => (amount.copies, amount.requests),
        Role::Route | Role::Weighted { .. } | Role::Main => (amount.requests, amount.copies),
    };
    other == 0.0 && edge.share.is_some_and(|share| percent(share) == percent(own))
}

fn pairwise(a: Amount, b: Amount, f: impl Fn(f64, f64) -> f64) -> Amount {
    Amount {
        requests: f(a.requests, b.requests),
        copies: f(a.copies, b.copies),
    }
}

/// `16.7 % of apps/web`, `6.67 % of apps/web as copies`, or both in one line.
fn range_text(least: Amount, most: Amount, whole: &str) -> String {
    let range = |low: f64, high: f64| {
        let (low, high) = (percent(low), percent(high));
        if low == high {
            high
        } else {
            format!("{low} to {high}")
        }
    };
    let requests = range(least.requests, most.requests);
    let copies = range(least.copies, most.copies);
    match (most.requests > 0.0, most.copies > 0.0) {
        (_, false) => format!("{requests}{whole}"),
        (false, true) => format!("{copies}{whole} as copies"),
        (true, true) => format!("{requests}{whole}, and {copies} as copies"),
    }
}

/// Different reasons, in their order.
fn reasons(problems: &[Problem]) -> String {
    let mut shown: Vec<&str> = Vec::new();
    for problem in problems {
        let reason = problem.code.reason();
        if shown.contains(&reason) {
            continue;
        }
        if shown.len() == REASONS_SHOWN {
            shown.push("…");
            break;
        }
        shown.push(reason);
    }
    shown.join(", ")
}

/// A rule in one line.
fn shortened(rule: &str) -> String {
    let line = rule.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(RULE_SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// A part (1 is all) in percent, with three digits that tell it from 0 % and from 100 %.
fn percent(part: f64) -> String {
    /// What rounding leaves of a sum that should be 100.
    const NOISE: f64 = 1e-9;
    let percent = part * 100.0;
    if percent > 0.0 && percent < NOISE {
        return format!("under {NOISE:.9} %");
    }
    let rest = (100.0 - percent).abs();
    let telling = if rest < NOISE || percent > 100.0 {
        percent
    } else {
        percent.min(rest)
    };
    let decimals = if telling > 0.0 {
        (2 - telling.log10().floor() as i32).clamp(1, 12)
    } else {
        1
    };
    let text = format!("{percent:.*}", decimals.unsigned_abs() as usize);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} %")
}

#[cfg(test)]
mod tests;
