//! Documents for tests, in few words.

use weir_model::{
    document::{
        Address, Child, Config, EndpointSetId, Endpoints, HealthCheck, Leaf, Mirror, MirrorTarget, Missing,
        Mode, Node, NodeId, NodeSpec, Port, Route, RouteId, Scheme, ServiceReference, Source, SourceKind,
        Target, Weighted,
    },
    duration::GoDuration,
    name::NamespacedName,
    rule::Matcher,
};

/// A config and the endpoints for it. Nodes go by their plain names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fixture {
    pub(crate) config: Config,
    pub(crate) endpoints: Endpoints,
}

impl Fixture {
    /// A leaf whose endpoint set is absent.
    pub(crate) fn leaf_without_set(self, name: &str) -> Self {
        let leaf = Leaf {
            endpoints: Some(set_id(name)),
            flush_interval: GoDuration::from_millis(100),
            health_check: None,
            pass_host_header: true,
            reference: ServiceReference {
                mode: Mode::Endpoints,
                name: name.into(),
                namespace: "apps".into(),
                port: Some(Port::Number(80)),
                scheme: None,
                transport: None,
            },
            scheme: Scheme::Http,
            sticky: None,
            transport: None,
        };
        self.node(name, NodeSpec::Leaf(leaf.into()))
    }

    /// A leaf with ready endpoints.
    pub(crate) fn leaf(self, name: &str, ready: &[&str]) -> Self {
        self.leaf_without_set(name).set(name, ready, &[])
    }

    /// Has a leaf's endpoints checked.
    pub(crate) fn check(mut self, name: &str, check: HealthCheck) -> Self {
        match self
            .config
            .nodes
            .get_mut(&node_id(name))
            .map(|node| &mut node.spec)
        {
            Some(NodeSpec::Leaf(leaf)) => leaf.health_check = Some(check),
            other => panic!("{name} is no leaf: {other:?}"),
        }
        self
    }

    /// The endpoint set of a leaf.
    pub(crate) fn set(mut self, name: &str, ready: &[&str], terminating: &[&str]) -> Self {
        let addresses =
            |texts: &[&str]| -> Vec<Address> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        let set = self.endpoints.sets.entry(set_id(name)).or_default();
        (set.ready, set.terminating) = (addresses(ready), addresses(terminating));
        self
    }

    pub(crate) fn weighted(self, name: &str, children: &[(&str, i64)]) -> Self {
        let child = |(place, (name, weight)): (usize, &(&str, i64))| Child {
            identity: format!("{name}-{place}"),
            node: node_id(name),
            weight: (*weight).try_into().unwrap(),
        };
        let children = children.iter().enumerate().map(child).collect();
        self.node(
            name,
            NodeSpec::Weighted(Weighted {
                children,
                sticky: None,
            }),
        )
    }

    pub(crate) fn mirror(self, name: &str, main: &str, targets: &[(&str, i64)]) -> Self {
        let target = |(name, percent): &(&str, i64)| MirrorTarget {
            node: node_id(name),
            percent: (*percent).try_into().unwrap(),
        };
        let mirror = Mirror {
            main: node_id(main),
            max_body_size: Some(10),
            mirror_body: true,
            mirrors: targets.iter().map(target).collect(),
        };
        self.node(name, NodeSpec::Mirror(mirror))
    }

    pub(crate) fn missing(self, name: &str) -> Self {
        self.node(
            name,
            NodeSpec::Missing(Missing {
                name: name.into(),
                namespace: "apps".into(),
            }),
        )
    }

    /// A route for a host, on the entry point `web`.
    pub(crate) fn route(self, host: &str, node: &str) -> Self {
        self.route_to(host, Target::Node(node_id(node)))
    }

    pub(crate) fn route_to(mut self, host: &str, target: Target) -> Self {
        let route = Route {
            created: String::new(),
            entry_points: vec!["web".into()],
            label: format!("apps-web-{host}@kubernetescrd"),
            matcher: Matcher::host(host).unwrap(),
            position: 0,
            priority: 0,
            revision: 1,
            rule_length: 10,
            source: source(SourceKind::IngressRoute, "web"),
            target,
            tls: None,
        };
        self.config.routes.insert(route_id(host), route);
        self
    }

    fn node(mut self, name: &str, spec: NodeSpec) -> Self {
        let label = format!("apps-{name}-80@kubernetescrd");
        let source = source(SourceKind::TraefikService, name);
        self.config.nodes.insert(
            node_id(name),
            Node {
                label,
                revision: 1,
                source,
                spec,
            },
        );
        self
    }
}

pub(crate) fn node_id(name: &str) -> NodeId {
    NodeId::traefik_service(&NamespacedName::new("apps", name))
}

pub(crate) fn route_id(host: &str) -> RouteId {
    RouteId::new(&NamespacedName::new("apps", "web"), host)
}

fn set_id(name: &str) -> EndpointSetId {
    EndpointSetId::new(&NamespacedName::new("apps", name), 80, "")
}

fn source(kind: SourceKind, name: &str) -> Source {
    Source {
        generation: 1,
        kind,
        name: name.into(),
        namespace: "apps".into(),
        uid: String::new(),
    }
}
