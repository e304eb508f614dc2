//! Leaving out the newest objects when the config is larger than a ConfigMap may be.
//!
//! What referred to them finds a missing node in their place, as if they did not exist: the siblings share.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::Serialize;
use weir_model::{
    document::{
        Config, Missing, Node, NodeId, NodeSpec, Route, Source, SourceKind, Target, text::TextError,
        validate::validate,
    },
    name::NamespacedName,
    path::FieldPath,
};

use super::{
    encode::{Encoded, encode, size},
    retain_named,
};
use crate::compile::{
    Compilation, Snapshot,
    finding::{Code, Finding, Kind, ObjectId},
    report::Reports,
    revision,
};

/// Holds back as many objects as it takes for the config to fit, whose bytes are `whole`. What was held back
/// and why, and the bytes of the rest.
pub(super) fn apply(
    compilation: &mut Compilation,
    previous: &Config,
    snapshot: &Snapshot,
    whole: Encoded,
    max_bytes: usize,
) -> Result<(BTreeMap<ObjectId, String>, Encoded), TextError> {
    let sizes = sizes(&compilation.config)?;
    let mut candidates: Vec<&ObjectId> = sizes
        .keys()
        .filter(|id| id.kind != Kind::ServersTransport)
        .collect();
    candidates.sort_by_cached_key(|id| Reverse(age(snapshot, id)));
    let complete = compilation.config.clone();
    let (stored, plain) = (whole.bytes.len(), whole.plain);
    let mut encoded = whole;
    let mut held: BTreeSet<&ObjectId> = BTreeSet::new();
    let mut candidates = candidates.into_iter();
    let mut referrers = BTreeSet::new();
    while encoded.bytes.len() > max_bytes {
        // objects compress about as well as the whole: as many as that says, and see
        let mut surplus = (encoded.bytes.len() - max_bytes) as u128 * encoded.plain as u128;
        surplus /= encoded.bytes.len() as u128;
        let before = held.len();
        for id in candidates.by_ref() {
            held.insert(id);
            let bytes = sizes.get(id).copied().unwrap_or_default() as u128;
            if bytes > surplus {
                break;
            }
            surplus -= bytes;
        }
        if held.len() == before {
            // not even nothing fits, which only a test can ask for
            break;
        }
        let mut config;
        (config, referrers) = without(&complete, &held);
        revision::assign(&mut config, previous);
        encoded = encode(&config)?;
        compilation.config = Arc::new(config);
    }
    let message = |id: &ObjectId| {
        format!(
            "all objects together make a config of {} ({} before compression), more than the {} that fit into a ConfigMap; the newest are held back, and this one with its {} is one of them",
            size(stored),
            size(plain),
            size(max_bytes),
            size(sizes.get(id).copied().unwrap_or_default()),
        )
    };
    let messages = held.iter().map(|id| ((*id).clone(), message(id))).collect();
    compilation.violations = validate(&compilation.config).err().unwrap_or_default();
    if !compilation.violations.is_empty() {
        compilation.config = Arc::new(previous.clone());
    }
    retain_named(compilation);
    refresh(&mut compilation.reports, &compilation.config);
    compilation
        .findings
        .extend(referrers.into_iter().map(|(owner, missing)| {
            let message =
                format!("TraefikService {missing} is held back: the config would be too large with it");
            Finding::new(
                owner,
                FieldPath::root().key("spec"),
                Code::DependencyInvalid,
                message,
            )
            .effect("it is passed over; where nothing else is left, requests get 503 `no available server`")
        }));
    compilation.findings.sort();
    Ok((messages, encoded))
}

/// Older is less; by name where that does not decide. An object without a time is taken for new.
fn age<'a>(snapshot: &'a Snapshot, id: &'a ObjectId) -> (bool, &'a str, &'a NamespacedName, Kind) {
    let created = match id.kind {
        Kind::TraefikService => snapshot
            .traefik_services
            .get(&id.name)
            .map(|entry| &entry.meta.created),
        _ => snapshot
            .ingress_routes
            .get(&id.name)
            .map(|entry| &entry.meta.created),
    };
    let created = created.map(String::as_str).unwrap_or_default();
    (created.is_empty(), created, &id.name, id.kind)
}

fn owner(source: &Source) -> ObjectId {
    let kind = match source.kind {
        SourceKind::IngressRoute => Kind::IngressRoute,
        SourceKind::ServersTransport => Kind::ServersTransport,
        SourceKind::TraefikService => Kind::TraefikService,
    };
    ObjectId {
        kind,
        name: NamespacedName::new(&source.namespace, &source.name),
    }
}

/// The bytes that each object has in the config.
fn sizes(config: &Config) -> Result<BTreeMap<ObjectId, usize>, TextError> {
    fn entry(id: &str, entry: &impl Serialize) -> Result<usize, TextError> {
        Ok(id.len() + serde_json::to_vec(entry)?.len())
    }
    let mut sizes = BTreeMap::new();
    for (id, node) in &config.nodes {
        *sizes.entry(owner(&node.source)).or_default() += entry(id.as_str(), node)?;
    }
    for (id, route) in &config.routes {
        *sizes.entry(owner(&route.source)).or_default() += entry(id.as_str(), route)?;
    }
    Ok(sizes)
}

/// The config without what belongs to some objects, and who referred to which of them.
fn without(complete: &Config, held: &BTreeSet<&ObjectId>) -> (Config, BTreeSet<(ObjectId, NamespacedName)>) {
    let stays = |source: &Source| !held.contains(&owner(source));
    let nodes = complete.nodes.iter().filter(|(_, node)| stays(&node.source));
    let routes = complete.routes.iter().filter(|(_, route)| stays(&route.source));
    let mut config = Config {
        nodes: nodes.map(|(id, node)| (id.clone(), node.clone())).collect(),
        routes: routes.map(|(id, route)| (id.clone(), route.clone())).collect(),
        ..complete.clone()
    };
    let mut gaps = Gaps {
        complete,
        held,
        missing: BTreeMap::new(),
        referrers: BTreeSet::new(),
    };
    for (id, node) in &mut config.nodes {
        for reference in references_mut(&mut node.spec) {
            gaps.close(id, &node.source, reference);
        }
    }
    for (id, Route { source, target, .. }) in &mut config.routes {
        if let Target::Node(reference) = target {
            gaps.close(&NodeId::route(id), source, reference);
        }
    }
    let Gaps {
        missing, referrers, ..
    } = gaps;
    config.nodes.extend(missing);
    let named: BTreeSet<_> = config
        .nodes
        .values()
        .filter_map(|node| node.spec.leaf()?.transport.clone())
        .collect();
    config.transports.retain(|id, _| named.contains(id));
    (config, referrers)
}

/// References that lead to what was held back.
struct Gaps<'a> {
    complete: &'a Config,
    held: &'a BTreeSet<&'a ObjectId>,
    missing: BTreeMap<NodeId, Node>,
    referrers: BTreeSet<(ObjectId, NamespacedName)>,
}

impl Gaps<'_> {
    /// Points a reference from `from` to a missing node if it leads to something held back.
    fn close(&mut self, from: &NodeId, source: &Source, reference: &mut NodeId) {
        let Some(gone) = self
            .complete
            .nodes
            .get(reference)
            .filter(|to| self.held.contains(&owner(&to.source)))
        else {
            return;
        };
        let name = NamespacedName::new(&gone.source.namespace, &gone.source.name);
        let missing = Missing {
            name: name.name.clone(),
            namespace: name.namespace.clone(),
        };
        let node = Node {
            label: gone.label.clone(),
            revision: 0,
            source: source.clone(),
            spec: NodeSpec::Missing(missing),
        };
        *reference = from.missing(&name);
        self.missing.insert(reference.clone(), node);
        self.referrers.insert((owner(source), name));
    }
}

fn references_mut(spec: &mut NodeSpec) -> Vec<&mut NodeId> {
    match spec {
        NodeSpec::Weighted(weighted) => weighted
            .children
            .iter_mut()
            .map(|child| &mut child.node)
            .collect(),
        NodeSpec::Mirror(mirror) => {
            let mirrors = mirror.mirrors.iter_mut().map(|target| &mut target.node);
            std::iter::once(&mut mirror.main).chain(mirrors).collect()
        }
        NodeSpec::Leaf(_) | NodeSpec::Missing(_) => Vec::new(),
    }
}

/// The revisions that brought what is served of each object, in another config than reported on.
fn refresh(reports: &mut Reports, config: &Config) {
    let nodes = config
        .nodes
        .values()
        .map(|node| (owner(&node.source), node.revision));
    let routes = config
        .routes
        .values()
        .map(|route| (owner(&route.source), route.revision));
    let mut newest: BTreeMap<ObjectId, u64> = BTreeMap::new();
    for (owner, revision) in nodes.chain(routes) {
        let known = newest.entry(owner).or_default();
        *known = revision.max(*known);
    }
    let of = |kind, name: &NamespacedName| {
        newest
            .get(&ObjectId {
                kind,
                name: name.clone(),
            })
            .copied()
    };
    for (name, report) in &mut reports.services {
        report.revision = of(Kind::TraefikService, name);
    }
    for (name, report) in &mut reports.ingress_routes {
        report.revision = of(Kind::IngressRoute, name);
    }
}
