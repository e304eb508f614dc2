//! A small world of objects that people edit, well and badly.

use proptest::prelude::*;
use serde_json::{Value, json};
use weir_operator::compile::Snapshot;

/// TraefikServices `a` to `f`, of which the last two are in another namespace.
const SERVICES: usize = 6;
/// IngressRoutes `r0` to `r2`.
const ROUTES: usize = 3;

/// What is written for an object; nothing: it does not exist.
type Content = Option<Value>;

/// All objects and how often each was edited.
#[derive(Clone, Debug)]
pub struct World {
    services: Vec<(Content, i64)>,
    routes: Vec<(Content, i64)>,
}

/// Which object.
#[derive(Clone, Copy, Debug)]
pub enum Object {
    Service(usize),
    Route(usize),
}

/// One object written anew.
#[derive(Clone, Debug)]
pub struct Edit {
    pub object: Object,
    pub content: Content,
}

/// Namespace and name of a TraefikService.
fn service_name(i: usize) -> (&'static str, &'static str) {
    (
        if i < 4 { "apps" } else { "other" },
        ["a", "b", "c", "d", "e", "f"][i],
    )
}

pub fn any_world() -> impl Strategy<Value = World> {
    let services = prop::collection::vec(any_service(), SERVICES);
    let routes = prop::collection::vec(any_routes(), ROUTES);
    (services, routes).prop_map(|(services, routes)| {
        let numbered = |contents: Vec<Content>| contents.into_iter().map(|content| (content, 1)).collect();
        World {
            services: numbered(services),
            routes: numbered(routes),
        }
    })
}

pub fn any_edit() -> impl Strategy<Value = Edit> {
    let service = (0..SERVICES, any_service()).prop_map(|(i, content)| Edit {
        object: Object::Service(i),
        content,
    });
    let route = (0..ROUTES, any_routes()).prop_map(|(i, content)| Edit {
        object: Object::Route(i),
        content,
    });
    prop_oneof![3 => service, 1 => route]
}

fn any_service() -> impl Strategy<Value = Content> {
    let children = || prop::collection::vec(any_reference(any_weight()), 0..4);
    let sticky = prop_oneof![Just(None), Just(Some(json!({ "cookie": {} })))];
    let weighted = (children(), sticky)
        .prop_map(|(services, sticky)| json!({ "weighted": { "services": services, "sticky": sticky } }));
    let percent =
        prop_oneof![4 => (0..=100_i64).prop_map(Value::from), 1 => Just(json!(101)), 1 => Just(json!("5"))];
    let mirrors = prop::collection::vec(any_reference(any_weight()), 0..3);
    let mirroring =
        (any_reference(Just(Value::Null)), mirrors, percent).prop_map(|(main, mirrors, percent)| {
            let mut main = main;
            main["mirrors"] = mirrors
                .into_iter()
                .map(|mut mirror| {
                    mirror["percent"] = percent.clone();
                    mirror
                })
                .collect();
            json!({ "mirroring": main })
        });
    let broken = prop::sample::select(vec![
        json!({}),
        json!({ "weighted": 5 }),
        json!({ "weighted": { "services": "a" } }),
        json!({ "failover": { "service": { "name": "s1", "port": 80 } } }),
        json!({ "weighted": { "services": [] }, "mirroring": { "name": "s1", "port": 80 } }),
    ]);
    prop_oneof![8 => weighted.prop_map(Some), 4 => mirroring.prop_map(Some), 1 => broken.prop_map(Some), 1 => Just(None)]
}

fn any_weight() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => Just(Value::Null),
        6 => (0..10_i64).prop_map(Value::from),
        1 => prop::sample::select(vec![json!(-1), json!(2_147_483_648_i64), json!("1"), json!(2_147_483_647)]),
    ]
}

/// To one of the TraefikServices, or to a Service that is there, has no endpoints, or is not there.
fn any_reference(weight: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let traefik_service = (0..SERVICES).prop_map(|i| {
        let (namespace, name) = service_name(i);
        json!({ "name": name, "namespace": namespace, "kind": "TraefikService" })
    });
    let port = prop::sample::select(vec![json!(80), json!("http"), json!(81), Value::Null]);
    let name = prop::sample::select(vec!["s1", "s1", "s2", "s3", "empty", "gone", "s1@file"]);
    let service = (name, port, any::<bool>())
        .prop_map(|(name, port, pass)| json!({ "name": name, "port": port, "passHostHeader": pass }));
    let target = prop_oneof![3 => traefik_service, 4 => service];
    (target, weight).prop_map(|(mut reference, weight)| {
        reference["weight"] = weight;
        reference
    })
}

fn any_routes() -> impl Strategy<Value = Content> {
    let rule = prop::sample::select(vec![
        "Path(`/a`)",
        "Path(`/b`)",
        "Host(`x.example.com`)",
        "path(`/a`)",
        "Pth(`/a`)",
        "Path(",
    ]);
    let services = prop::collection::vec(any_reference(any_weight()), 0..3);
    let lacking = prop::sample::select(vec![json!([]), json!([]), json!([]), json!([{ "name": "auth" }])]);
    let priority = prop::sample::select(vec![Value::Null, json!(7), json!("7")]);
    let route = (rule, services, lacking, priority).prop_map(|(rule, services, middlewares, priority)| {
        json!({ "match": rule, "services": services, "middlewares": middlewares, "priority": priority })
    });
    let routes = prop::collection::vec(route, 0..4);
    let entry_points = prop::sample::select(vec![
        json!(["web"]),
        Value::Null,
        json!(["nowhere", "web"]),
        json!("web"),
    ]);
    let tls = prop::sample::select(vec![
        Value::Null,
        Value::Null,
        json!({}),
        json!({ "secretName": "gone" }),
    ]);
    let whole = (routes, entry_points, tls).prop_map(
        |(routes, entry_points, tls)| json!({ "routes": routes, "entryPoints": entry_points, "tls": tls }),
    );
    prop_oneof![12 => whole.prop_map(Some), 1 => Just(Some(json!({ "routes": "none" }))), 1 => Just(None)]
}

impl World {
    /// Writes an object anew. One that comes back is another one.
    pub fn apply(&mut self, object: Object, content: Content) {
        let (old, edits) = match object {
            Object::Service(i) => &mut self.services[i],
            Object::Route(i) => &mut self.routes[i],
        };
        *old = content;
        *edits += 1;
    }

    /// Makes everything good: a chain of TraefikServices and routes to them.
    pub fn mend(&mut self) {
        for i in 0..SERVICES {
            let good = json!({ "weighted": { "services": [{ "name": "s1", "port": 80 }] } });
            let chained = json!({ "weighted": { "services": [
                { "name": service_name((i + 1) % 4).1, "kind": "TraefikService" }, { "name": "s2", "port": "http", "weight": 3 },
            ] } });
            self.apply(Object::Service(i), Some(if i < 3 { chained } else { good }));
        }
        for i in 0..ROUTES {
            let rule = format!("Path(`/good/{i}`)");
            let content = json!({ "routes": [{ "match": rule, "services": [{ "name": "a", "kind": "TraefikService" }] }] });
            self.apply(Object::Route(i), Some(content));
        }
    }

    /// Every object as a manifest.
    pub fn objects(&self) -> Vec<Value> {
        let object = |kind: &str, namespace: &str, name: &str, generation: i64, spec: &Value| {
            json!({ "apiVersion": "traefik.io/v1alpha1", "kind": kind, "spec": spec, "metadata": {
                "namespace": namespace, "name": name, "uid": format!("uid-{kind}-{name}"), "generation": generation } })
        };
        let mut objects = Vec::new();
        for (i, (content, edits)) in self.services.iter().enumerate() {
            let (namespace, name) = service_name(i);
            objects.extend(
                content
                    .iter()
                    .map(|spec| object("TraefikService", namespace, name, *edits, spec)),
            );
        }
        for (i, (content, edits)) in self.routes.iter().enumerate() {
            objects.extend(
                content
                    .iter()
                    .map(|spec| object("IngressRoute", "apps", &format!("r{i}"), *edits, spec)),
            );
        }
        for name in ["s1", "s2", "s3", "empty"] {
            objects.push(json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "namespace": "apps", "name": name },
                "spec": { "ports": [{ "name": "http", "port": 80 }] } }));
            if name != "empty" {
                objects.push(json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                    "metadata": { "namespace": "apps", "name": format!("{name}-1"), "labels": { "kubernetes.io/service-name": name } },
                    "ports": [{ "name": "http", "port": 8080 }], "endpoints": [{ "addresses": ["10.0.0.1", "10.0.0.2"] }] }));
            }
        }
        objects
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot::from_objects(&self.objects())
    }

    /// The same, its objects in an order that `seed` decides.
    pub fn shuffled(&self, seed: u64) -> Snapshot {
        let mut objects = self.objects();
        let mut state = seed;
        for last in (1..objects.len()).rev() {
            // Knuth's MMIX generator
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            objects.swap(last, (state >> 33) as usize % (last + 1));
        }
        Snapshot::from_objects(&objects)
    }
}
