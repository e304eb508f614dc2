//! The service graph as written, with what becomes of requests on their way through it.
//!
//! The nodes and edges are those of the manifests, so that what is refused, missing or a cycle is there
//! too. The shares are those of what is served: a reference that leads nowhere gets nothing and its
//! siblings share, as in the proxy.

mod below;
mod build;
mod flow;
mod reasons;
mod share;
mod usable;

use weir_model::{
    document::{Mode, Port, Scheme},
    name::NamespacedName,
    weight::Percent,
};

pub use self::below::BelowError;
use super::{Compilation, Options, Snapshot, finding::Code};

/// The graph. Nothing is in it twice, whatever refers to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// Sorted by id.
    pub nodes: Vec<Node>,
    /// Sorted by where they start; from one node on in the order of the manifest.
    pub edges: Vec<Edge>,
    /// Where requests come from, ascending indices of nodes: the routes, and the TraefikServices that
    /// nothing refers to.
    pub roots: Vec<usize>,
}

/// A node of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// `ir/apps/web/1f0c…`, `ts/apps/wrr1`, `svc/apps/svc1:80`; distinct.
    pub id: String,
    /// What it is.
    pub kind: NodeKind,
    /// The object, of a route its IngressRoute.
    pub name: NamespacedName,
    /// What becomes of it.
    pub state: State,
    /// Why it is not served as written.
    pub problems: Vec<Problem>,
    /// Endpoints of a Service that could serve, where that is known.
    pub endpoints: Option<usize>,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A route of an IngressRoute.
    Route {
        /// Its place among the routes there.
        position: usize,
        /// Whether the IngressRoute has others.
        several: bool,
        /// Its rule, as written.
        rule: String,
    },
    /// A port of a Service.
    Service {
        /// The port, as written.
        port: Option<Port>,
        /// Which addresses stand for the Service.
        mode: Mode,
        /// The scheme: as written, else as it was found out, if it was.
        scheme: Option<Scheme>,
    },
    /// A TraefikService.
    TraefikService {
        /// Whether it mirrors; else it is weighted, or not known.
        mirroring: bool,
    },
}

/// What becomes of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Served as written; of a Service: nothing speaks against it.
    Served,
    /// It is refused, and what was accepted before is served: this generation, 0 where that has no number.
    LastGood(i64),
    /// It gets no requests, or answers them with 503.
    Refused,
    /// Named by a reference, and not there.
    Missing,
    /// A Service without an endpoint that could serve.
    NoEndpoints,
}

/// Why something is not as it was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What it is about.
    pub code: Code,
    /// One sentence.
    pub message: String,
}

/// A reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// Index of the node that refers.
    pub from: usize,
    /// Index of the node that is referred to.
    pub to: usize,
    /// What the reference is for.
    pub role: Role,
    /// Whether it is part of a cycle.
    pub cycle: bool,
    /// Whether it is passed over, since no request can take this way.
    pub skipped: bool,
    /// The part (0 to 1) of the referring node's requests that goes this way, of a mirror as copies;
    /// nothing where that node is not served as written.
    pub share: Option<f64>,
    /// The part of each root's requests that goes this way; nothing inside cycles and where no root's
    /// requests are known to arrive.
    pub effective: Option<Effective>,
    /// What is wrong with the reference itself, rather than with what it leads to.
    pub problems: Vec<Problem>,
}

/// What a reference is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A route's only service.
    Route,
    /// One of several services.
    Weighted {
        /// Its weight.
        weight: u32,
        /// The sum of the weights that count; nothing where the referring node is not served as written.
        of: Option<u64>,
    },
    /// The service that answers, of a TraefikService that mirrors.
    Main,
    /// A service that gets copies.
    Mirror(Percent),
}

/// The part of the roots' requests that takes an edge.
#[derive(Clone, Debug, PartialEq)]
pub enum Effective {
    /// Root by root (indices of nodes, ascending).
    Roots(Vec<(usize, Amount)>),
    /// Of every root that gets here, when there are many.
    Bounds {
        /// Not less than this.
        least: Amount,
        /// Not more than this.
        most: Amount,
    },
}

/// Requests and copies, as parts (1 is all) of a root's requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Amount {
    /// Requests that are answered by way of this edge.
    pub requests: f64,
    /// Copies, whose responses nobody sees.
    pub copies: f64,
}

/// The graph of all objects in `snapshot`, which `compilation` was made of with the same options.
pub fn view(snapshot: &Snapshot, options: &Options, compilation: &Compilation) -> View {
    let mut view = build::build(snapshot, options, compilation);
    view.roots = view.unreferred();
    flow::fill_in(&mut view);
    view
}

impl View {
    /// The routes, and the TraefikServices that nothing refers to.
    fn unreferred(&self) -> Vec<usize> {
        let mut referred = vec![false; self.nodes.len()];
        self.edges.iter().for_each(|edge| referred[edge.to] = true);
        (0..self.nodes.len()).filter(|i| !referred[*i]).collect()
    }

    /// The index of each node's first edge, and one past the last edge: `edges[first[i]..first[i + 1]]`.
    fn first_edges(&self) -> Vec<usize> {
        let mut first = vec![0; self.nodes.len() + 1];
        for edge in &self.edges {
            first[edge.from + 1] += 1;
        }
        for i in 1..first.len() {
            first[i] += first[i - 1];
        }
        first
    }
}

impl Node {
    /// A short name for people: `apps/web`, `apps/web[1]` of several routes, `apps/svc1:80`.
    pub fn title(&self) -> String {
        match &self.kind {
            NodeKind::Route {
                position,
                several: true,
                ..
            } => format!("{}[{position}]", self.name),
            NodeKind::Service { port: Some(port), .. } => format!("{}:{port}", self.name),
            NodeKind::Route { .. } | NodeKind::Service { .. } | NodeKind::TraefikService { .. } => {
                self.name.to_string()
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
