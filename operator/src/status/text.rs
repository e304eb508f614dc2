//! Findings as the text of conditions and Events.

use std::fmt::{Display, Write as _};

use crate::compile::finding::Finding;

/// How much of a list is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Findings; the others are counted.
    items: usize,
    /// Of the whole text.
    bytes: usize,
}

impl Limits {
    /// Of a condition's message; Kubernetes allows 32 KiB.
    pub const CONDITION: Self = Self {
        items: 10,
        bytes: 16 << 10,
    };
    /// Of an Event's note; Kubernetes allows 1 KiB.
    pub const EVENT: Self = Self {
        items: 10,
        bytes: 1024,
    };
    /// Of the message on one route of many.
    pub const ROUTE: Self = Self {
        items: 3,
        bytes: 1024,
    };
}

/// Room for `and 4294967295 more`.
const REST: usize = 24;

/// Findings, one a line, in the order given, and how many more there are.
pub(super) fn list(findings: &[&Finding], limits: Limits) -> String {
    lines(findings.iter().map(|finding| line(finding)), limits)
}

/// Lines, and how many more there are.
pub(super) fn lines(lines: impl ExactSizeIterator<Item = String>, limits: Limits) -> String {
    let room = limits.bytes - REST;
    let total = lines.len();
    let mut out = String::new();
    let mut shown = 0;
    for line in lines.take(limits.items) {
        if shown > 0 && out.len() + 1 + line.len() > room {
            break;
        }
        if shown > 0 {
            out.push('\n');
        }
        out.push_str(&cut(&line, room));
        shown += 1;
    }
    if shown < total {
        // writing to a String cannot fail
        let _ = write!(out, "\nand {} more", total - shown);
    }
    out
}

/// `spec.weighted.services[1].name: …; effect: …; help: …`
fn line(finding: &Finding) -> String {
    let mut line = String::new();
    if !finding.field.is_root() {
        let _ = write!(line, "{}: ", finding.field);
    }
    line.push_str(&finding.message);
    if !finding.effect.is_empty() {
        let _ = write!(line, "; effect: {}", finding.effect);
    }
    if let Some(help) = &finding.help {
        let _ = write!(line, "; help: {help}");
    }
    // a line break would look like the next finding
    line.replace(['\n', '\r'], " ")
}

/// `a, b, c and 4 more`
pub(super) fn names<T: Display>(names: impl ExactSizeIterator<Item = T>, most: usize) -> String {
    let rest = names.len().saturating_sub(most);
    let shown: Vec<String> = names.take(most).map(|name| name.to_string()).collect();
    let shown = shown.join(", ");
    if rest == 0 {
        shown
    } else {
        format!("{shown} and {rest} more")
    }
}

/// At most so many bytes of a text; `…` stands for the rest.
pub(super) fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes.saturating_sub('…'.len_utf8()));
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use weir_model::{name::NamespacedName, path::FieldPath};

    use super::*;
    use crate::compile::finding::{Code, Kind, ObjectId};

    fn finding(message: &str) -> Finding {
        let object = ObjectId {
            kind: Kind::TraefikService,
            name: NamespacedName::new("apps", "wrr1"),
        };
        Finding::new(
            object,
            FieldPath::root().key("spec").key("weighted"),
            Code::InvalidWeight,
            message,
        )
    }

    #[test]
    fn a_finding_says_where_what_effect_and_help() {
        let finding = finding("-1 is below 0")
            .effect("it is not served")
            .help("write 0 or more");
        assert_eq!(
            list(&[&finding], Limits::CONDITION),
            "spec.weighted: -1 is below 0; effect: it is not served; help: write 0 or more"
        );
    }

    #[test]
    fn ten_are_shown_and_the_rest_is_counted() {
        let findings: Vec<Finding> = (0..22)
            .map(|i| finding(&format!("no. {i}\nsecond line")))
            .collect();
        let findings: Vec<&Finding> = findings.iter().collect();
        let text = list(&findings, Limits::CONDITION);
        assert_eq!(text.lines().count(), 11);
        assert!(text.ends_with("no. 9 second line\nand 12 more"), "{text}");
        assert!(!list(&findings[..10], Limits::CONDITION).contains("more"));
    }

    #[test]
    fn a_text_never_passes_its_limit() {
        let long = "ä".repeat(20_000);
        let findings = [finding(&long), finding("short"), finding("also short")];
        let findings: Vec<&Finding> = findings.iter().collect();
        for limits in [Limits::CONDITION, Limits::EVENT, Limits::ROUTE] {
            let text = list(&findings, limits);
            assert!(text.len() <= limits.bytes, "{}", text.len());
            assert!(text.ends_with("…\nand 2 more"));
        }
    }

    #[test]
    fn names_beyond_the_limit_are_counted() {
        assert_eq!(names(["a", "b"].into_iter(), 2), "a, b");
        assert_eq!(names(["a", "b", "c", "d"].into_iter(), 2), "a, b and 2 more");
    }
}
