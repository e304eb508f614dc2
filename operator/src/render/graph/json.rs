//! The graph as one JSON document.
//!
//! ```json
//! { "nodes": [
//!     { "id": "ir/apps/web/1f0c…", "kind": "Route", "namespace": "apps", "name": "web",
//!       "position": 0, "rule": "Host(`a`)", "state": "Served", "problems": [] },
//!     { "id": "svc/apps/svc1:80", "kind": "Service", "namespace": "apps", "name": "svc1",
//!       "port": 80, "mode": "endpoints", "scheme": "http", "state": "Served", "endpoints": 2, "problems": [] },
//!     { "id": "ts/apps/wrr1", "kind": "TraefikService", "namespace": "apps", "name": "wrr1",
//!       "mirroring": false, "state": "LastGood", "generation": 3,
//!       "problems": [{ "code": "WEIR0007", "reason": "InvalidPercent", "message": "…" }] } ],
//!   "edges": [
//!     { "from": "ir/apps/web/1f0c…", "to": "ts/apps/wrr1", "role": "Route",
//!       "cycle": false, "skipped": false, "share": 1.0,
//!       "effective": [{ "root": "ir/apps/web/1f0c…", "requests": 1.0, "copies": 0.0 }], "problems": [] } ],
//!   "roots": ["ir/apps/web/1f0c…"] }
//! ```
//!
//! `state` is one of `Served`, `LastGood` (with `generation`), `Refused`, `Missing`, `NoEndpoints`; `role`
//! one of `Route`, `Weighted` (with `weight`), `Main`, `Mirror` (with `percent`). Shares are parts of 1 with
//! 12 digits. `share` is missing where the node that refers is not served as written, `effective` inside cycles and
//! where no root's requests are known to arrive. An edge that gets requests of many roots has
//! `"bounds": { "requests": [0.25, 0.5], "copies": [0.0, 0.0] }`, which hold for each of them, in place of
//! `effective`. Keys come in this order; what is not known, or has no meaning there, is left out.

use std::io;

use serde::Serialize;
use weir_model::document::{Mode, Port};

use crate::{
    compile::view::{self, Effective, NodeKind, Role, State, View},
    render::write_json,
};

#[derive(Serialize)]
struct Document<'a> {
    nodes: Vec<Node<'a>>,
    edges: Vec<Edge<'a>>,
    roots: Vec<&'a str>,
}

#[derive(Default, Serialize)]
struct Node<'a> {
    id: &'a str,
    kind: &'static str,
    namespace: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<&'a Port>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mirroring: Option<bool>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoints: Option<usize>,
    problems: Vec<Problem<'a>>,
}

#[derive(Serialize)]
struct Problem<'a> {
    code: String,
    reason: &'static str,
    message: &'a str,
}

#[derive(Serialize)]
struct Edge<'a> {
    from: &'a str,
    to: &'a str,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<u8>,
    cycle: bool,
    skipped: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective: Option<Vec<OfRoot<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bounds: Option<Bounds>,
    problems: Vec<Problem<'a>>,
}

#[derive(Serialize)]
struct OfRoot<'a> {
    root: &'a str,
    requests: f64,
    copies: f64,
}

#[derive(Serialize)]
struct Bounds {
    requests: [f64; 2],
    copies: [f64; 2],
}

/// Writes the document, indented, with a line break at the end.
pub fn write(out: &mut dyn io::Write, view: &View) -> io::Result<()> {
    let id = |i: usize| view.nodes[i].id.as_str();
    let document = Document {
        nodes: view.nodes.iter().map(node).collect(),
        edges: view.edges.iter().map(|edge| self::edge(edge, id)).collect(),
        roots: view.roots.iter().map(|root| id(*root)).collect(),
    };
    write_json(out, &document)
}

fn node(node: &view::Node) -> Node<'_> {
    let (state, generation) = match node.state {
        State::Served => ("Served", None),
        State::LastGood(generation) => ("LastGood", Some(generation)),
        State::Refused => ("Refused", None),
        State::Missing => ("Missing", None),
        State::NoEndpoints => ("NoEndpoints", None),
    };
    let common = Node {
        id: &node.id,
        namespace: &node.name.namespace,
        name: &node.name.name,
        state,
        generation,
        endpoints: node.endpoints,
        problems: problems(&node.problems),
        ..Node::default()
    };
    match &node.kind {
        NodeKind::Route { position, rule, .. } => Node {
            kind: "Route",
            position: Some(*position),
            rule: Some(rule),
            ..common
        },
        NodeKind::Service { port, mode, scheme } => Node {
            kind: "Service",
            port: port.as_ref(),
            mode: Some(*mode),
            scheme: scheme.map(weir_model::document::Scheme::as_str),
            ..common
        },
        NodeKind::TraefikService { mirroring } => Node {
            kind: "TraefikService",
            mirroring: Some(*mirroring),
            ..common
        },
    }
}

fn edge<'a>(edge: &'a view::Edge, id: impl Fn(usize) -> &'a str) -> Edge<'a> {
    let (role, weight, percent) = match edge.role {
        Role::Route => ("Route", None, None),
        Role::Weighted { weight, .. } => ("Weighted", Some(weight), None),
        Role::Main => ("Main", None, None),
        Role::Mirror(percent) => ("Mirror", None, Some(percent.get())),
    };
    let (effective, bounds) = match &edge.effective {
        Some(Effective::Roots(roots)) => {
            let roots = roots.iter().map(|(root, amount)| OfRoot {
                root: id(*root),
                requests: rounded(amount.requests),
                copies: rounded(amount.copies),
            });
            (Some(roots.collect()), None)
        }
        Some(Effective::Bounds { least, most }) => {
            let bounds = Bounds {
                requests: [rounded(least.requests), rounded(most.requests)],
                copies: [rounded(least.copies), rounded(most.copies)],
            };
            (None, Some(bounds))
        }
        None => (None, None),
    };
    Edge {
        from: id(edge.from),
        to: id(edge.to),
        role,
        weight,
        percent,
        cycle: edge.cycle,
        skipped: edge.skipped,
        share: edge.share.map(rounded),
        effective,
        bounds,
        problems: problems(&edge.problems),
    }
}

fn problems(problems: &[view::Problem]) -> Vec<Problem<'_>> {
    problems
        .iter()
        .map(|problem| Problem {
            code: problem.code.id(),
            reason: problem.code.reason(),
            message: &problem.message,
        })
        .collect()
}

/// To 12 digits, so that the order of additions does not show.
fn rounded(part: f64) -> f64 {
    format!("{part:.11e}").parse().unwrap_or(part)
}
