//! The graph as a Mermaid flowchart, which GitHub, GitLab and many editors draw.
//!
//! They refuse large texts (50,000 characters unless configured otherwise): there, draw what is below one object, or use
//! Graphviz.

use std::{fmt::Write as _, io};

use super::{edge_lines, node_lines};
use crate::compile::view::{NodeKind, Role, State, View};

/// Writes the flowchart.
pub fn write(out: &mut dyn io::Write, view: &View) -> io::Result<()> {
    writeln!(out, "flowchart LR")?;
    for (i, node) in view.nodes.iter().enumerate() {
        let (open, close) = match node.kind {
            NodeKind::Route { .. } => ("([", "])"),
            NodeKind::TraefikService { mirroring: true } => ("[[", "]]"),
            NodeKind::TraefikService { mirroring: false } => ("[", "]"),
            NodeKind::Service { .. } => ("(", ")"),
        };
        writeln!(out, "  n{i}{open}\"{}\"{close}", text(&node_lines(node)))?;
    }
    for edge in &view.edges {
        let arrow = match edge.role {
            Role::Mirror(_) => "-.->",
            Role::Route | Role::Weighted { .. } | Role::Main => "-->",
        };
        let label = text(&edge_lines(view, edge));
        let (from, to) = (edge.from, edge.to);
        if label.is_empty() {
            writeln!(out, "  n{from} {arrow} n{to}")?;
        } else {
            writeln!(out, "  n{from} {arrow}|\"{label}\"| n{to}")?;
        }
    }
    let not_as_written = (0..view.nodes.len()).filter(|i| view.nodes[*i].state != State::Served);
    let names = list(not_as_written.map(|i| format!("n{i}")));
    if !names.is_empty() {
        writeln!(out, "  classDef problem stroke:#c00,stroke-dasharray:5 5")?;
        writeln!(out, "  class {names} problem")?;
    }
    let cycle = (0..view.edges.len()).filter(|i| view.edges[*i].cycle);
    let indices = list(cycle.map(|i| i.to_string()));
    if !indices.is_empty() {
        writeln!(out, "  linkStyle {indices} stroke:#c00,color:#c00")?;
    }
    Ok(())
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}

/// Lines as the text between quotes.
fn text(lines: &[String]) -> String {
    let mut text = String::new();
    for (i, line) in lines.iter().enumerate() {
        if i > 0 {
            text += "<br/>";
        }
        escape(line, &mut text);
    }
    // a semicolon is lost at the end of what looks like one of these statements
    text.replace("style", "#115;tyle")
        .replace("classDef", "#99;lassDef")
}

/// Quotes end a text, `#` begins an entity, and the text is drawn as HTML. A backtick has a meaning at
/// the start only, where no name has one.
fn escape(line: &str, text: &mut String) {
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => *text += "#quot;",
            '#' => *text += "#35;",
            '<' => *text += "#lt;",
            '>' => *text += "#gt;",
            // as it stands where it cannot begin an entity, so that rules stay readable
            '&' if chars
                .peek()
                .is_some_and(|next| next.is_alphanumeric() || *next == '#') =>
            {
                *text += "#amp;";
            }
            c if c.is_control() => {
                // writing to a String cannot fail
                let _ = write!(text, "#{};", u32::from(c));
            }
            c => text.push(c),
        }
    }
}
