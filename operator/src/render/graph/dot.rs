//! The graph in Graphviz's language.

use std::io;

use super::{edge_lines, node_lines};
use crate::compile::view::{NodeKind, Role, State, View};

/// Writes a `digraph`, its nodes named by their ids.
pub fn write(out: &mut dyn io::Write, view: &View) -> io::Result<()> {
    writeln!(out, "digraph weir {{")?;
    writeln!(out, "  rankdir=LR;")?;
    writeln!(out, "  node [shape=box, fontname=\"sans-serif\"];")?;
    writeln!(out, "  edge [fontname=\"sans-serif\", fontsize=10];")?;
    for node in &view.nodes {
        let shape = match node.kind {
            NodeKind::Route { .. } => ", shape=ellipse",
            NodeKind::TraefikService { mirroring: true } => ", peripheries=2",
            NodeKind::TraefikService { mirroring: false } | NodeKind::Service { .. } => "",
        };
        let problem = node.state != State::Served;
        let style = match (&node.kind, problem) {
            (NodeKind::Service { .. }, false) => ", style=rounded",
            (NodeKind::Service { .. }, true) => ", style=\"rounded,dashed\", color=red3",
            (_, false) => "",
            (_, true) => ", style=dashed, color=red3",
        };
        let label = node_lines(node).join("\n");
        writeln!(
            out,
            "  {} [label={}{shape}{style}];",
            quoted(&node.id),
            quoted(&label)
        )?;
    }
    for edge in &view.edges {
        let (from, to) = (quoted(&view.nodes[edge.from].id), quoted(&view.nodes[edge.to].id));
        let label = quoted(&edge_lines(view, edge).join("\n"));
        let style = match edge.role {
            Role::Mirror(_) => ", style=dashed",
            Role::Route | Role::Weighted { .. } | Role::Main => "",
        };
        let color = if edge.cycle {
            ", color=red3, fontcolor=red3"
        } else {
            ""
        };
        writeln!(out, "  {from} -> {to} [label={label}{style}{color}];")?;
    }
    writeln!(out, "}}")
}

/// A quoted string; line breaks in it center the lines.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            '\n' => quoted += "\\n",
            // would begin an entity of HTML
            '&' => quoted += "&amp;",
            c if c.is_control() => quoted.push('\u{fffd}'),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
