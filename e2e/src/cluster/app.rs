//! An application: a Service, and a process here behind it instead of pods.

use std::net::SocketAddr;

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    host_address,
    namespace::Namespace,
    resource::{ENDPOINT_SLICE, SERVICE},
};
use crate::{backend::Backend, slices::endpoint_slice};

/// An application. Its backend ends with this value; its objects stay.
#[derive(Debug)]
pub struct App {
    /// What answers.
    pub backend: Backend,
}

impl App {
    /// Starts a backend, and creates a Service with the port 80 (called `http`) unless there is one, and its endpoint.
    pub async fn start(namespace: &Namespace<'_>, name: &str) -> Result<Self> {
        let backend = Backend::start_on(host_address()?.into(), name).await?;
        let path = SERVICE.object(&namespace.name, name);
        if namespace.cluster.api().find(&path).await?.is_none() {
            let spec = json!({"spec": {"ports": [{"name": "http", "port": 80}]}});
            namespace.create(SERVICE, name, spec).await?;
        }
        let app = Self { backend };
        let slice = app.slice(namespace, Some(app.backend.address));
        namespace.create(ENDPOINT_SLICE, &app.slice_name(), slice).await?;
        Ok(app)
    }

    /// Takes all its endpoints away, as when its pods are gone.
    pub async fn leave(&self, namespace: &Namespace<'_>) -> Result<()> {
        self.set(namespace, None).await
    }

    /// Brings its endpoint back.
    pub async fn come_back(&self, namespace: &Namespace<'_>) -> Result<()> {
        self.set(namespace, Some(self.backend.address)).await
    }

    async fn set(&self, namespace: &Namespace<'_>, address: Option<SocketAddr>) -> Result<()> {
        let slice = self.slice(namespace, address);
        let change = json!({"endpoints": slice["endpoints"], "ports": slice["ports"]});
        namespace
            .patch(ENDPOINT_SLICE, &self.slice_name(), &change)
            .await?;
        Ok(())
    }

    fn slice(&self, namespace: &Namespace<'_>, address: Option<SocketAddr>) -> Value {
        endpoint_slice(&namespace.name, &self.backend.name, address)
    }

    /// Not the Service's name: that is for Kubernetes' own slices.
    fn slice_name(&self) -> String {
        format!("{}-here", self.backend.name)
    }
}
