//! Shows findings: to people in the style of rustc, to programs as JSON or SARIF.
//!
//! What is shown is a plain view, so that nothing here depends on how findings come about.

pub mod graph;
pub mod json;
pub mod sarif;
pub mod snippet;
mod window;

use std::io;

use serde::Serialize;

pub use crate::compile::finding::Severity;
use crate::manifest::Span;

/// One finding, ready to be shown.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// How much it matters.
    pub severity: Severity,
    /// The stable code: `WEIR0003`.
    pub code: &'a str,
    /// The reason that conditions show: `CycleDetected`.
    pub reason: &'a str,
    /// What is wrong, in one sentence.
    pub message: &'a str,
    /// What to write at the place itself, if it adds to the message.
    pub label: Option<&'a str>,
    /// Kind, namespace and name: `TraefikService apps/wrr2`. Empty if it is about no object.
    pub object: String,
    /// The path of the field: `spec.weighted.services[1].name`. Empty for the whole object.
    pub field: String,
    /// Where it is written, if that is known.
    pub place: Option<Place<'a>>,
    /// Other places that take part, with what is there.
    pub related: Vec<(Place<'a>, String)>,
    /// What it does to traffic.
    pub effect: Option<&'a str>,
    /// Ways to mend it.
    pub help: Vec<&'a str>,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The name of the file.
    pub file: &'a str,
    /// The whole text of the file.
    pub text: &'a str,
    /// What of it is meant.
    pub span: Span,
}

impl<'a> Place<'a> {
    /// Line and column (from 1, in Unicode scalar values) of the first character behind the place.
    pub fn end(&self) -> (usize, usize) {
        let inside = self.inside();
        let columns = |text: &str| text.chars().count();
        match inside.rsplit_once('\n') {
            Some((lines, last)) => (
                self.span.line + lines.matches('\n').count() + 1,
                columns(last) + 1,
            ),
            None => (self.span.line, self.span.column + columns(inside)),
        }
    }

    fn inside(&self) -> &'a str {
        self.text.get(self.span.start..self.span.end).unwrap_or_default()
    }
}

fn write_json(out: &mut dyn io::Write, document: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    writeln!(out)
}

#[cfg(test)]
mod testing;
