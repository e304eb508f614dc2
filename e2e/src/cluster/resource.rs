//! Paths of objects in the API.

/// A resource of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// As in `apiVersion`.
    pub api_version: &'static str,
    /// As in `kind`.
    pub kind: &'static str,
    /// The name in paths, which kubectl takes, too.
    pub plural: &'static str,
}

/// `TraefikService`
pub const TRAEFIK_SERVICE: Resource = custom("TraefikService", "traefikservices");
/// `IngressRoute`
pub const INGRESS_ROUTE: Resource = custom("IngressRoute", "ingressroutes");
/// `ServersTransport`
pub const SERVERS_TRANSPORT: Resource = custom("ServersTransport", "serverstransports");
/// The resources of `crds/`.
pub const CUSTOM: [Resource; 3] = [TRAEFIK_SERVICE, INGRESS_ROUTE, SERVERS_TRANSPORT];
/// `ConfigMap`
pub const CONFIG_MAP: Resource = core("ConfigMap", "configmaps");
/// `Secret`
pub const SECRET: Resource = core("Secret", "secrets");
/// `Pod`
pub const POD: Resource = core("Pod", "pods");
/// `Service`
pub const SERVICE: Resource = core("Service", "services");
/// `ServiceAccount`
pub const SERVICE_ACCOUNT: Resource = core("ServiceAccount", "serviceaccounts");
/// `Lease`
pub const LEASE: Resource = Resource {
    api_version: "coordination.k8s.io/v1",
    kind: "Lease",
    plural: "leases",
};
/// `Event`, as new clients write it; readable under its old API version, too.
pub const EVENT: Resource = Resource {
    api_version: "events.k8s.io/v1",
    kind: "Event",
    plural: "events",
};
/// `EndpointSlice`
pub const ENDPOINT_SLICE: Resource = Resource {
    api_version: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    plural: "endpointslices",
};

const fn custom(kind: &'static str, plural: &'static str) -> Resource {
    Resource {
        api_version: "traefik.io/v1alpha1",
        kind,
        plural,
    }
}

const fn core(kind: &'static str, plural: &'static str) -> Resource {
    Resource {
        api_version: "v1",
        kind,
        plural,
    }
}

impl Resource {
    /// The path of all objects of the cluster.
    pub fn everywhere(self) -> String {
        format!("{}/{}", self.root(), self.plural)
    }

    /// The path of all objects in a namespace.
    pub fn collection(self, namespace: &str) -> String {
        format!("{}/namespaces/{namespace}/{}", self.root(), self.plural)
    }

    /// The path of an object.
    pub fn object(self, namespace: &str, name: &str) -> String {
        format!("{}/{name}", self.collection(namespace))
    }

    /// The path of a custom resource's definition.
    pub fn definition(self) -> String {
        let group = self.api_version.split('/').next().unwrap_or_default();
        format!(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{}.{group}",
            self.plural
        )
    }

    fn root(self) -> String {
        let prefix = if self.api_version.contains('/') {
            "apis"
        } else {
            "api"
        };
        format!("/{prefix}/{}", self.api_version)
    }
}
