//! What custom resources refer to among Kubernetes' own objects: only that has to be known and watched closely.

use std::collections::BTreeSet;

use weir_model::{
    crd::{ServersTransportSpec, ServiceRef, TraefikServiceSpec},
    document::{Config, Mode, SecretId},
    name::{NamespacedName, check_name},
};

use super::{
    Options, Snapshot,
    finding::{Kind, ObjectId},
    input::IngressRouteInput,
};

/// What is referred to, whether it exists or not. Rather too much than too little: a change of anything else
/// changes nothing that is compiled, apart from proposals in messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Services, and so their EndpointSlices.
    pub services: BTreeSet<NamespacedName>,
    /// Secrets and ConfigMaps.
    pub stored: BTreeSet<ObjectId>,
    /// Whether addresses of nodes are used.
    pub nodes: bool,
}

impl References {
    /// Of the objects, and of what the previous config keeps of their earlier forms.
    pub fn of(snapshot: &Snapshot, options: &Options, previous: &Config) -> Self {
        let mut references = Self::default();
        for (name, entry) in &snapshot.traefik_services {
            if let Some(spec) = &entry.spec {
                references.traefik_service(&name.namespace, spec);
            }
        }
        for (name, entry) in &snapshot.ingress_routes {
            let claimed = options.claims(entry.meta.class.as_deref());
            if let Some(input) = entry.spec.as_ref().filter(|_| claimed) {
                references.ingress_route(&name.namespace, input);
            }
        }
        for (name, entry) in &snapshot.servers_transports {
            if let Some(spec) = &entry.spec {
                references.servers_transport(&name.namespace, spec);
            }
        }
        references.previous(previous);
        references
    }

    fn traefik_service(&mut self, namespace: &str, spec: &TraefikServiceSpec) {
        let weighted = spec.weighted.iter().filter_map(|w| w.services.as_ref());
        self.services(namespace, weighted.flatten());
        if let Some(mirroring) = &spec.mirroring {
            let mirrors = mirroring.mirrors.iter().flatten().map(|mirror| &mirror.service);
            self.services(namespace, mirrors.chain([&mirroring.main]));
        }
    }

    fn ingress_route(&mut self, namespace: &str, input: &IngressRouteInput) {
        let routes = input.routes.iter().flatten();
        self.services(
            namespace,
            routes.filter_map(|route| route.services.as_ref()).flatten(),
        );
        let certificate = input.head.tls.as_ref().and_then(|tls| tls.secret_name.as_ref());
        self.stored(Kind::Secret, namespace, certificate);
    }

    fn servers_transport(&mut self, namespace: &str, spec: &ServersTransportSpec) {
        let roots = spec.root_cas.iter().flatten();
        self.stored(
            Kind::ConfigMap,
            namespace,
            roots.clone().filter_map(|r| r.config_map.as_ref()),
        );
        self.stored(Kind::Secret, namespace, roots.filter_map(|r| r.secret.as_ref()));
        let old = spec.root_cas_secrets.iter().chain(&spec.certificates_secrets);
        self.stored(Kind::Secret, namespace, old.flatten());
    }

    /// What was accepted keeps being served, with the endpoints and certificates of today.
    fn previous(&mut self, config: &Config) {
        for leaf in config.nodes.values().filter_map(|node| node.spec.leaf()) {
            let reference = &leaf.reference;
            self.services
                .insert(NamespacedName::new(&reference.namespace, &reference.name));
            self.nodes |= reference.mode == Mode::NodePort;
        }
        let sources = config.secrets().filter_map(SecretId::source);
        self.stored.extend(sources.map(|(config_map, name)| ObjectId {
            kind: if config_map { Kind::ConfigMap } else { Kind::Secret },
            name,
        }));
    }

    fn services<'a>(&mut self, own: &str, references: impl IntoIterator<Item = &'a ServiceRef>) {
        for reference in references {
            let namespace = reference.namespace.as_deref().filter(|name| !name.is_empty());
            if let Some(name) = &reference.name {
                self.services
                    .insert(NamespacedName::new(namespace.unwrap_or(own), name));
            }
            self.nodes |= reference.node_port_lb == Some(true);
        }
    }

    fn stored<'a>(&mut self, kind: Kind, namespace: &str, names: impl IntoIterator<Item = &'a String>) {
        let valid = names.into_iter().filter(|name| check_name(name).is_ok());
        self.stored.extend(valid.map(|name| ObjectId {
            kind,
            name: NamespacedName::new(namespace, name),
        }));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::compile::compile;

    fn object(kind: &str, spec: &Value) -> Value {
        let metadata = json!({ "namespace": "apps", "name": "x", "uid": "1" });
        json!({ "apiVersion": "traefik.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec })
    }

    fn references(objects: &[Value]) -> References {
        let snapshot = Snapshot::from_objects(objects);
        References::of(&snapshot, &Options::default(), &Config::default())
    }

    fn names(references: &References) -> Vec<String> {
        let services = references.services.iter().map(ToString::to_string);
        services
            .chain(references.stored.iter().map(ToString::to_string))
            .collect()
    }

    #[test]
    fn everything_that_is_named_is_found() {
        let found = references(&[
            object(
                "TraefikService",
                &json!({ "mirroring": { "name": "main", "mirrors": [{ "name": "copy", "namespace": "other", "nodePortLB": true }] } }),
            ),
            object(
                "IngressRoute",
                &json!({ "routes": [{ "match": "Path(`/`)", "services": [{ "name": "web" }] }], "tls": { "secretName": "cert" } }),
            ),
            object(
                "ServersTransport",
                &json!({ "certificatesSecrets": ["client"], "rootCAs": [{ "configMap": "ca" }, { "secret": "root" }] }),
            ),
        ]);
        assert_eq!(
            names(&found),
            [
                "apps/main",
                "apps/web",
                "other/copy",
                "ConfigMap apps/ca",
                "Secret apps/cert",
                "Secret apps/client",
                "Secret apps/root"
            ]
        );
        assert!(found.nodes);
    }

    #[test]
    fn what_another_class_names_is_not_ours_to_read() {
        let spec = json!({ "ingressClassName": "other", "tls": { "secretName": "cert" } });
        assert_eq!(
            references(&[object("IngressRoute", &spec)]),
            References::default()
        );
    }

    #[test]
    fn what_an_earlier_form_names_stays_needed() {
        let spec = json!({ "weighted": { "services": [{ "name": "web", "port": 80 }] } });
        let snapshot = Snapshot::from_objects(&[object("TraefikService", &spec)]);
        let config = compile(&snapshot, &Options::default(), &Config::default()).config;
        let found = References::of(&Snapshot::default(), &Options::default(), &config);
        assert_eq!(names(&found), ["apps/web"]);
    }
}
