//! ServersTransports: which form of each is used, and whether its secrets are there.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::{
    document::{SecretId, ServiceReference, Transport, TransportId},
    name::NamespacedName,
    path::FieldPath,
};

use super::{Code, Problem, Resolver, suggestion};
use crate::compile::{
    finding::{Finding, ObjectId},
    parse::TransportForm,
};

/// A ServersTransport and its forms.
#[derive(Debug)]
pub(in crate::compile) struct TransportCandidate {
    pub id: ObjectId,
    /// What is written; nothing when that was refused.
    pub current: Option<TransportForm>,
    /// What the previous config has.
    pub last_good: Option<Transport>,
}

/// All ServersTransports, and those that are in use.
#[derive(Debug, Default)]
pub(in crate::compile) struct Transports {
    candidates: BTreeMap<NamespacedName, TransportCandidate>,
    /// What leaves name, complete but for the revision.
    pub used: BTreeMap<TransportId, Transport>,
    /// Those that are named and cannot be used.
    broken: BTreeSet<NamespacedName>,
    /// Findings on ServersTransports that came up on the way.
    pub findings: Vec<Finding>,
}

impl Transports {
    pub fn new(candidates: impl IntoIterator<Item = TransportCandidate>) -> Self {
        let candidates = candidates.into_iter().map(|c| (c.id.name.clone(), c)).collect();
        Self {
            candidates,
            ..Self::default()
        }
    }
}

impl Resolver<'_> {
    /// The transport that a reference names, in the Service's namespace; nothing when it names none.
    pub(super) fn transport(
        &mut self,
        reference: &ServiceReference,
        problems: &mut Vec<Problem>,
    ) -> Result<Option<TransportId>, ()> {
        let Some(name) = &reference.transport else {
            return Ok(None);
        };
        let name = NamespacedName::new(&reference.namespace, name);
        let id = TransportId::new(&name);
        if self.transports.used.contains_key(&id) {
            return Ok(Some(id));
        }
        let Some(candidate) = self.transports.candidates.get(&name) else {
            let help = suggestion(&mut self.suggestions, &name, self.transports.candidates.keys());
            let message =
                format!("ServersTransport {name} does not exist; it is looked up in the Service's namespace");
            problems.push(Problem::new(
                Code::ServersTransportNotFound,
                "serversTransport",
                message,
                help,
            ));
            return Err(());
        };
        let object = candidate.id.clone();
        let fields = candidate
            .current
            .as_ref()
            .map(|form| form.fields.clone())
            .unwrap_or_default();
        let form = candidate
            .current
            .as_ref()
            .map(|form| form.transport.clone())
            .or_else(|| candidate.last_good.clone());
        let usable = form.filter(|_| !self.transports.broken.contains(&name));
        let Some(transport) = usable.filter(|transport| self.has_secrets(&object, transport, &fields)) else {
            self.transports.broken.insert(name.clone());
            let message = format!("ServersTransport {name} cannot be used");
            let help =
                "connections without what it asks for could reach the wrong peer; mend it first".to_owned();
            problems.push(Problem::new(
                Code::DependencyInvalid,
                "serversTransport",
                message,
                help,
            ));
            return Err(());
        };
        self.transports.used.insert(id.clone(), transport);
        Ok(Some(id))
    }

    /// Takes the secrets of a transport in; what is missing is a finding on the transport.
    fn has_secrets(
        &mut self,
        object: &ObjectId,
        transport: &Transport,
        fields: &[(SecretId, FieldPath)],
    ) -> bool {
        let certificates = transport.certificates.iter().map(|id| (id, true));
        let roots = transport.root_cas.iter().map(|id| (id, false));
        let mut complete = true;
        for (id, is_certificate) in certificates.chain(roots) {
            let taken = if is_certificate {
                self.certificate(id, "")
            } else {
                self.authorities(id, "")
            };
            if let Err(problem) = taken {
                complete = false;
                let field = fields
                    .iter()
                    .find(|(named, _)| named == id)
                    .map(|(_, field)| field.clone());
                self.transports.findings.push(
                    Finding::new(
                        object.clone(),
                        field.unwrap_or_default(),
                        problem.code,
                        problem.message,
                    )
                    .maybe_help(problem.help)
                    .effect("Services that name the transport are passed over"),
                );
            }
        }
        complete
    }
}
