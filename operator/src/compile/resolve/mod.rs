//! References followed: from what a form names to endpoint sets, transports and key material.

mod endpoints;
mod pem;
mod secrets;
mod service;
mod transports;

use std::collections::BTreeMap;

use weir_model::{
    document::{EndpointSet, EndpointSetId, NodeId, Scheme, SecretEntry, SecretId, TransportId},
    name::NamespacedName,
};

pub(super) use self::transports::{TransportCandidate, Transports};
use super::{
    accept::{Served, permitted},
    finding::{Code, did_you_mean},
    form::LeafForm,
    input::Snapshot,
    options::Options,
};

/// Why a reference leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub code: Code,
    /// The field of the reference.
    pub key: &'static str,
    pub message: String,
    pub help: Option<String>,
    /// Whether the reference is still good for traffic.
    pub harmless: bool,
}

impl Problem {
    fn new(
        code: Code,
        key: &'static str,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) -> Self {
        Self {
            code,
            key,
            message: message.into(),
            help: help.into(),
            harmless: false,
        }
    }

    fn harmless(mut self) -> Self {
        self.harmless = true;
        self
    }
}

/// A reference to a Service, followed as far as it leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ResolvedLeaf {
    pub endpoints: Option<EndpointSetId>,
    pub scheme: Scheme,
    pub transport: Option<TransportId>,
}

/// Follows references and gathers what they lead to.
pub(super) struct Resolver<'a> {
    pub snapshot: &'a Snapshot,
    pub options: &'a Options,
    pub served: &'a BTreeMap<NamespacedName, Served>,
    pub transports: Transports,
    pub sets: BTreeMap<EndpointSetId, EndpointSet>,
    pub secrets: BTreeMap<SecretId, SecretEntry>,
    /// Searches for similar names that may still be made: each compares with all names there are.
    suggestions: usize,
}

impl<'a> Resolver<'a> {
    pub fn new(
        snapshot: &'a Snapshot,
        options: &'a Options,
        served: &'a BTreeMap<NamespacedName, Served>,
        transports: Transports,
    ) -> Self {
        let (sets, secrets) = (BTreeMap::new(), BTreeMap::new());
        Self {
            snapshot,
            options,
            served,
            transports,
            sets,
            secrets,
            suggestions: 100,
        }
    }

    /// The node of a TraefikService, or why there is none.
    pub fn traefik_service(&mut self, from: &str, name: &NamespacedName) -> Result<NodeId, Problem> {
        if !permitted(from, name, self.options) {
            return Err(not_permitted(from, name));
        }
        match self.served.get(name) {
            Some(Served::Current(_) | Served::LastGood(_)) => Ok(NodeId::traefik_service(name)),
            Some(Served::Nothing) => Err(Problem::new(
                Code::DependencyInvalid,
                "name",
                format!("TraefikService {name} is not accepted"),
                ask(name),
            )),
            None => {
                let help = if self.snapshot.services.contains_key(name) {
                    Some("a Service of this name exists: write `kind: Service` and its port".to_owned())
                } else {
                    let names = self.served.keys();
                    suggestion(&mut self.suggestions, name, names)
                };
                let message = format!("TraefikService {name} does not exist");
                Err(Problem::new(Code::BackendNotFound, "name", message, help))
            }
        }
    }

    /// A reference to a Service, and what is wrong with it.
    pub fn leaf(&mut self, from: &str, leaf: &LeafForm) -> (ResolvedLeaf, Vec<Problem>) {
        let mut problems = Vec::new();
        let name = NamespacedName::new(&leaf.reference.namespace, &leaf.reference.name);
        if !permitted(from, &name, self.options) {
            // nothing of the other namespace is looked at, nor told
            let scheme = leaf.reference.scheme.unwrap_or_default();
            let nothing = ResolvedLeaf {
                scheme,
                ..ResolvedLeaf::default()
            };
            return (nothing, vec![not_permitted(from, &name)]);
        }
        let target = self.service(&name, &leaf.reference, &mut problems);
        let transport = self.transport(&leaf.reference, &mut problems);
        let scheme = leaf
            .reference
            .scheme
            .or_else(|| target.as_ref().map(|t| t.scheme))
            .unwrap_or_default();
        // fail closed: without its transport a connection could reach the wrong peer
        let usable = transport.is_ok();
        let endpoints = target.filter(|_| usable).map(|t| t.set);
        (
            ResolvedLeaf {
                endpoints,
                scheme,
                transport: transport.ok().flatten(),
            },
            problems,
        )
    }
}

/// That a TraefikService is there and leads nowhere.
pub(super) fn nothing_left(name: &NamespacedName) -> Problem {
    let message = format!("TraefikService {name} leads nowhere: none of its services takes new requests");
    Problem::new(Code::NoEndpoints, "name", message, ask(name))
}

fn ask(name: &NamespacedName) -> String {
    let NamespacedName { namespace, name } = name;
    format!("its own conditions say why: kubectl describe traefikservice -n {namespace} {name}")
}

fn not_permitted(from: &str, name: &NamespacedName) -> Problem {
    Problem::new(
        Code::RefNotPermitted,
        "namespace",
        format!("{name} is in another namespace than {from}, and references across namespaces are off"),
        "the chart's value allowCrossNamespace (option --allow-cross-namespace) turns them on".to_owned(),
    )
}

/// Says which name may have been meant: a similar one in the same namespace, or the same one in another.
fn suggestion<'a>(
    budget: &mut usize,
    name: &NamespacedName,
    names: impl Iterator<Item = &'a NamespacedName> + Clone,
) -> Option<String> {
    *budget = budget.checked_sub(1)?;
    let here = names
        .clone()
        .filter(|n| n.namespace == name.namespace)
        .map(|n| n.name.as_str());
    if let Some(similar) = did_you_mean(&name.name, here) {
        return Some(format!("did you mean {similar:?}?"));
    }
    let elsewhere = names
        .into_iter()
        .find(|n| n.name == name.name && n.namespace != name.namespace)?;
    Some(format!(
        "one of this name exists in the namespace {:?}: set `namespace` if it is meant",
        elsewhere.namespace
    ))
}
