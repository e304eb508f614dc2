//! The custom resources that weir reads: `TraefikService`, `IngressRoute` and `ServersTransport` of
//! `traefik.io/v1alpha1`.
//!
//! The types hold what an object says, not what it means: every field is optional, numbers have no range and
//! words no fixed choice, so that one strange field does not hide the others. [`deviations`] tells everything
//! in an object that does not fit the schema; after it, [`parse_traefik_service`] and its siblings only fail
//! on objects that had wrong types. The field names and constraints are those of Traefik 3.7.

mod check;
mod ingress_route;
mod schema;
mod servers_transport;
mod service_ref;
mod status;
mod traefik_service;
mod yaml;

use serde::Deserialize;
use serde_json::Value;

pub use self::{
    check::{Deviation, DeviationKind, Hint, MAX_DEVIATIONS, deviations},
    ingress_route::{IngressRoute, IngressRouteSpec, IngressRouteTls, Observability, Route, TlsDomain},
    schema::{custom_resource, custom_resources, files},
    servers_transport::{
        ForwardingTimeouts, PeerCertSan, RootCa, ServersTransport, ServersTransportSpec, Spiffe,
    },
    service_ref::{
        Cookie, HealthCheck, IntOrString, ObjectRef, PassiveHealthCheck, ResponseForwarding, ServiceRef,
        Sticky,
    },
    status::{Condition, IngressRouteStatus, RouteStatus, ServersTransportStatus, TraefikServiceStatus},
    traefik_service::{
        Failover, FailoverErrors, HighestRandomWeight, Mirror, Mirroring, TraefikService, TraefikServiceSpec,
        Weighted,
    },
};

/// API group and version of the custom resources, as objects carry it in `apiVersion`.
pub const API_VERSION: &str = "traefik.io/v1alpha1";

/// The kinds of custom resources that weir reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// Sends requests that match a rule to services.
    IngressRoute,
    /// Describes connections to endpoints.
    ServersTransport,
    /// Spreads traffic over services.
    TraefikService,
}

impl ResourceKind {
    /// All kinds, in the order of their names.
    pub const ALL: [Self; 3] = [Self::IngressRoute, Self::ServersTransport, Self::TraefikService];

    /// The kind with this name, as objects carry it in `kind`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The name that objects carry in `kind`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IngressRoute => "IngressRoute",
            Self::ServersTransport => "ServersTransport",
            Self::TraefikService => "TraefikService",
        }
    }

    /// The name of the collection in the Kubernetes API.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::IngressRoute => "ingressroutes",
            Self::ServersTransport => "serverstransports",
            Self::TraefikService => "traefikservices",
        }
    }
}

/// Reads the `spec` of a whole TraefikService object.
///
/// The error names no position: [`deviations`] finds what it stems from.
pub fn parse_traefik_service(object: &Value) -> Result<TraefikServiceSpec, serde_json::Error> {
    parse_spec(object)
}

/// Reads the `spec` of a whole IngressRoute object.
///
/// The error names no position: [`deviations`] finds what it stems from.
pub fn parse_ingress_route(object: &Value) -> Result<IngressRouteSpec, serde_json::Error> {
    parse_spec(object)
}

/// Reads the `spec` of a whole ServersTransport object.
///
/// The error names no position: [`deviations`] finds what it stems from.
pub fn parse_servers_transport(object: &Value) -> Result<ServersTransportSpec, serde_json::Error> {
    parse_spec(object)
}

/// An absent `spec` is like an empty one; that it is missing is for [`deviations`] to say.
fn parse_spec<'a, S: Deserialize<'a> + Default>(object: &'a Value) -> Result<S, serde_json::Error> {
    match object.get("spec") {
        None | Some(Value::Null) => Ok(S::default()),
        Some(spec) => S::deserialize(spec),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nulls_and_absent_fields_are_alike() {
        let object = json!({ "spec": { "weighted": { "sticky": { "cookie": null }, "services": [
            { "name": "svc1", "port": "web", "weight": null, "healthCheck": { "followRedirect": false } },
        ] } } });
        let spec = parse_traefik_service(&object).unwrap();
        let weighted = spec.weighted.unwrap();
        assert_eq!(weighted.sticky, Some(Sticky::default()));
        assert_eq!(
            weighted.services.unwrap(),
            [ServiceRef {
                name: Some("svc1".into()),
                port: Some(IntOrString::String("web".into())),
                health_check: Some(HealthCheck {
                    follow_redirects: Some(false),
                    ..Default::default()
                }),
                ..Default::default()
            }]
        );
        assert_eq!(
            parse_ingress_route(&json!({ "spec": null })).unwrap(),
            IngressRouteSpec::default()
        );
        assert_eq!(
            parse_servers_transport(&json!({})).unwrap(),
            ServersTransportSpec::default()
        );
    }

    #[test]
    fn a_mirroring_holds_its_main_service_inline() {
        let object = json!({ "spec": { "mirroring": {
            "name": "svc1", "port": 80, "maxBodySize": -1,
            "mirrors": [{ "name": "svc2", "port": 80, "percent": 20 }],
        } } });
        let mirroring = parse_traefik_service(&object).unwrap().mirroring.unwrap();
        assert_eq!(mirroring.main.port, Some(IntOrString::Int(80)));
        assert_eq!(mirroring.max_body_size, Some(-1));
        let mirror = &mirroring.mirrors.unwrap()[0];
        assert_eq!(mirror.service.name.as_deref(), Some("svc2"));
        assert_eq!(mirror.percent, Some(20));
    }

    #[test]
    fn words_and_numbers_outside_the_schema_are_kept_for_the_compiler() {
        let object = json!({ "spec": { "mirroring": { "name": "a", "kind": "Pod", "mirrors": [{ "percent": 150 }] } } });
        let mirroring = parse_traefik_service(&object).unwrap().mirroring.unwrap();
        assert_eq!(mirroring.main.kind.as_deref(), Some("Pod"));
        assert_eq!(mirroring.mirrors.unwrap()[0].percent, Some(150));
    }

    #[test]
    fn wrong_types_are_errors() {
        for spec in [
            json!({ "weighted": [] }),
            json!({ "weighted": { "services": {} } }),
            json!({ "mirroring": { "name": 1 } }),
            json!({ "mirroring": { "port": 1.5 } }),
        ] {
            let object = json!({ "spec": spec });
            assert!(parse_traefik_service(&object).is_err(), "{object}");
        }
    }
}
