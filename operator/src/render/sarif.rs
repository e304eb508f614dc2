//! Findings as SARIF 2.1.0 (OASIS), which code hosts and editors show beside the code.

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::{Place, Report, Severity, write_json};

/// An entry of the catalogue of codes.
#[derive(Debug, Clone)]
pub struct Rule<'a> {
    /// The stable code: `WEIR0003`.
    pub code: &'a str,
    /// The reason that conditions show: `CycleDetected`.
    pub reason: &'a str,
    /// One sentence about what it means.
    pub summary: &'a str,
    /// How much it matters, unless a finding says otherwise.
    pub severity: Severity,
}

/// Writes one SARIF document, indented, with a line break at the end. Files below `root`, the directory that the names
/// of the files start from, have relative URIs.
pub fn write(
    out: &mut dyn io::Write,
    reports: &[Report<'_>],
    rules: &[Rule<'_>],
    root: &Path,
) -> io::Result<()> {
    let results: Vec<_> = reports.iter().map(|report| result(report, rules, root)).collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "weir-operator",
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": rules.iter().map(descriptor).collect::<Vec<_>>(),
                },
            },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    write_json(out, &document)
}

fn descriptor(rule: &Rule<'_>) -> Value {
    json!({
        "id": rule.code,
        "name": rule.reason,
        "shortDescription": { "text": rule.summary },
        "defaultConfiguration": { "level": level(rule.severity) },
    })
}

fn result(report: &Report<'_>, rules: &[Rule<'_>], root: &Path) -> Value {
    let mut result = json!({
        "ruleId": report.code,
        "level": level(report.severity),
        "message": { "text": message(report) },
    });
    if let Some(index) = rules.iter().position(|rule| rule.code == report.code) {
        result["ruleIndex"] = json!(index);
    }
    let mut location = serde_json::Map::new();
    if let Some(place) = &report.place {
        location.insert("physicalLocation".to_owned(), physical(place, root));
    }
    if !report.object.is_empty() {
        let name = [report.object.as_str(), &report.field].join(" ");
        location.insert(
            "logicalLocations".to_owned(),
            json!([{ "fullyQualifiedName": name.trim_end(), "kind": "resource" }]),
        );
    }
    if !location.is_empty() {
        result["locations"] = json!([location]);
    }
    if !report.related.is_empty() {
        let related = report.related.iter().enumerate().map(|(id, (place, label))| {
            json!({ "id": id, "physicalLocation": physical(place, root), "message": { "text": label } })
        });
        result["relatedLocations"] = related.collect();
    }
    result
}

/// All that there is to say, in sentences: SARIF has no other field that all viewers show.
fn message(report: &Report<'_>) -> String {
    let effect = report.effect.map(|effect| format!("Effect: {effect}"));
    let help = report.help.iter().map(|help| format!("Help: {help}"));
    let parts = std::iter::once(report.message.to_owned())
        .chain(effect)
        .chain(help);
    parts
        .map(|part| {
            if part.ends_with(['.', '?', '!']) {
                part
            } else {
                part + "."
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn physical(place: &Place<'_>, root: &Path) -> Value {
    let (end_line, end_column) = place.end();
    json!({
        "artifactLocation": { "uri": uri(place.file, root) },
        "region": {
            "startLine": place.span.line,
            "startColumn": place.span.column,
            "endLine": end_line,
            "endColumn": end_column,
        },
    })
}

/// The name of a file as a URI reference (RFC 3986): relative to `root` where it lies below.
fn uri(file: &str, root: &Path) -> String {
    use std::fmt::Write;

    let relative = Path::new(file)
        .strip_prefix(root)
        .ok()
        .and_then(Path::to_str)
        .unwrap_or(file);
    let relative = relative.strip_prefix("./").unwrap_or(relative);
    let mut uri = String::with_capacity(relative.len());
    if relative.starts_with('/') {
        uri.push_str("file://");
    } else if relative
        .split('/')
        .next()
        .is_some_and(|first| first.contains(':'))
    {
        // else the part before the colon would be a scheme
        uri.push_str("./");
    }
    for byte in relative.bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'/'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b':'
            | b'@'
            | b'+' => {
                uri.push(char::from(byte));
            }
            // writing to a String cannot fail
            other => _ = write!(uri, "%{other:02X}"),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing::{TEXT, place, report};

    const RULES: [Rule<'_>; 2] = [
        Rule {
            code: "WEIR0001",
            reason: "InvalidSpec",
            summary: "A field is wrong.",
            severity: Severity::Warning,
        },
        Rule {
            code: "WEIR0003",
            reason: "CycleDetected",
            summary: "It reaches itself.",
            severity: Severity::Error,
        },
    ];

    fn run(reports: &[Report<'_>]) -> Value {
        let mut out = Vec::new();
        write(&mut out, reports, &RULES, Path::new("/repo")).unwrap();
        let mut document: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(document["version"], "2.1.0");
        document["runs"][0].take()
    }

    #[test]
    fn the_catalogue_is_there_without_findings() {
        let run = run(&[]);
        assert_eq!(run["results"], json!([]));
        let rules = &run["tool"]["driver"]["rules"];
        assert_eq!(
            (&rules[0]["id"], &rules[1]["name"]),
            (&json!("WEIR0001"), &json!("CycleDetected"))
        );
        assert_eq!(rules[0]["defaultConfiguration"]["level"], "warning");
    }

    #[test]
    fn a_result_points_at_its_rule_and_its_region() {
        let mut report = report(Some(place("/repo/k8s/apps.yaml", TEXT, "mirror1")));
        report.severity = Severity::Info;
        report.related = vec![(place("b.yaml", TEXT, "wrr2"), "starts here".to_owned())];
        let mut run = run(&[report]);
        assert_eq!(
            run["results"].take(),
            json!([{
                "ruleId": "WEIR0003",
                "ruleIndex": 1,
                "level": "note",
                "message": { "text": "apps/wrr2 reaches itself: apps/wrr2 -> apps/mirror1 -> apps/wrr2.\n\
                    Effect: requests for apps/wrr2 are answered with 503.\nHelp: remove one of the references." },
                "locations": [{
                    "physicalLocation": {
                        "artifactLocation": { "uri": "k8s/apps.yaml" },
                        "region": { "startLine": 11, "startColumn": 15, "endLine": 11, "endColumn": 22 },
                    },
                    "logicalLocations": [{
                        "fullyQualifiedName": "TraefikService apps/wrr2 spec.weighted.services[1].name",
                        "kind": "resource",
                    }],
                }],
                "relatedLocations": [{
                    "id": 0,
                    "physicalLocation": {
                        "artifactLocation": { "uri": "b.yaml" },
                        "region": { "startLine": 4, "startColumn": 9, "endLine": 4, "endColumn": 13 },
                    },
                    "message": { "text": "starts here" },
                }],
            }])
        );
    }

    #[test]
    fn a_result_without_a_place_has_no_location() {
        let mut report = report(None);
        report.object.clear();
        let run = run(&[report]);
        assert_eq!(run["results"][0].get("locations"), None);
    }

    #[test]
    fn names_of_files_become_valid_uris() {
        for (file, expected) in [
            ("a b/ü#1.yaml", "a%20b/%C3%BC%231.yaml"),
            ("./a.yaml", "a.yaml"),
            ("../a.yaml", "../a.yaml"),
            ("c:d.yaml", "./c:d.yaml"),
            ("/repo/x/a.yaml", "x/a.yaml"),
            ("/repository/a.yaml", "file:///repository/a.yaml"),
            ("<stdin>", "%3Cstdin%3E"),
        ] {
            assert_eq!(uri(file, Path::new("/repo")), expected);
        }
    }
}
