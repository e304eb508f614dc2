//! What holds of every compilation.

use std::collections::BTreeMap;

use serde_json::Value;
use weir_model::{
    document::{
        Config, Node, NodeSpec, Route, SourceKind, Target,
        text::{read, write},
        validate::{absent_secrets, absent_sets, validate},
    },
    path::PathSegment,
};
use weir_operator::compile::{
    Compilation,
    finding::{Code, Finding},
    report::State,
};

use super::world::World;

/// The documents as they are published.
pub fn texts(compilation: &Compilation) -> [String; 3] {
    [
        write(&*compilation.config).unwrap().0,
        write(&*compilation.endpoints).unwrap().0,
        write(&*compilation.secrets).unwrap().0,
    ]
}

pub fn documents_are_valid(compilation: &Compilation) {
    let Compilation {
        config,
        endpoints,
        secrets,
        violations,
        ..
    } = compilation;
    assert_eq!(*violations, []);
    assert_eq!(validate(config), Ok(()));
    assert_eq!(absent_sets(config, endpoints).next(), None);
    assert_eq!(absent_secrets(config, secrets).next(), None);
    let (text, digest) = write(&**config).unwrap();
    assert_eq!(read::<Config>(&text).unwrap(), (Config::clone(config), digest));
}

/// Every finding is on an object and a field that are there (but for a field that is missing), and says
/// what it does to traffic.
pub fn findings_are_complete(world: &World, compilation: &Compilation) {
    let objects = world.objects();
    for finding in &compilation.findings {
        let Finding {
            object,
            field,
            effect,
            message,
            ..
        } = finding;
        assert!(!effect.is_empty() && !message.is_empty(), "{finding:#?}");
        let manifest = objects.iter().find(|manifest| {
            let metadata = &manifest["metadata"];
            manifest["kind"] == object.kind.as_str()
                && metadata["name"] == *object.name.name
                && metadata["namespace"] == *object.name.namespace
        });
        let manifest = manifest.unwrap_or_else(|| panic!("no such object: {finding:#?}"));
        let parent = field.parent().unwrap_or_default();
        let there = parent
            .segments()
            .iter()
            .try_fold(manifest, |value: &Value, segment| match segment {
                PathSegment::Key(key) => value.get(key),
                PathSegment::Index(index) => value.get(index),
            });
        assert!(there.is_some(), "no such field: {finding:#?}\n{manifest:#}");
    }
}

/// Revisions only grow; an entry that is as it was keeps its own; whatever is new or changed has the
/// config's, which is new if and only if something is.
pub fn revisions_tell_what_changed(config: &Config, previous: &Config) {
    let next = previous.revision + 1;
    let mut changed =
        config.nodes.len() != previous.nodes.len() || config.routes.len() != previous.routes.len();
    for (id, node) in &config.nodes {
        let same = previous
            .nodes
            .get(id)
            .filter(|old| bare_node(old) == bare_node(node));
        assert_eq!(node.revision, same.map_or(next, |old| old.revision), "{id}");
        changed |= same.is_none();
    }
    for (id, route) in &config.routes {
        let same = previous
            .routes
            .get(id)
            .filter(|old| bare_route(old) == bare_route(route));
        assert_eq!(route.revision, same.map_or(next, |old| old.revision), "{id}");
        changed |= same.is_none();
    }
    assert_eq!(config.revision, if changed { next } else { previous.revision });
}

fn bare_node(node: &Node) -> Node {
    Node {
        revision: 0,
        ..node.clone()
    }
}

fn bare_route(route: &Route) -> Route {
    Route {
        revision: 0,
        ..route.clone()
    }
}

/// The config as if nothing had been published before.
pub fn without_revisions(config: &Config) -> Config {
    Config {
        nodes: config
            .nodes
            .iter()
            .map(|(id, node)| (id.clone(), bare_node(node)))
            .collect(),
        routes: config
            .routes
            .iter()
            .map(|(id, route)| (id.clone(), bare_route(route)))
            .collect(),
        revision: 0,
        ..config.clone()
    }
}

/// An object that was served and still exists is still served, in its last form or an older one; so is a
/// route whose rule is still written.
pub fn what_was_accepted_is_still_served(world: &World, compilation: &Compilation, previous: &Config) {
    let objects = world.objects();
    let mut rules: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut uids = Vec::new();
    for object in &objects {
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let routes = object["spec"]["routes"].as_array().into_iter().flatten();
        let written = routes.filter_map(|route| route["match"].as_str().map(str::to_owned));
        rules.insert(uid.clone(), written.collect());
        uids.push(uid);
    }
    for (id, old) in &previous.nodes {
        let is_service = old.source.kind == SourceKind::TraefikService
            && matches!(old.spec, NodeSpec::Weighted(_) | NodeSpec::Mirror(_));
        if is_service && uids.contains(&old.source.uid) {
            let now = compilation.config.nodes.get(id);
            assert!(
                now.is_some_and(|node| node.source.uid == old.source.uid),
                "{id} is served no more"
            );
        }
    }
    let reports = &compilation.reports.ingress_routes;
    for (id, old) in &previous.routes {
        let name = weir_model::name::NamespacedName::new(&old.source.namespace, &old.source.name);
        let reported = reports.get(&name).into_iter().flat_map(|report| &report.routes);
        let still_written = reported.filter(|route| route.id.as_ref() == Some(id)).count() > 0;
        if still_written && matches!(old.target, Target::Node(_)) {
            let now = &compilation.config.routes[id];
            assert!(matches!(now.target, Target::Node(_)), "{id} answers 503 now");
        }
    }
    // no route of what was accepted goes while its rule is written
    for (id, old) in &previous.routes {
        let unreadable = objects.iter().any(|object| {
            object["metadata"]["uid"] == *old.source.uid && object["spec"]["routes"].is_string()
        });
        if unreadable && matches!(old.target, Target::Node(_)) {
            assert!(
                compilation.config.routes.contains_key(id),
                "{id} is served no more"
            );
        }
    }
}

/// Whatever is not served as written has an error that says so; whatever is has none.
pub fn only_findings_keep_something_from_being_served(compilation: &Compilation) {
    for (name, report) in &compilation.reports.services {
        let own = compilation.findings.iter().filter(|finding| {
            finding.object.kind == weir_operator::compile::finding::Kind::TraefikService
                && finding.object.name == *name
        });
        let refusals: Vec<&Finding> = own.filter(|finding| finding.refuses()).collect();
        assert_eq!(
            report.state == State::Served,
            refusals.is_empty(),
            "{name}: {refusals:#?}"
        );
    }
    for (name, report) in &compilation.reports.ingress_routes {
        let own = compilation.findings.iter().filter(|finding| {
            finding.object.kind == weir_operator::compile::finding::Kind::IngressRoute
                && finding.object.name == *name
        });
        let (refusals, rest): (Vec<&Finding>, Vec<&Finding>) = own.partition(|finding| finding.refuses());
        let nowhere = rest
            .iter()
            .any(|finding| finding.code == Code::EntryPointNotFound);
        let served = report.routes.iter().all(|route| route.state == State::Served);
        assert!(served || nowhere || !refusals.is_empty(), "{name}: {report:#?}");
    }
}
