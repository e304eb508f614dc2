//! A cluster full of objects.

use std::fmt;

use anyhow::Result;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use weir_e2e::cluster::{
    namespace::Namespace,
    resource::{ENDPOINT_SLICE, INGRESS_ROUTE, Resource, SERVICE, TRAEFIK_SERVICE},
};

/// Requests at the same time.
const PARALLEL: usize = 16;
/// Routes of an IngressRoute.
const ROUTES: usize = 10;

/// How much there is.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// TraefikServices, and as many Services. Each refers to its own Service and to the next one.
    pub services: usize,
    /// Endpoints of each Service.
    pub endpoints: usize,
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { services, endpoints } = *self;
        let (routes, endpoints) = (self.ingress_routes(), services * endpoints);
        write!(
            f,
            "{services} TraefikServices, {routes} IngressRoutes, {services} Services, {endpoints} endpoints"
        )
    }
}

impl World {
    fn ingress_routes(self) -> usize {
        self.services.div_ceil(ROUTES)
    }

    /// How many objects get conditions.
    pub fn objects_with_status(self) -> usize {
        self.services + self.ingress_routes()
    }

    /// Creates all of it.
    pub async fn create(self, namespace: &Namespace<'_>) -> Result<()> {
        let services = (0..self.services).flat_map(|number| {
            let name = format!("service-{number}");
            [
                (
                    SERVICE,
                    name.clone(),
                    json!({"spec": {"ports": [{"name": "http", "port": 80}]}}),
                ),
                (ENDPOINT_SLICE, name.clone(), self.slice(number)),
                (TRAEFIK_SERVICE, name, self.weighted(number, 1)),
            ]
        });
        let routes = (0..self.ingress_routes())
            .map(|number| (INGRESS_ROUTE, format!("routes-{number}"), self.routes(number)));
        let create = |(resource, name, content): (Resource, String, Value)| async move {
            namespace.create(resource, &name, content).await.map(drop)
        };
        stream::iter(services.chain(routes))
            .map(create)
            .buffer_unordered(PARALLEL)
            .try_collect()
            .await
    }

    /// Changes the weight of one reference of one TraefikService, of another one each time.
    pub async fn change_a_weight(self, namespace: &Namespace<'_>, number: u32) -> Result<()> {
        let service = (number as usize).wrapping_mul(37) % self.services;
        let change = self.weighted(service, number + 2);
        let name = format!("service-{service}");
        namespace.patch(TRAEFIK_SERVICE, &name, &change).await.map(drop)
    }

    fn weighted(self, number: usize, weight: u32) -> Value {
        let next = (number + 1) % self.services;
        json!({"spec": {"weighted": {"services": [
            {"name": format!("service-{number}"), "port": 80, "weight": weight},
            {"name": format!("service-{next}"), "port": 80, "weight": 1},
        ]}}})
    }

    fn routes(self, number: usize) -> Value {
        let first = number * ROUTES;
        let routes = (first..self.services.min(first + ROUTES)).map(|service| {
            json!({
                "kind": "Rule",
                "match": format!("Host(`host-{service}.example.com`) && PathPrefix(`/api`)"),
                "services": [{"name": format!("service-{service}"), "kind": "TraefikService"}],
            })
        });
        json!({"spec": {"entryPoints": ["web"], "routes": routes.collect::<Vec<_>>()}})
    }

    fn slice(self, number: usize) -> Value {
        let endpoints = (0..self.endpoints).map(|endpoint| {
            let at = number * self.endpoints + endpoint;
            let address = format!("10.{}.{}.{}", at >> 16 & 255, at >> 8 & 255, at & 255);
            json!({"addresses": [address], "conditions": {"ready": true, "serving": true}})
        });
        json!({
            "metadata": {"labels": {"kubernetes.io/service-name": format!("service-{number}")}},
            "addressType": "IPv4",
            "endpoints": endpoints.collect::<Vec<_>>(),
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        })
    }
}
