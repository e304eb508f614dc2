//! Findings as one JSON document.

use std::io;

use serde::Serialize;

use super::{Place, Report, write_json};

#[derive(Serialize)]
struct Document<'a> {
    findings: Vec<Finding<'a>>,
}

/// Places are left out where they are not known; everything else is always there.
#[derive(Serialize)]
struct Finding<'a> {
    code: &'a str,
    reason: &'a str,
    severity: &'static str,
    object: &'a str,
    field: &'a str,
    message: &'a str,
    effect: Option<&'a str>,
    help: &'a [&'a str],
    #[serde(flatten)]
    place: Option<Region<'a>>,
    related: Vec<Related<'a>>,
}

#[derive(Serialize)]
struct Related<'a> {
    message: &'a str,
    #[serde(flatten)]
    place: Region<'a>,
}

/// The end is the first character that does not belong to it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

impl<'a> From<&Place<'a>> for Region<'a> {
    fn from(place: &Place<'a>) -> Self {
        let (end_line, end_column) = place.end();
        Self {
            file: place.file,
            line: place.span.line,
            column: place.span.column,
            end_line,
            end_column,
        }
    }
}

/// Writes `{"findings": […]}`, indented, with a line break at the end.
pub fn write(out: &mut dyn io::Write, reports: &[Report<'_>]) -> io::Result<()> {
    let findings = reports.iter().map(|report| Finding {
        code: report.code,
        reason: report.reason,
        severity: report.severity.as_str(),
        object: &report.object,
        field: &report.field,
        message: report.message,
        effect: report.effect,
        help: &report.help,
        place: report.place.as_ref().map(Region::from),
        related: report
            .related
            .iter()
            .map(|(place, message)| Related {
                message,
                place: Region::from(place),
            })
            .collect(),
    });
    let document = Document {
        findings: findings.collect(),
    };
    write_json(out, &document)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::render::testing::{TEXT, place, report};

    fn findings(reports: &[Report<'_>]) -> Value {
        let mut out = Vec::new();
        write(&mut out, reports).unwrap();
        let mut document: Value = serde_json::from_slice(&out).unwrap();
        document["findings"].take()
    }

    #[test]
    fn a_finding_has_its_words_and_its_place() {
        let mut report = report(Some(place("k8s/apps.yaml", TEXT, "mirror1")));
        report.related = vec![(place("k8s/apps.yaml", TEXT, "wrr2"), "starts here".to_owned())];
        assert_eq!(
            findings(&[report]),
            json!([{
                "code": "WEIR0003",
                "reason": "CycleDetected",
                "severity": "error",
                "object": "TraefikService apps/wrr2",
                "field": "spec.weighted.services[1].name",
                "message": "apps/wrr2 reaches itself: apps/wrr2 -> apps/mirror1 -> apps/wrr2",
                "effect": "requests for apps/wrr2 are answered with 503",
                "help": ["remove one of the references"],
                "file": "k8s/apps.yaml", "line": 11, "column": 15, "endLine": 11, "endColumn": 22,
                "related": [{
                    "message": "starts here",
                    "file": "k8s/apps.yaml", "line": 4, "column": 9, "endLine": 4, "endColumn": 13,
                }],
            }])
        );
    }

    #[test]
    fn a_place_over_several_lines_ends_behind_its_last_character() {
        let part = "name: svc2\n        port: 80";
        let findings = findings(&[report(Some(place("a", TEXT, part)))]);
        assert_eq!(
            (&findings[0]["endLine"], &findings[0]["endColumn"]),
            (&json!(10), &json!(17))
        );
    }

    #[test]
    fn without_findings_the_list_is_empty() {
        assert_eq!(findings(&[]), json!([]));
        assert_eq!(findings(&[report(None)])[0].get("file"), None);
    }
}
