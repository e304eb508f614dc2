//! What is told about a scene: by conditions, by proxies and by operators.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use weir_e2e::{
    cluster::{
        resource::{INGRESS_ROUTE, POD, TRAEFIK_SERVICE},
        wait::eventually,
    },
    http,
    node::installed::Pod,
};

use super::{Scene, scene::SPLIT};

const LIMIT: Duration = Duration::from_mins(2);

impl Scene<'_> {
    /// Waits until both objects say of their present generation that all is well.
    pub(crate) async fn await_ready(&self) -> Result<()> {
        for resource in [TRAEFIK_SERVICE, INGRESS_ROUTE] {
            for condition in ["Accepted", "ResolvedRefs", "Programmed", "Ready"] {
                self.namespace
                    .await_condition(resource, SPLIT, condition, "True", LIMIT)
                    .await?;
            }
        }
        Ok(())
    }

    /// Waits until each of these proxies gives each application its exact share and finds nothing wrong, and everything
    /// says that all is well.
    pub(crate) async fn await_converged(&self, proxies: &[Pod], weights: &[(&str, u32)]) -> Result<()> {
        self.await_ready().await?;
        for proxy in proxies {
            self.await_served(proxy, weights).await?;
            await_page(proxy, |page| {
                ensure!(page["inSync"] == true, "{page:#}");
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// Runs so many operators from now on, and waits until it is so.
    pub(crate) async fn scale_operators(&self, count: usize) -> Result<Vec<Pod>> {
        let replicas = format!("--replicas={count}");
        let scale = ["scale", "deployment/weir-operator", &replicas];
        self.namespace.kubectl(&scale).await?;
        eventually("the operators that are too many are gone", LIMIT, async || {
            // one that is about to end still does its work
            let pods = self.namespace.list(POD).await?;
            let component =
                |pod: &&Value| pod["metadata"]["labels"]["app.kubernetes.io/component"] == "operator";
            let there = pods.iter().filter(component).count();
            ensure!(there <= count, "there are {there}");
            Ok(())
        })
        .await?;
        self.weir.await_pods("operator", count).await
    }

    /// All that the operators have said.
    pub(crate) async fn operators_log(&self) -> Result<String> {
        let selector = "--selector=app.kubernetes.io/component=operator";
        self.namespace.kubectl(&["logs", selector, "--tail=-1"]).await
    }
}

/// Waits until a proxy says something about what it has loaded, and returns what.
pub(crate) async fn await_page(proxy: &Pod, check: impl Fn(&Value) -> Result<()>) -> Result<Value> {
    let admin = SocketAddr::new(proxy.address, 9000);
    eventually(&format!("{} says so", proxy.name), LIMIT, async || {
        let (status, body) = http::get(admin, "/config").await?;
        let page = serde_json::from_slice(&body).with_context(|| status.to_string())?;
        check(&page)?;
        Ok(page)
    })
    .await
}
