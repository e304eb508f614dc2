//! All that requests are served from, at one moment.

use std::sync::Arc;

use weir_model::document::{Config, Endpoints, NodeId, RouteId, Secrets, Target};

use super::{
    Checked, Leaf, Registry, Routing,
    graph::{Graph, GraphBuilder},
};
use crate::{
    balance::{Counter, Forest, LeafIndex, NodeIndex},
    router::RequestView,
    tls::Certificates,
    traffic::{Service, ServiceId},
};

/// All that requests are served from, at one moment. Immutable. The default one has no routes.
#[derive(Debug, Default)]
pub struct Snapshot {
    certificates: Arc<Certificates>,
    checked: Box<[Checked]>,
    forest: Forest,
    leaves: Box<[Arc<Leaf>]>,
    /// In the order of their ids, as [`Routing`] counts them.
    routes: Box<[Arc<Route>]>,
    routing: Arc<Routing>,
    services: Box<[Option<Arc<Service>>]>,
}

/// Who answers the requests that a rule matches.
#[derive(Debug)]
pub struct Route {
    /// The number of the next request, for [`Forest::pick`].
    pub counter: Arc<Counter>,
    /// The route's id in the config.
    pub id: RouteId,
    /// Traefik's router name, for metrics.
    pub label: Arc<str>,
    /// Where picks start, in the snapshot's forest; none: 503, as nothing there is usable.
    pub target: Option<NodeIndex>,
    /// Why nobody answers, when the operator could not serve the route as it is written: 503 as well.
    pub unavailable: Option<Box<str>>,
}

impl Snapshot {
    /// From a config that [`weir_model::document::validate`] has passed, its routing, and endpoints of which
    /// some may be absent, as may secrets: what needs these is not reached.
    pub fn build(
        config: &Config,
        routing: Arc<Routing>,
        endpoints: &Endpoints,
        secrets: &Secrets,
        registry: &mut Registry,
    ) -> Self {
        let counters: Vec<_> = config.routes.keys().map(|id| registry.counter(id)).collect();
        let mut graph = GraphBuilder::new(config, endpoints, secrets, registry);
        let routes = config.routes.iter().zip(counters).map(|((id, route), counter)| {
            let (target, unavailable) = match &route.target {
                Target::Node(node) => (graph.root(node), None),
                Target::Unavailable(reason) => (None, Some(reason.as_str().into())),
            };
            let (id, label) = (id.clone(), route.label.as_str().into());
            Arc::new(Route {
                counter,
                id,
                label,
                target,
                unavailable,
            })
        });
        let routes = routes.collect();
        let Graph {
            checked,
            forest,
            leaves,
            services,
        } = graph.finish();
        Self {
            certificates: registry.certificates.update(config, secrets),
            checked,
            forest,
            leaves,
            routes,
            routing,
            services,
        }
    }

    /// The route that answers a request at an entry point, by that one's place in the process's list; and the route's
    /// place in [`Snapshot::routes`].
    pub fn route(&self, entry_point: usize, request: &RequestView<'_>) -> Option<(usize, &Arc<Route>)> {
        let place = self.routing.find(entry_point, request)?;
        Some((place, self.routes.get(place)?))
    }

    /// The route with an id.
    pub fn route_of(&self, id: &RouteId) -> Option<&Arc<Route>> {
        let place = self.routes.binary_search_by(|route| route.id.cmp(id)).ok()?;
        self.routes.get(place)
    }

    /// What clients are shown that speak TLS.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// Where requests are picked.
    #[inline]
    pub fn forest(&self) -> &Forest {
        &self.forest
    }

    /// The leaf of a pick from [`Snapshot::forest`].
    #[inline]
    pub fn leaf(&self, index: LeafIndex) -> &Arc<Leaf> {
        &self.leaves[index.0 as usize]
    }

    /// The leaf of a node, if it has endpoints. Looks at all of them.
    pub fn leaf_of(&self, id: &NodeId) -> Option<&Arc<Leaf>> {
        self.leaves.iter().find(|leaf| leaf.id == *id)
    }

    /// All leaves that routes reach.
    pub fn leaves(&self) -> &[Arc<Leaf>] {
        &self.leaves
    }

    /// What requests to a service are counted in; none: it is no service any more.
    #[inline]
    pub fn service(&self, id: ServiceId) -> Option<&Service> {
        let service = self.services.get(id.place as usize)?.as_deref()?;
        (service.id == id).then_some(service)
    }

    /// All services that routes lead to.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().flatten().map(AsRef::as_ref)
    }

    /// The endpoints whose health is checked, healthy or not, of all leaves that routes reach.
    pub fn checked(&self) -> &[Checked] {
        &self.checked
    }

    /// All routes, in the order of their ids.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }
}
