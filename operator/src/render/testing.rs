//! A finding to show, for the tests of each form.

use super::{Place, Report, Severity};
use crate::manifest::Span;

pub(super) const TEXT: &str = "apiVersion: traefik.io/v1alpha1
kind: TraefikService
metadata:
  name: wrr2
  namespace: apps
spec:
  weighted:
    services:
      - name: svc2
        port: 80
      - name: mirror1
        kind: TraefikService
";

/// The place of the first `part` in the text.
pub(super) fn place<'a>(file: &'a str, text: &'a str, part: &str) -> Place<'a> {
    let start = text.find(part).unwrap();
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Place {
        file,
        text,
        span: Span {
            start,
            end: start + part.len(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        },
    }
}

pub(super) fn report(place: Option<Place<'_>>) -> Report<'_> {
    Report {
        severity: Severity::Error,
        code: "WEIR0003",
        reason: "CycleDetected",
        message: "apps/wrr2 reaches itself: apps/wrr2 -> apps/mirror1 -> apps/wrr2",
        label: Some("leads back to apps/wrr2"),
        object: "TraefikService apps/wrr2".to_owned(),
        field: "spec.weighted.services[1].name".to_owned(),
        place,
        related: Vec::new(),
        effect: Some("requests for apps/wrr2 are answered with 503"),
        help: vec!["remove one of the references"],
    }
}
