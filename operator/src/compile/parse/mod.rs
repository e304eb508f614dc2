//! Objects as written into forms: every field is read, checked or named as not read, all findings at once.

mod health;
mod ingress_route;
mod place;
mod reference;
mod servers_transport;
mod sticky;
mod traefik_service;
mod value;

use weir_model::{
    crd::{Deviation, DeviationKind, MAX_DEVIATIONS},
    name::{NameError, check_name},
};

use self::place::{Place, metadata, spec};
pub(super) use self::{
    ingress_route::{ParsedRoute, ingress_route, is_ours},
    servers_transport::{TransportForm, servers_transport},
    traefik_service::traefik_service,
};
use super::{
    finding::{Code, Finding, ObjectId, Severity},
    options::Options,
};

/// Gathers the findings of one object.
pub(super) struct Sink<'a> {
    pub options: &'a Options,
    pub object: &'a ObjectId,
    pub findings: &'a mut Vec<Finding>,
}

impl Sink<'_> {
    /// Adds a finding on this object.
    fn add(
        &mut self,
        field: &Place<'_>,
        code: Code,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        self.push(field, code, message, |finding| finding.maybe_help(help.into()));
    }

    /// Adds a finding on this object, made complete by `with`.
    fn push(
        &mut self,
        field: &Place<'_>,
        code: Code,
        message: impl Into<String>,
        with: impl FnOnce(Finding) -> Finding,
    ) {
        self.findings.push(with(Finding::new(
            self.object.clone(),
            field.path(),
            code,
            message,
        )));
    }

    /// Says that a field has no effect, which changes nothing about the traffic but that.
    fn ignored(&mut self, field: &Place<'_>, why: &str, severity: Severity) {
        self.push(field, Code::IgnoredField, why, |finding| {
            finding
                .severity(severity)
                .effect("traffic flows as if the field were not there")
        });
    }

    /// Says that weir lacks something that decides about security or routing.
    fn unsupported(&mut self, field: &Place<'_>, what: &str, help: &str) {
        self.add(field, Code::UnsupportedFeature, what, help.to_owned());
    }

    /// Checks the name and the namespace of this object.
    fn own_name(&mut self) {
        self.name(&metadata().key("name"), &self.object.name.name);
        self.name(&metadata().key("namespace"), &self.object.name.namespace);
    }

    /// Checks a name of an object.
    fn name(&mut self, field: &Place<'_>, name: &str) -> Option<()> {
        let error = check_name(name).err();
        if let Some(error) = &error {
            let help = match error {
                NameError::At(name) => {
                    let before = name.split('@').next().unwrap_or_default();
                    Some(format!(
                        "'@' selects a provider of Traefik's, and here are only Kubernetes names: write the plain \
                         name{}",
                        if before.is_empty() {
                            String::new()
                        } else {
                            format!(", such as {before:?}")
                        }
                    ))
                }
                NameError::NotDns(name) if check_name(&name.to_lowercase()).is_ok() => {
                    Some(format!("did you mean {:?}?", name.to_lowercase()))
                }
                _ => None,
            };
            self.add(field, Code::InvalidName, error.to_string(), help);
        }
        error.is_none().then_some(())
    }

    /// Turns what does not fit the schema into findings. Words that are not in an enum are left to those
    /// who read them and know what they mean.
    pub fn deviations(&mut self, deviations: &[Deviation]) {
        if deviations.len() >= MAX_DEVIATIONS {
            let message =
                format!("more than {MAX_DEVIATIONS} fields do not fit; what follows was not looked at");
            self.add(spec(), Code::InvalidSpec, message, None);
        }
        for deviation in deviations {
            let (field, code) = match &deviation.kind {
                DeviationKind::NotInEnum { .. } => continue,
                DeviationKind::UnknownField { .. } => (deviation.path.clone(), Code::UnknownField),
                DeviationKind::DuplicateField { .. } | DeviationKind::WrongType { .. } => {
                    (deviation.path.clone(), Code::InvalidSpec)
                }
                DeviationKind::MissingRequired { field } => {
                    (deviation.path.key(field.as_str()), Code::InvalidSpec)
                }
            };
            let effect = if code == Code::UnknownField {
                "the field has no effect"
            } else {
                ""
            };
            let finding = Finding::new(self.object.clone(), field, code, deviation.to_string());
            self.findings
                .push(finding.maybe_help(deviation.help()).effect(effect));
        }
    }
}

/// Drops the findings from the `first` one on that may be there only because something of a wrong type was
/// left out: those on it, on what held it and on what it held.
fn drop_consequences(findings: &mut Vec<Finding>, first: usize, deviations: &[Deviation]) {
    let wrong: Vec<_> = deviations
        .iter()
        .filter(|deviation| matches!(deviation.kind, DeviationKind::WrongType { .. }))
        .map(|deviation| deviation.path.segments())
        .collect();
    if wrong.is_empty() {
        return;
    }
    let own = findings.split_off(first);
    let independent = |finding: &Finding| {
        let field = finding.field.segments();
        !wrong
            .iter()
            .any(|wrong| wrong.starts_with(field) || field.starts_with(wrong))
    };
    findings.extend(own.into_iter().filter(independent));
}
