//! Conditions, and those that follow from findings alone.

use std::collections::BTreeMap;

use super::{
    catalogue::{ACCEPTED, ConditionType, READY, RESOLVED_REFS},
    text::{Limits, list},
};
use crate::compile::finding::{Code, Finding, Severity, Standing};

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its `type`.
    pub kind: &'static str,
    /// Its `status`: `True` or `False`.
    pub holds: bool,
    /// One word.
    pub reason: &'static str,
    /// For people.
    pub message: String,
}

impl Condition {
    pub(super) fn holds(kind: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            holds: true,
            reason,
            message: message.into(),
        }
    }

    pub(super) fn fails(kind: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            holds: false,
            reason,
            message: message.into(),
        }
    }

    /// As `status` shows it.
    pub fn status(&self) -> &'static str {
        if self.holds { "True" } else { "False" }
    }
}

/// Whether conditions of this type are written by the operator.
pub(super) fn is_ours(kind: &str) -> bool {
    ConditionType::ALL.iter().any(|ours| ours.name == kind)
        || Code::ALL.iter().any(|code| code.reason() == kind)
}

pub(super) fn accepted(findings: &[&Finding]) -> Condition {
    unless(findings, Standing::Accepted, ACCEPTED, "it is valid")
}

pub(super) fn resolved_refs(findings: &[&Finding]) -> Condition {
    unless(
        findings,
        Standing::ResolvedRefs,
        RESOLVED_REFS,
        "all references lead somewhere",
    )
}

fn unless(findings: &[&Finding], standing: Standing, kind: &'static str, message: &str) -> Condition {
    let against: Vec<&Finding> = findings
        .iter()
        .copied()
        .filter(|f| stands(f) == standing)
        .collect();
    match reason(&against) {
        Some(reason) => Condition::fails(kind, reason, list(&against, Limits::CONDITION)),
        None => Condition::holds(kind, kind, message),
    }
}

/// The condition that a finding turns false, if any.
fn stands(finding: &Finding) -> Standing {
    match finding.severity {
        Severity::Error => finding.code.standing(),
        Severity::Warning | Severity::Info => Standing::None,
    }
}

/// The one word for several findings: that with the lowest number.
pub(super) fn reason(findings: &[&Finding]) -> Option<&'static str> {
    findings
        .iter()
        .map(|finding| finding.code)
        .min_by_key(|code| code.number())
        .map(Code::reason)
}

/// A condition for each code that turns none of the others false.
pub(super) fn further(findings: &[&Finding]) -> Vec<Condition> {
    let mut by_code: BTreeMap<u16, Vec<&Finding>> = BTreeMap::new();
    for &finding in findings.iter().filter(|f| stands(f) == Standing::None) {
        by_code.entry(finding.code.number()).or_default().push(finding);
    }
    let conditions = by_code.into_values().filter_map(|findings| {
        let reason = reason(&findings)?;
        Some(Condition::holds(
            reason,
            reason,
            list(&findings, Limits::CONDITION),
        ))
    });
    conditions.collect()
}

/// The summary: as the first of the others that fails.
pub(super) fn ready(others: &[Condition]) -> Condition {
    match others.iter().find(|condition| !condition.holds) {
        Some(failed) => Condition::fails(READY, failed.reason, failed.message.clone()),
        None => Condition::holds(READY, READY, "it works as written"),
    }
}
