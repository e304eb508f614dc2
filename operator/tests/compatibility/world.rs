//! Everything that a manifest may refer to, and what it compiles to there.

use serde_json::{Value, json};
use weir_model::{
    crd::{API_VERSION, ResourceKind},
    document::{Config, Endpoints, NodeId, NodeSpec, Secrets, Target},
};
use weir_operator::{
    compile::{
        Compilation, Options, Snapshot, compile as run,
        finding::{Code, Finding, Severity},
    },
    manifest::{Limits, Manifests},
};

/// The name of the object that is looked at.
const SUBJECT: &str = "subject";

const AROUND: &str = include_str!("world.yaml");

/// A manifest, compiled among all that it may refer to.
pub struct Compiled(Compilation);

/// Compiles an object with this spec.
pub fn compile(kind: ResourceKind, spec: &Value) -> Compiled {
    let mut manifests = Manifests::default();
    manifests.add("world.yaml", AROUND, &Limits::default());
    assert!(manifests.broken.is_empty(), "{:?}", manifests.broken);
    let mut objects: Vec<Value> = manifests.objects.into_iter().map(|object| object.value).collect();
    let object = |kind: ResourceKind, name: &str, spec: &Value| {
        json!({
            "apiVersion": API_VERSION, "kind": kind.name(),
            "metadata": { "name": name, "namespace": "apps" }, "spec": spec,
        })
    };
    objects.push(object(kind, SUBJECT, spec));
    // all that is served leads through the subject
    let to = match kind {
        ResourceKind::IngressRoute => None,
        ResourceKind::TraefikService => Some(json!({ "name": SUBJECT, "kind": "TraefikService" })),
        ResourceKind::ServersTransport => {
            Some(json!({ "name": "svc1", "port": 80, "scheme": "https", "serversTransport": SUBJECT }))
        }
    };
    if let Some(to) = to {
        let spec = json!({ "routes": [{ "match": "Path(`/`)", "services": [to] }] });
        objects.push(object(ResourceKind::IngressRoute, "way", &spec));
    }
    let options = Options {
        allow_cross_namespace: true,
        ..Options::default()
    };
    Compiled(run(
        &Snapshot::from_objects(&objects),
        &options,
        &Config::default(),
    ))
}

impl Compiled {
    /// What is said against a field of the subject, or against a field below it. (That a limit is missing, say, is advice.)
    pub fn told(&self, path: &str) -> Vec<&Finding> {
        let findings = self.0.findings.iter();
        let about = |finding: &&Finding| {
            let field = finding.field.to_string();
            let below = field.strip_prefix(path);
            finding.object.name.name == SUBJECT
                && below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let codes = [Code::IgnoredField, Code::UnknownField, Code::UnsupportedFeature];
        let against =
            |finding: &&Finding| codes.contains(&finding.code) || finding.severity == Severity::Error;
        findings.filter(about).filter(against).collect()
    }

    /// What is published.
    pub fn documents(&self) -> (&Config, &Endpoints, &Secrets) {
        (&self.0.config, &self.0.endpoints, &self.0.secrets)
    }

    /// Whether any request can get to an endpoint.
    pub fn serves(&self) -> bool {
        let routes = self.0.config.routes.values();
        routes.into_iter().any(|route| match &route.target {
            Target::Node(node) => self.leads_on(node),
            Target::Unavailable { .. } => false,
        })
    }

    fn leads_on(&self, node: &NodeId) -> bool {
        match &self.0.config.nodes[node].spec {
            NodeSpec::Leaf(leaf) => leaf.endpoints.is_some(),
            NodeSpec::Mirror(mirror) => self.leads_on(&mirror.main),
            NodeSpec::Missing(_) => false,
            NodeSpec::Weighted(weighted) => weighted.children.iter().any(|child| self.leads_on(&child.node)),
        }
    }
}
