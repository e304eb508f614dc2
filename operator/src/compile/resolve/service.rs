//! From a reference to the port of a Service to an endpoint set and a scheme.

use weir_model::{
    document::{Address, EndpointSet, EndpointSetId, Host, Mode, Port, Scheme, ServiceReference},
    name::NamespacedName,
};

use super::{Code, Problem, Resolver, endpoints, suggestion};
use crate::compile::input::{Service, ServicePort, ServiceType};

/// What a reference to a Service leads to.
pub(super) struct Target {
    pub set: EndpointSetId,
    pub scheme: Scheme,
}

impl Resolver<'_> {
    /// Follows a reference to the Service `name`; nothing when it leads nowhere.
    pub(super) fn service(
        &mut self,
        name: &NamespacedName,
        reference: &ServiceReference,
        problems: &mut Vec<Problem>,
    ) -> Option<Target> {
        let service = match self.snapshot.services.get(name) {
            Some(Ok(service)) => service.clone(),
            Some(Err(_)) => {
                let message = format!("Service {name} cannot be read");
                problems.push(Problem::new(Code::DependencyInvalid, "name", message, None));
                return None;
            }
            None => {
                problems.push(self.no_service(name));
                return None;
            }
        };
        self.target(name, &service, reference, problems)
    }

    fn no_service(&mut self, name: &NamespacedName) -> Problem {
        let help = if self.served.contains_key(name) {
            Some("a TraefikService of this name exists: write `kind: TraefikService`".to_owned())
        } else {
            suggestion(&mut self.suggestions, name, self.snapshot.services.keys())
        };
        Problem::new(
            Code::BackendNotFound,
            "name",
            format!("Service {name} does not exist"),
            help,
        )
    }

    fn target(
        &mut self,
        name: &NamespacedName,
        service: &Service,
        reference: &ServiceReference,
        problems: &mut Vec<Problem>,
    ) -> Option<Target> {
        let external = service.service_type == ServiceType::ExternalName;
        if external && !self.options.allow_external_name {
            problems.push(Problem::new(
                Code::ExternalNameNotAllowed,
                "name",
                format!("Service {name} is of type ExternalName, and these are off"),
                "the chart's value allowExternalName (option --allow-external-name) turns them on".to_owned(),
            ));
            return None;
        }
        let port = find_port(name, service, reference.port.as_ref(), external)
            .map_err(|p| problems.push(p))
            .ok()?;
        let https = port.port == 443 || port.name.contains("https");
        let scheme = reference
            .scheme
            .unwrap_or(if https { Scheme::Https } else { Scheme::Http });
        let (suffix, built) = if external {
            ("", external_name(name, service, &port))
        } else {
            match reference.mode {
                Mode::ClusterIp => ("/cluster-ip", cluster_ip(name, service, &port)),
                Mode::NodePort if service.service_type == ServiceType::NodePort => {
                    ("/node-port", self.node_port(name, &port))
                }
                mode => {
                    if mode == Mode::NodePort {
                        problems.push(no_node_port(name));
                    }
                    let id = EndpointSetId::new(name, port.port, "");
                    if !self.sets.contains_key(&id) {
                        let slices = self.snapshot.endpoint_slices.get(name);
                        self.sets
                            .insert(id.clone(), endpoints::collect(slices, &port.name));
                    }
                    let empty = self
                        .sets
                        .get(&id)
                        .is_none_or(|s| s.ready.is_empty() && s.terminating.is_empty());
                    if empty && self.snapshot.endpoints_known {
                        problems.push(no_endpoints(name, &port));
                    }
                    return Some(Target { set: id, scheme });
                }
            }
        };
        let set = built.map_err(|problem| problems.push(problem)).ok()?;
        let id = EndpointSetId::new(name, port.port, suffix);
        self.sets.insert(id.clone(), set);
        Some(Target { set: id, scheme })
    }

    /// Every node's internal addresses at the node port, sorted.
    fn node_port(&self, name: &NamespacedName, port: &ServicePort) -> Result<EndpointSet, Problem> {
        let hosts = self.snapshot.nodes.values().flat_map(|node| &node.internal_ips);
        let mut ready: Vec<Address> = hosts
            .filter_map(|host| {
                Some(Address {
                    host: host.parse().ok()?,
                    port: port.node_port,
                })
            })
            .filter(|address| address.port != 0)
            .collect();
        ready.sort();
        ready.dedup();
        if ready.is_empty() && self.snapshot.endpoints_known {
            let message = format!("no node has an internal address for the node port of Service {name}");
            return Err(Problem::new(Code::AddressNotFound, "nodePortLB", message, None));
        }
        Ok(EndpointSet {
            ready,
            terminating: Vec::new(),
        })
    }
}

/// The port of a Service that is meant; of an ExternalName also one that it does not declare.
fn find_port(
    name: &NamespacedName,
    service: &Service,
    written: Option<&Port>,
    external: bool,
) -> Result<ServicePort, Problem> {
    let mut tcp = service.ports.iter().filter(|port| port.is_tcp());
    let found = match written {
        Some(Port::Number(number)) => tcp.clone().find(|port| port.port == *number).cloned(),
        Some(Port::Name(text)) => tcp.clone().find(|port| port.name == *text).cloned(),
        None => match (tcp.next(), tcp.next()) {
            (Some(only), None) => Some(only.clone()),
            _ => None,
        },
    };
    if let Some(port) = found {
        return Ok(port);
    }
    if let (Some(Port::Number(number)), true) = (written, external) {
        return Ok(ServicePort {
            port: *number,
            ..ServicePort::default()
        });
    }
    let list: Vec<String> = service
        .ports
        .iter()
        .map(|p| {
            let name = if p.name.is_empty() {
                String::new()
            } else {
                format!(" ({})", p.name)
            };
            let protocol = if p.is_tcp() { "" } else { " UDP" };
            format!("{}{name}{protocol}", p.port)
        })
        .collect();
    let has = if list.is_empty() {
        "it declares none".to_owned()
    } else {
        format!("its ports are {}", list.join(", "))
    };
    let message = match written {
        Some(port) => format!("Service {name} has no port {port:#}"),
        None => format!("no port is given, and Service {name} does not have exactly one"),
    };
    let by_number = match written {
        Some(Port::Name(text)) => text
            .parse()
            .ok()
            .filter(|n: &u16| service.ports.iter().any(|p| p.port == *n)),
        _ => None,
    };
    let help = match by_number {
        Some(number) => format!("a port in quotes is a name: write `port: {number}`"),
        None => has,
    };
    Err(Problem::new(Code::ServicePortNotFound, "port", message, help))
}

fn external_name(
    name: &NamespacedName,
    service: &Service,
    port: &ServicePort,
) -> Result<EndpointSet, Problem> {
    let host = service.external_name.parse().map_err(|_| {
        let message = format!(
            "the externalName {:?} of Service {name} is no host",
            service.external_name
        );
        Problem::new(Code::AddressNotFound, "name", message, None)
    })?;
    Ok(EndpointSet {
        ready: vec![Address {
            host,
            port: port.port,
        }],
        terminating: Vec::new(),
    })
}

fn cluster_ip(name: &NamespacedName, service: &Service, port: &ServicePort) -> Result<EndpointSet, Problem> {
    // an address only: the word `None` could be a host's name
    let host = service.cluster_ip.parse().map(Host::Ip).map_err(|_| {
        let what = if service.cluster_ip == "None" {
            "is headless"
        } else {
            "has no cluster IP"
        };
        let help = "remove nativeLB, so that its endpoints are used".to_owned();
        Problem::new(
            Code::AddressNotFound,
            "nativeLB",
            format!("Service {name} {what}"),
            help,
        )
    })?;
    Ok(EndpointSet {
        ready: vec![Address {
            host,
            port: port.port,
        }],
        terminating: Vec::new(),
    })
}

fn no_node_port(name: &NamespacedName) -> Problem {
    let message = format!("Service {name} is not of type NodePort, so its endpoints are used");
    Problem::new(Code::IgnoredField, "nodePortLB", message, None).harmless()
}

fn no_endpoints(name: &NamespacedName, port: &ServicePort) -> Problem {
    let message = format!(
        "Service {name} has no endpoint that serves its port {}",
        port.port
    );
    let help = format!(
        "look at its pods: kubectl get endpointslices -n {} -l kubernetes.io/service-name={}",
        name.namespace, name.name
    );
    Problem::new(Code::NoEndpoints, "name", message, help)
}
