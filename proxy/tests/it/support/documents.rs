//! The documents that a proxy under test serves.

use std::{net::SocketAddr, path::Path};

use weir_model::{
    document::{
        Child, Config, EndpointSet, EndpointSetId, Endpoints, Leaf, Mirror, MirrorTarget, Mode, Node, NodeId,
        NodeSpec, Route, RouteId, RouteTls, Scheme, SecretEntry, SecretId, Secrets, ServiceReference, Source,
        SourceKind, StickyCookie, Target, Transport, TransportId, Weighted,
        text::{self, Document},
    },
    duration::GoDuration,
    name::NamespacedName,
    rule::Matcher,
    weight::{Percent, Weight},
};

/// A cookie with a name, and the defaults of everything else.
pub fn sticky_cookie(name: &str) -> StickyCookie {
    StickyCookie {
        domain: None,
        http_only: false,
        max_age: 0,
        name: name.to_owned(),
        path: Some("/".to_owned()),
        same_site: None,
        secure: false,
    }
}

/// The documents, built up by names. Each change raises the config's revision.
#[derive(Clone, Default)]
pub struct Documents {
    pub config: Config,
    pub endpoints: Endpoints,
    pub secrets: Secrets,
}

impl Documents {
    /// One service behind every path.
    pub fn one(address: SocketAddr) -> Self {
        Self::default().service("main", &[address]).route("/", "main")
    }

    /// A service that leads to addresses.
    pub fn service(self, name: &str, addresses: &[SocketAddr]) -> Self {
        self.service_with(name, addresses, |_| {})
    }

    /// The same, with something else about it.
    pub fn service_with(
        mut self,
        name: &str,
        addresses: &[SocketAddr],
        change: impl FnOnce(&mut Leaf),
    ) -> Self {
        let namespaced = NamespacedName::new("apps", name);
        let set = EndpointSetId::new(&namespaced, 80, "");
        let ready = addresses
            .iter()
            .map(|address| address.to_string().parse().unwrap())
            .collect();
        self.endpoints.sets.insert(
            set.clone(),
            EndpointSet {
                ready,
                terminating: Vec::new(),
            },
        );
        let mut leaf = Leaf {
            endpoints: Some(set),
            flush_interval: GoDuration::from_millis(100),
            health_check: None,
            pass_host_header: true,
            reference: ServiceReference {
                mode: Mode::Endpoints,
                name: name.to_owned(),
                namespace: "apps".to_owned(),
                port: None,
                scheme: None,
                transport: None,
            },
            scheme: Scheme::Http,
            sticky: None,
            transport: None,
        };
        change(&mut leaf);
        self.node(name, NodeSpec::Leaf(Box::new(leaf)))
    }

    /// An address in place of all of a service's.
    pub fn address(mut self, name: &str, address: &str) -> Self {
        let set = EndpointSetId::new(&NamespacedName::new("apps", name), 80, "");
        let ready = vec![address.parse().unwrap()];
        self.endpoints.sets.insert(
            set,
            EndpointSet {
                ready,
                terminating: Vec::new(),
            },
        );
        self
    }

    /// A choice by weight.
    pub fn weighted(self, name: &str, children: &[(&str, i64)]) -> Self {
        self.weighted_with(name, children, None)
    }

    /// The same, where a cookie may choose.
    pub fn sticky(self, name: &str, children: &[(&str, i64)], cookie: &str) -> Self {
        self.weighted_with(name, children, Some(sticky_cookie(cookie)))
    }

    fn weighted_with(self, name: &str, children: &[(&str, i64)], sticky: Option<StickyCookie>) -> Self {
        let child = |(child, weight): &(&str, i64)| Child {
            identity: (*child).to_owned(),
            node: node_id(child),
            weight: Weight::try_from(*weight).unwrap(),
        };
        let children = children.iter().map(child).collect();
        self.node(name, NodeSpec::Weighted(Weighted { children, sticky }))
    }

    /// A main service and mirrors with their percentages.
    pub fn mirror(self, name: &str, main: &str, mirrors: &[(&str, i64)]) -> Self {
        self.mirror_with(name, main, mirrors, |_| {})
    }

    /// The same, with something else about it.
    pub fn mirror_with(
        self,
        name: &str,
        main: &str,
        mirrors: &[(&str, i64)],
        change: impl FnOnce(&mut Mirror),
    ) -> Self {
        let target = |(mirror, percent): &(&str, i64)| MirrorTarget {
            node: node_id(mirror),
            percent: Percent::try_from(*percent).unwrap(),
        };
        let mirrors = mirrors.iter().map(target).collect();
        let mut mirror = Mirror {
            main: node_id(main),
            max_body_size: None,
            mirror_body: true,
            mirrors,
        };
        change(&mut mirror);
        self.node(name, NodeSpec::Mirror(mirror))
    }

    /// A route by path prefix.
    pub fn route(self, prefix: &str, target: &str) -> Self {
        self.route_to(prefix, Target::Node(node_id(target)))
    }

    /// A route by path prefix to anything.
    pub fn route_to(mut self, prefix: &str, target: Target) -> Self {
        let id = RouteId::new(&NamespacedName::new("apps", "routes"), prefix);
        let route = Route {
            created: String::new(),
            entry_points: vec!["web".to_owned()],
            label: format!("apps-routes-{}@kubernetescrd", prefix.len()),
            matcher: Matcher::path_prefix(prefix).unwrap(),
            position: 0,
            priority: 0,
            revision: 1,
            rule_length: prefix.len() as u32,
            source: source(SourceKind::IngressRoute, "routes"),
            target,
            tls: None,
        };
        self.config.routes.insert(id, route);
        self.raised()
    }

    /// A certificate for a route, by its path prefix; none: the default one.
    pub fn tls(mut self, prefix: &str, secret: Option<&str>) -> Self {
        let id = RouteId::new(&NamespacedName::new("apps", "routes"), prefix);
        self.config.routes.get_mut(&id).unwrap().tls = Some(RouteTls {
            certificate: secret.map(secret_id),
            secret: secret.map(str::to_owned),
        });
        self.raised()
    }

    /// How a service's connections are made.
    pub fn transport(mut self, service: &str, change: impl FnOnce(&mut Transport)) -> Self {
        let id = TransportId::new(&NamespacedName::new("apps", service));
        let seconds = GoDuration::from_secs;
        let mut transport = Transport {
            certificates: Vec::new(),
            cipher_suites: Vec::new(),
            dial_timeout: seconds(30),
            disable_http2: false,
            idle_conn_timeout: seconds(90),
            insecure_skip_verify: false,
            max_idle_conns_per_host: None,
            max_version: None,
            min_version: None,
            peer_cert_sans: Vec::new(),
            ping_timeout: seconds(15),
            read_idle_timeout: seconds(0),
            response_header_timeout: seconds(0),
            revision: 1,
            root_cas: Vec::new(),
            server_name: None,
            source: source(SourceKind::ServersTransport, service),
        };
        change(&mut transport);
        self.config.transports.insert(id.clone(), transport);
        match self
            .config
            .nodes
            .get_mut(&node_id(service))
            .map(|node| &mut node.spec)
        {
            Some(NodeSpec::Leaf(leaf)) => leaf.transport = Some(id),
            other => panic!("{service} is no service: {other:?}"),
        }
        self.raised()
    }

    /// Key material.
    pub fn secret(mut self, name: &str, entry: SecretEntry) -> Self {
        self.secrets.entries.insert(secret_id(name), entry);
        self.raised()
    }

    fn node(mut self, name: &str, spec: NodeSpec) -> Self {
        let node = Node {
            label: format!("apps-{name}@kubernetescrd"),
            revision: 1,
            source: source(SourceKind::TraefikService, name),
            spec,
        };
        self.config.nodes.insert(node_id(name), node);
        self.raised()
    }

    fn raised(mut self) -> Self {
        self.config.revision += 1;
        self
    }

    /// Writes the documents, each in one step.
    pub fn write(&self, dir: &Path) {
        write(dir, &self.endpoints);
        write(dir, &self.secrets);
        // the last, as its revision tells that all were loaded
        write(dir, &self.config);
    }
}

fn write<D: Document>(dir: &Path, document: &D) {
    let temporary = dir.join(format!(".{}", D::STEM));
    std::fs::write(&temporary, text::write(document).unwrap().0).unwrap();
    std::fs::rename(temporary, dir.join(format!("{}.json", D::STEM))).unwrap();
}

/// Of a Secret with a name.
pub fn secret_id(name: &str) -> SecretId {
    SecretId::secret(&NamespacedName::new("apps", name))
}

fn node_id(name: &str) -> NodeId {
    NodeId::traefik_service(&NamespacedName::new("apps", name))
}

fn source(kind: SourceKind, name: &str) -> Source {
    Source {
        generation: 1,
        kind,
        name: name.to_owned(),
        namespace: "apps".to_owned(),
        uid: String::new(),
    }
}
