//! From the config's graph of services to pick trees.

use std::sync::Arc;

use hashbrown::HashMap;
use weir_model::document::{
    self, Config, EndpointSet, Endpoints, NodeId, NodeSpec, Scheme, Secrets, TransportId,
};

use super::{Affinity, Checked, Endpoint, Leaf, Registry, Transport, registry::Origin};
use crate::{
    balance::{Forest, ForestBuilder, LeafIndex, Mirror, NodeIndex, StickyChild, Target},
    health::Check,
    tls::ClientTls,
    traffic::Service,
};

/// Builds the forest of what routes reach. A node is built after all that it leads to and kept for
/// its other parents; the stack is a list, so depth costs no recursion.
pub(super) struct GraphBuilder<'a> {
    checked: Vec<Checked>,
    config: &'a Config,
    endpoints: &'a Endpoints,
    registry: &'a mut Registry,
    forest: ForestBuilder,
    leaves: Vec<Arc<Leaf>>,
    secrets: &'a Secrets,
    /// By their places.
    services: Vec<Option<Arc<Service>>>,
    /// How TLS is spoken with a transport, or why it cannot be spoken.
    tls: HashMap<Option<&'a TransportId>, Result<ClientTls, Arc<str>>>,
    transports: HashMap<(Option<&'a TransportId>, Scheme), Option<Arc<Transport>>>,
    /// What came of each node; nothing: not usable, or still being built.
    built: HashMap<&'a NodeId, Option<NodeIndex>>,
}

/// What routes reach.
pub(super) struct Graph {
    /// The endpoints whose health is checked.
    pub(super) checked: Box<[Checked]>,
    pub(super) forest: Forest,
    /// By their [`LeafIndex`].
    pub(super) leaves: Box<[Arc<Leaf>]>,
    /// By their places.
    pub(super) services: Box<[Option<Arc<Service>>]>,
}

impl<'a> GraphBuilder<'a> {
    pub(super) fn new(
        config: &'a Config,
        endpoints: &'a Endpoints,
        secrets: &'a Secrets,
        registry: &'a mut Registry,
    ) -> Self {
        Self {
            checked: Vec::new(),
            config,
            endpoints,
            registry,
            forest: ForestBuilder::default(),
            leaves: Vec::new(),
            secrets,
            services: Vec::new(),
            tls: HashMap::new(),
            transports: HashMap::new(),
            built: HashMap::with_capacity(config.nodes.len()),
        }
    }

    /// The node that a route names, with all below it; none when nothing there is usable.
    pub(super) fn root(&mut self, root: &'a NodeId) -> Option<NodeIndex> {
        // each entry is looked at when it is found and again when all below it is built
        let mut open = vec![(root, false)];
        while let Some((id, below_is_built)) = open.pop() {
            let Some(node) = self.config.nodes.get(id) else {
                continue;
            };
            if below_is_built {
                let index = self.node(id, node);
                self.built.insert(id, index);
            } else if !self.built.contains_key(id) {
                // a cycle, which no valid config has, would end here as well
                self.built.insert(id, None);
                open.push((id, true));
                open.extend(
                    node.spec
                        .references()
                        .filter(|id| !self.built.contains_key(*id))
                        .map(|id| (id, false)),
                );
            }
        }
        self.built(root)
    }

    pub(super) fn finish(self) -> Graph {
        Graph {
            checked: self.checked.into(),
            forest: self.forest.finish(),
            leaves: self.leaves.into(),
            services: self.services.into(),
        }
    }

    fn built(&self, id: &NodeId) -> Option<NodeIndex> {
        self.built.get(id).copied().flatten()
    }

    fn node(&mut self, id: &NodeId, node: &'a document::Node) -> Option<NodeIndex> {
        match &node.spec {
            NodeSpec::Leaf(leaf) => {
                // also while it has no endpoints: its counts are to go on
                let service = self.service(&node.label);
                self.leaf(id, &service, leaf)
            }
            NodeSpec::Mirror(mirror) => self.mirror(&node.label, mirror),
            NodeSpec::Missing(_) => None,
            NodeSpec::Weighted(weighted) => self.weighted(id, weighted),
        }
    }

    fn weighted(&mut self, id: &NodeId, weighted: &document::Weighted) -> Option<NodeIndex> {
        let children = weighted.children.iter();
        let Some(cookie) = &weighted.sticky else {
            let children: Vec<_> = children
                .map(|child| (self.built(&child.node), child.weight))
                .collect();
            return self.forest.weighted(children);
        };
        let usable: Vec<_> = children
            .filter_map(|child| Some((child, self.built(&child.node)?)))
            .collect();
        let children: Vec<_> = usable
            .into_iter()
            .map(|(child, node)| StickyChild {
                counter: self.registry.sticky_counter(id, &child.identity),
                identity: child.identity.as_str().into(),
                node,
                weight: child.weight,
            })
            .collect();
        let counter = self.registry.sticky_counter(id, "");
        self.forest.sticky(cookie.into(), counter, &children)
    }

    fn mirror(&mut self, label: &str, mirror: &document::Mirror) -> Option<NodeIndex> {
        let common = Arc::new(Mirror {
            label: label.into(),
            max_body_size: mirror.max_body_size,
            mirror_body: mirror.mirror_body,
        });
        let targets = mirror.mirrors.iter().filter_map(|target| {
            Some(Target {
                label: self.config.nodes.get(&target.node)?.label.as_str().into(),
                mirror: Arc::clone(&common),
                node: self.built(&target.node)?,
                percent: target.percent,
            })
        });
        let targets: Vec<_> = targets.collect();
        self.forest.mirror(self.built(&mirror.main), targets)
    }

    /// What requests to a leaf are counted in.
    fn service(&mut self, name: &str) -> Arc<Service> {
        let service = self.registry.services.named(name);
        let place = service.id.place as usize;
        if self.services.len() <= place {
            self.services.resize(place + 1, None);
        }
        self.services[place] = Some(Arc::clone(&service));
        service
    }

    fn leaf(&mut self, id: &NodeId, service: &Service, settings: &'a document::Leaf) -> Option<NodeIndex> {
        let set = self.endpoints.sets.get(settings.endpoints.as_ref()?)?;
        if set.ready.is_empty() && set.terminating.is_empty() {
            return None;
        }
        let transport = self.transport(settings.transport.as_ref(), settings.scheme)?;
        let origin = Origin {
            settings,
            set,
            service: service.id,
            transport,
        };
        // the health of endpoints changes by itself
        let lasts = settings.health_check.is_none();
        let known = lasts.then(|| self.registry.leaf(id, &origin)).flatten();
        let leaf = match known {
            Some(leaf) => leaf,
            None => {
                let leaf = Arc::new(self.new_leaf(id, service, &origin)?);
                if lasts {
                    self.registry.keep_leaf(&leaf, &origin);
                }
                leaf
            }
        };
        let index = LeafIndex(self.leaves.len() as u32);
        self.leaves.push(leaf);
        Some(self.forest.leaf(index))
    }

    fn new_leaf(&mut self, id: &NodeId, service: &Service, origin: &Origin<'a>) -> Option<Leaf> {
        let Origin {
            settings,
            set: EndpointSet { ready, terminating },
            transport,
            ..
        } = origin;
        let label = Arc::clone(&service.name);
        let mut known = |addresses: &[_]| self.registry.endpoints(addresses, settings.scheme, transport);
        let (mut ready, mut terminating) = (known(ready), known(terminating));
        if let Some(check) = self.check(settings) {
            ready.retain(|endpoint| self.is_healthy(endpoint, &check, &label));
            terminating.retain(|endpoint| self.is_healthy(endpoint, &check, &label));
        }
        let affinity = settings.sticky.as_ref().map(|cookie| {
            let named = [ready.as_slice(), terminating.as_slice()].concat();
            let counter = self.registry.sticky_counter(id, "");
            Box::new(Affinity::new(cookie.into(), counter, named.into()))
        });
        let endpoints = if ready.is_empty() { terminating } else { ready };
        (!endpoints.is_empty()).then(|| Leaf {
            affinity,
            endpoints: endpoints.into(),
            flush: settings.flush_interval.into(),
            id: id.clone(),
            label,
            pass_host_header: settings.pass_host_header,
            scheme: settings.scheme,
            service: service.id,
            transport: Arc::clone(transport),
        })
    }

    /// How a leaf's endpoints are probed.
    fn check(&mut self, leaf: &'a document::Leaf) -> Option<Arc<Check>> {
        let settings = leaf.health_check.as_ref()?;
        let id = leaf.transport.as_ref();
        let transport = id.and_then(|id| self.config.transports.get(id));
        let check = Check::new(settings, leaf.scheme, transport, || self.tls(id));
        Some(Arc::new(check))
    }

    /// Whether an endpoint takes part. Unhealthy ones are remembered as well, as they are to come back.
    fn is_healthy(&mut self, endpoint: &Arc<Endpoint>, check: &Arc<Check>, service: &Arc<str>) -> bool {
        let health = self.registry.health(&check.address(&endpoint.address), check);
        let healthy = health.is_up();
        self.checked.push(Checked {
            endpoint: Arc::clone(endpoint),
            health,
            service: Arc::clone(service),
        });
        healthy
    }

    /// None where it cannot be used as it is written: its services are passed over, as nobody is to be reached in a way that
    /// nobody asked for.
    fn transport(&mut self, id: Option<&'a TransportId>, scheme: Scheme) -> Option<Arc<Transport>> {
        if let Some(known) = self.transports.get(&(id, scheme)) {
            return known.clone();
        }
        let settings = id.and_then(|id| self.config.transports.get(id));
        let transport = match Transport::new(settings, scheme, || self.tls(id)) {
            Ok(transport) => Some(Arc::new(transport)),
            Err(error) => {
                let transport = id.map_or("the default one", TransportId::as_str);
                tracing::warn!(transport, %error, "services with this ServersTransport are passed over");
                None
            }
        };
        self.transports.insert((id, scheme), transport.clone());
        transport
    }

    fn tls(&mut self, id: Option<&'a TransportId>) -> Result<ClientTls, Arc<str>> {
        let settings = id.and_then(|id| self.config.transports.get(id));
        let (store, secrets) = (&mut self.registry.client_tls, self.secrets);
        let read = || {
            let made = store.get(settings, secrets);
            made.map_err(|error| error.to_string().into())
        };
        self.tls.entry(id).or_insert_with(read).clone()
    }
}
