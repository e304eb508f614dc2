//! Writes a JSON value as readable YAML: block style, sorted keys, long texts folded.

use std::fmt::Write;

use serde_json::{Map, Value};

/// Columns after which a text is folded.
const WIDTH: usize = 100;

/// Least columns of a folded text, however deep it is.
const MIN_TEXT_WIDTH: usize = 50;

/// Words that YAML 1.1 or 1.2 reads as something other than a text.
const RESERVED: [&str; 11] = [
    "true", "false", "null", "yes", "no", "on", "off", "y", "n", ".inf", ".nan",
];

/// The value as one YAML document, ending with a line break.
pub(super) fn to_string(value: &Value) -> String {
    let mut out = String::from("---\n");
    match value {
        Value::Object(map) if !map.is_empty() => mapping(&mut out, map, 0),
        Value::Array(items) if !items.is_empty() => list(&mut out, items, 0),
        scalar => {
            let _ = writeln!(out, "{}", inline(scalar, 0, 0));
        }
    }
    out
}

/// Writes a mapping, whose first line the caller has already indented.
fn mapping(out: &mut String, map: &Map<String, Value>, indent: usize) {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    for (position, (key, value)) in entries.into_iter().enumerate() {
        if position > 0 {
            push_indent(out, indent);
        }
        let key = quoted_where_needed(key);
        let _ = write!(out, "{key}:");
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                out.push('\n');
                push_indent(out, indent + 2);
                mapping(out, inner, indent + 2);
            }
            // as usual in Kubernetes, a list stands no deeper than its key
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                push_indent(out, indent);
                list(out, items, indent);
            }
            scalar => {
                let _ = writeln!(out, " {}", inline(scalar, key.len() + 2, indent));
            }
        }
    }
}

/// Writes a list, whose first line the caller has already indented.
fn list(out: &mut String, items: &[Value], indent: usize) {
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            push_indent(out, indent);
        }
        out.push_str("- ");
        match item {
            Value::Object(inner) if !inner.is_empty() => mapping(out, inner, indent + 2),
            Value::Array(inner) if !inner.is_empty() => list(out, inner, indent + 2),
            scalar => {
                let _ = writeln!(out, "{}", inline(scalar, 2, indent));
            }
        }
    }
}

fn push_indent(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// A scalar or an empty collection, to follow a key or dash of `used` columns at `indent`.
fn inline(value: &Value, used: usize, indent: usize) -> String {
    match value {
        Value::String(text) if indent + used + text.len() > WIDTH && can_fold(text) => {
            folded(text, indent + 2)
        }
        Value::String(text) => quoted_where_needed(text),
        other => other.to_string(),
    }
}

fn quoted_where_needed(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else {
        // a JSON string is a YAML string in double quotes
        Value::from(text).to_string()
    }
}

/// Whether `text` without quotes is read back as this text.
fn is_plain(text: &str) -> bool {
    let starts_like_a_word = text
        .trim_start_matches('.')
        .starts_with(|first: char| first.is_ascii_alphabetic());
    starts_like_a_word
        && !text.chars().any(char::is_control)
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([':', ' '])
        && !RESERVED.contains(&text.to_ascii_lowercase().as_str())
}

/// Whether folding keeps `text` as it is: YAML gives spaces at the edges of lines a meaning of their own.
fn can_fold(text: &str) -> bool {
    let edge = |line: &str| line.starts_with(' ') || line.ends_with(' ');
    !text.starts_with('\n')
        && !text.ends_with('\n')
        && !text.contains("  ")
        && !text.chars().any(|char| char.is_control() && char != '\n')
        && !text.split('\n').any(edge)
}

/// `text` as a folded block, in which one line break reads as a space and each further one as a line break.
fn folded(text: &str, indent: usize) -> String {
    let width = WIDTH.saturating_sub(indent).max(MIN_TEXT_WIDTH);
    let mut out = String::from(">-");
    for (position, line) in text.split('\n').enumerate() {
        if position > 0 {
            out.push('\n');
        }
        let mut column = width;
        for word in line.split(' ').filter(|word| !word.is_empty()) {
            if column + 1 + word.len() > width {
                out.push('\n');
                push_indent(&mut out, indent);
                column = 0;
            } else {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column += word.len();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn writes_blocks_with_sorted_keys_and_lists_at_their_key() {
        let value = json!({
            "kind": "A", "apiVersion": "v1", "empty": {}, "none": [], "count": 3, "on": true,
            "list": [{ "b": 1, "a": [] }, ["x", ["y"]], "z"],
        });
        let expected = "\
---
apiVersion: v1
count: 3
empty: {}
kind: A
list:
- a: []
  b: 1
- - x
  - - \"y\"
- z
none: []
\"on\": true
";
        assert_eq!(to_string(&value), expected);
    }

    #[test]
    fn quotes_what_would_be_read_as_something_else() {
        for (text, written) in [
            ("plain text, really", "plain text, really"),
            (".status.kind", ".status.kind"),
            ("", "\"\""),
            ("True", "\"True\""),
            ("1e3", "\"1e3\""),
            ("a: b", "\"a: b\""),
            ("a #b", "\"a #b\""),
            ("a:", "\"a:\""),
            ("- a", "\"- a\""),
            ("say \"hi\"", "say \"hi\""),
            ("a\tb\n", "\"a\\tb\\n\""),
            (".NaN", "\".NaN\""),
        ] {
            assert_eq!(quoted_where_needed(text), written);
        }
    }

    #[test]
    fn folds_long_texts_at_spaces_and_keeps_their_paragraphs() {
        let first = "word ".repeat(20).trim_end().to_owned();
        let text = json!({ "a": format!("{first}\n\nnext") });
        let line = "word ".repeat(19).trim_end().to_owned();
        assert_eq!(
            to_string(&text),
            format!("---\na: >-\n  {line}\n  word\n\n\n  next\n")
        );
    }

    #[test]
    fn does_not_fold_what_folding_would_change() {
        let long = "word ".repeat(30);
        let long = long.trim_end();
        assert!(to_string(&json!(long)).contains(">-"));
        for text in [
            format!(" {long}"),
            format!("{long} "),
            format!("\n{long}"),
            format!("{long}\n"),
            format!("{long}  {long}"),
            format!("{long}\n {long}"),
            format!("{long}\t{long}"),
        ] {
            assert!(!to_string(&json!(text)).contains(">-"), "{text:?}");
        }
    }
}
