//! Why something is not as it was meant: the compilation's findings, by the place that they are about.

use weir_model::{name::NamespacedName, path::FieldPath};

use super::Problem;
use crate::compile::finding::{Code, Finding, Kind, ObjectId, Standing};

/// All findings, sorted by object and field.
pub(super) struct Reasons<'a>(pub &'a [Finding]);

impl Reasons<'_> {
    /// Why an object is refused, as far as it is for something at or below `field`.
    pub fn refusals(&self, object: &ObjectId, field: &FieldPath) -> Vec<Problem> {
        let refusing = self.below(object, field).iter().filter(|f| f.refuses());
        problems(refusing)
    }

    /// Why all routes of an IngressRoute are refused.
    pub fn refusals_above_routes(&self, object: &ObjectId) -> Vec<Problem> {
        let routes = FieldPath::root().key("spec").key("routes");
        let all = self.below(object, &FieldPath::root());
        let inside = self.below(object, &routes);
        let before = all.partition_point(|f| f.field < routes);
        let (before, after) = (&all[..before], &all[before + inside.len()..]);
        problems(before.iter().chain(after).filter(|f| f.refuses()))
    }

    /// What is wrong with a reference.
    pub fn of_reference(&self, object: &ObjectId, reference: &FieldPath) -> Vec<Problem> {
        // a form from the previous config stands in no manifest
        if reference.is_root() {
            return Vec::new();
        }
        let findings = self.below(object, reference).iter();
        // one level down and no deeper: the mirrors stand inside the main service
        let own = findings.filter(|f| f.field.segments().len() == reference.segments().len() + 1);
        problems(own.filter(|finding| {
            finding.code == Code::NoEndpoints || finding.code.standing() == Standing::ResolvedRefs
        }))
    }

    fn below(&self, object: &ObjectId, field: &FieldPath) -> &[Finding] {
        let Self(all) = self;
        let start = all.partition_point(|f| (&f.object, &f.field) < (object, field));
        let below = |f: &Finding| f.object == *object && f.field.segments().starts_with(field.segments());
        let length = all[start..].partition_point(below);
        &all[start..start + length]
    }
}

/// Whether a finding on a reference is about what it leads to, whoever refers to it.
pub(super) fn of_target(code: Code) -> bool {
    matches!(
        code,
        Code::AddressNotFound
            | Code::BackendNotFound
            | Code::DependencyInvalid
            | Code::ExternalNameNotAllowed
            | Code::NoEndpoints
            | Code::ServicePortNotFound
    )
}

fn problems<'f>(findings: impl Iterator<Item = &'f Finding>) -> Vec<Problem> {
    findings
        .map(|finding| Problem {
            code: finding.code,
            message: finding.message.clone(),
        })
        .collect()
}

/// That something does not exist, in the words of a finding on the reference if there is one.
pub(super) fn not_found(found: &[Problem], kind: Kind, name: &NamespacedName) -> Vec<Problem> {
    let said = found.iter().find(|problem| problem.code == Code::BackendNotFound);
    let problem = said.cloned().unwrap_or_else(|| Problem {
        code: Code::BackendNotFound,
        message: format!("{} {name} does not exist", kind.as_str()),
    });
    vec![problem]
}
