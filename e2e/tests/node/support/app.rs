//! An application: a Deployment of the backend's image and its Service.

use serde_json::{Value, json};
use weir_e2e::node::image::BACKEND;

/// An application.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) name: &'static str,
    pub(crate) replicas: u32,
    /// Beside its name and port.
    pub(crate) arguments: Vec<&'static str>,
    /// How long a new pod has to be ready before the next one follows, in seconds.
    pub(crate) pace: u32,
}

impl App {
    /// One that, told to end, refuses new connections at once.
    pub(crate) fn new(name: &'static str, replicas: u32) -> Self {
        Self {
            name,
            replicas,
            arguments: Vec::new(),
            pace: 0,
        }
    }

    /// One that, told to end, goes on for a few seconds.
    pub(crate) fn that_lingers(name: &'static str, replicas: u32) -> Self {
        Self {
            arguments: vec!["-linger", "5s"],
            ..Self::new(name, replicas)
        }
    }

    /// The same, rolled out with so many seconds between pods.
    pub(crate) fn paced(self, pace: u32) -> Self {
        Self { pace, ..self }
    }

    /// Its objects.
    pub(crate) fn manifests(&self) -> Vec<Value> {
        let Self { name, replicas, .. } = self;
        let labels = json!({"app": name});
        let mut arguments = vec!["-name", name, "-port", "8080"];
        arguments.extend(&self.arguments);
        let deployment = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {
                "replicas": replicas,
                "minReadySeconds": self.pace,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{
                        "name": "backend",
                        "image": BACKEND,
                        "args": arguments,
                        "ports": [{"name": "http", "containerPort": 8080}],
                        "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1},
                    }]},
                },
            },
        });
        let service = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
        });
        vec![deployment, service]
    }
}
