//! Objects, and what is reported on them, for tests.

use serde_json::{Value, json};
use weir_model::{document::Config, name::NamespacedName};

use super::{DesiredStatus, Progress, Proxy, Published, desired};
use crate::compile::{
    Compilation, Options, Snapshot, compile,
    finding::{Kind, ObjectId},
};

pub fn object(kind: &str, name: &str, generation: i64, spec: &Value) -> Value {
    json!({
        "apiVersion": "traefik.io/v1alpha1",
        "kind": kind,
        "metadata": {
            "name": name, "namespace": "apps", "uid": format!("uid-{name}"), "generation": generation,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": spec,
    })
}

/// A TraefikService with these children of weight 1: Services by name, TraefikServices as `ts:name`.
pub fn weighted(name: &str, generation: i64, children: &[&str]) -> Value {
    let child = |child: &&str| match child.strip_prefix("ts:") {
        Some(name) => json!({ "name": name, "kind": "TraefikService", "weight": 1 }),
        None => json!({ "name": child, "port": 80, "weight": 1 }),
    };
    let children: Vec<Value> = children.iter().map(child).collect();
    object(
        "TraefikService",
        name,
        generation,
        &json!({ "weighted": { "services": children } }),
    )
}

/// An IngressRoute with these rules, all to one TraefikService.
pub fn route(name: &str, generation: i64, rules: &[&str], service: &str) -> Value {
    let route = |rule: &&str| {
        let service = json!({ "name": service, "kind": "TraefikService" });
        json!({ "kind": "Rule", "match": rule, "services": [service] })
    };
    let routes: Vec<Value> = rules.iter().map(route).collect();
    object("IngressRoute", name, generation, &json!({ "routes": routes }))
}

pub fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name, "namespace": "apps" },
        "spec": { "clusterIP": "10.0.0.1", "ports": [{ "port": 80 }] },
    })
}

pub fn traefik_service(name: &str) -> ObjectId {
    ObjectId {
        kind: Kind::TraefikService,
        name: NamespacedName::new("apps", name),
    }
}

pub fn ingress_route(name: &str) -> ObjectId {
    ObjectId {
        kind: Kind::IngressRoute,
        name: NamespacedName::new("apps", name),
    }
}

/// A compilation and what came before it.
pub struct Made {
    pub snapshot: Snapshot,
    pub compilation: Compilation,
}

pub fn made(objects: &[Value], previous: &Config) -> Made {
    let snapshot = Snapshot::from_objects(objects);
    let compilation = compile(&snapshot, &Options::default(), previous);
    Made {
        snapshot,
        compilation,
    }
}

impl Made {
    pub fn status(&self, object: &ObjectId, progress: &Progress) -> DesiredStatus {
        desired(&self.compilation, &self.snapshot, progress)
            .remove(object)
            .unwrap()
    }
}

/// Everything up to a revision is published, and all proxies run this one.
pub fn progress(published: u64, proxies: &[u64]) -> Progress {
    let proxy = |(i, revision): (usize, &u64)| Proxy {
        pod: format!("proxy-{i}"),
        ready: true,
        running: true,
        revision: Some(*revision),
        ..Proxy::default()
    };
    Progress {
        published: Published {
            revision: published,
            ..Published::default()
        },
        proxies: proxies.iter().enumerate().map(proxy).collect(),
        unknown: None,
    }
}

pub fn condition<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    conditions.find(|condition| condition["type"] == kind)
}

/// `True Accepted`
pub fn shown(status: &Value, kind: &str) -> String {
    let Some(condition) = condition(status, kind) else {
        return "absent".to_owned();
    };
    format!(
        "{} {}",
        condition["status"].as_str().unwrap(),
        condition["reason"].as_str().unwrap()
    )
}
