//! Cuts a file into documents and reads each on its own, so that a broken one leaves the others alone.

use serde_json::Value;

use super::Limits;
use super::builder::Builder;
use super::explain::explain_template;
use super::problem::Problem;
use super::source::Bytes;
use super::tree::Node;
use super::{json, yaml};

/// One document that could be read.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) value: Value,
    pub(super) node: Node,
    /// Keys written twice: the document is understood, but not usable.
    pub(super) duplicates: Vec<Problem>,
}

impl From<Builder<'_>> for Document {
    fn from(mut builder: Builder<'_>) -> Self {
        let duplicates = std::mem::take(&mut builder.duplicates);
        let built = builder.finish().unwrap_or_default();
        Self {
            value: built.value,
            node: built.node,
            duplicates,
        }
    }
}

/// Where the documents of a file are: a line that starts with `---` begins the next one. A document keeps that line,
/// which may carry its first value, and the `%` directives before it.
pub(super) fn split(text: &str) -> impl Iterator<Item = Bytes> + '_ {
    let mut lines = text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line))
    });
    let mut start = 0;
    let mut has_content = false;
    let mut done = false;
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        for (at, line) in lines.by_ref() {
            let marker = is_marker(line);
            if marker && has_content {
                let document = Bytes::new(start, at);
                start = at;
                return Some(document);
            }
            has_content |= marker || !is_preamble(line);
        }
        done = true;
        Some(Bytes::new(start, text.len()))
    })
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// What may stand before the marker of the first document.
fn is_preamble(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with(['#', '%'])
}

/// Reads the document at `place` (several, where `...` or JSON makes it so). Those before an error are kept.
pub(super) fn read(
    file: &str,
    place: Bytes,
    limits: &Limits,
    documents: &mut Vec<Document>,
) -> Result<(), Problem> {
    let base = place.start as usize;
    let text = file.get(base..place.end as usize).unwrap_or_default();
    if let Some(control) = text
        .bytes()
        .position(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r'))
    {
        let at = base + control;
        return Err(control_character(
            Bytes::new(at, at + 1),
            text.as_bytes()[control],
        ));
    }
    let Some(json) = json_start(text) else {
        return yaml::read(text, base, limits, documents)
            .map_err(|problem| explain_template(text, base, problem));
    };
    let before = documents.len();
    let Err(problem) = json::read(&text[json..], base + json, limits, documents) else {
        return Ok(());
    };
    // comments, single quotes, a comma too many: YAML may still take it
    documents.truncate(before);
    yaml::read(text, base, limits, documents).map_err(|_| {
        documents.truncate(before);
        problem
    })
}

/// Where JSON begins, if this looks like it. (`{{` is a template, `{name:` is YAML.)
fn json_start(text: &str) -> Option<usize> {
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        let content = if is_marker(line) { &line[3..] } else { line }.trim_start();
        let at = line_start + line.len() - content.len();
        if content.starts_with('[') {
            return Some(at);
        }
        if content.starts_with('{') {
            let inside = text[at + 1..].trim_start();
            return inside.starts_with(['"', '}']).then_some(at);
        }
        if !content.is_empty() && !content.starts_with('#') {
            return None;
        }
        line_start += line.len();
    }
    None
}

fn control_character(at: Bytes, byte: u8) -> Problem {
    if byte == 0 {
        Problem::new(at, "a NUL byte").help("this is not text, or it is UTF-16: save it as UTF-8")
    } else {
        Problem::new(at, format!("the control character U+{byte:04X}"))
            .help("remove it, or write it as an escape in double quotes")
    }
}
