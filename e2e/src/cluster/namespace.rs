//! A namespace for one test.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{
    Cluster,
    api::Api,
    kubectl::Kubectl,
    resource::{Resource, SERVICE_ACCOUNT},
    wait::eventually,
    watch::Watch,
};

/// The limit for what Kubernetes itself does on request.
const LIMIT: Duration = Duration::from_secs(30);
const NAMESPACES: &str = "/api/v1/namespaces";

/// A namespace with a name of its own. It is deleted, without waiting for it, when the value goes.
#[derive(Debug)]
pub struct Namespace<'a> {
    /// Where it is.
    pub cluster: &'a Cluster,
    /// Its name.
    pub name: String,
}

impl<'a> Namespace<'a> {
    /// Creates one and waits until it takes pods.
    pub(super) async fn new(cluster: &'a Cluster) -> Result<Self> {
        let metadata = json!({"generateName": "weir-e2e-", "labels": {"weir.dev/e2e": "true"}});
        let created = cluster
            .api
            .create(NAMESPACES, &json!({"metadata": metadata}))
            .await?;
        let name = created["metadata"]["name"].as_str().unwrap_or_default();
        Self::ready(cluster, name).await
    }

    /// The one with this name, created if it is not there.
    pub(super) async fn called(cluster: &'a Cluster, name: &str) -> Result<Self> {
        if cluster.api.find(&format!("{NAMESPACES}/{name}")).await?.is_none() {
            let metadata = json!({"name": name, "labels": {"weir.dev/e2e": "true"}});
            cluster
                .api
                .create(NAMESPACES, &json!({"metadata": metadata}))
                .await?;
        }
        Self::ready(cluster, name).await
    }

    async fn ready(cluster: &'a Cluster, name: &str) -> Result<Self> {
        let namespace = Self {
            cluster,
            name: name.to_owned(),
        };
        // pods are refused without it
        eventually("the service account is there", LIMIT, async || {
            namespace.get(SERVICE_ACCOUNT, "default").await
        })
        .await?;
        Ok(namespace)
    }

    fn api(&self) -> &'a Api {
        &self.cluster.api
    }

    /// kubectl in this namespace.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let arguments = [&["-n", &self.name], arguments].concat();
        self.cluster.kubectl.run(&arguments).await
    }

    /// kubectl in this namespace, with `-f -` reading `input`.
    pub async fn kubectl_with(&self, arguments: &[&str], input: &str) -> Result<String> {
        let arguments = [&["-n", &self.name], arguments].concat();
        self.cluster.kubectl.run_with(&arguments, input).await
    }

    /// `kubectl apply` of a manifest of `examples/`, which has another namespace in it, after an edit.
    pub async fn apply_example(&self, file: &str, edit: impl Fn(String) -> String) -> Result<String> {
        let path = Kubectl::file(&format!("examples/{file}"));
        let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
        let text = edit(text).replace("namespace: apps", &format!("namespace: {}", self.name));
        self.kubectl_with(&["apply", "-f", "-"], &text).await
    }

    /// Reads an object.
    pub async fn get(&self, resource: Resource, name: &str) -> Result<Value> {
        self.api().get(&resource.object(&self.name, name)).await
    }

    /// Reads all objects of a resource.
    pub async fn list(&self, resource: Resource) -> Result<Vec<Value>> {
        let list = self.api().get(&resource.collection(&self.name)).await?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// Watches all objects of a resource, from now on.
    pub async fn watch(&self, resource: Resource) -> Result<Watch> {
        let path = resource.collection(&self.name);
        let list = self.api().get(&path).await?;
        let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        self.api().watch(&path, version).await
    }

    /// Creates an object. `apiVersion`, `kind` and the name are added to `content`.
    pub async fn create(&self, resource: Resource, name: &str, mut content: Value) -> Result<Value> {
        content["apiVersion"] = resource.api_version.into();
        content["kind"] = resource.kind.into();
        content["metadata"]["name"] = name.into();
        self.api()
            .create(&resource.collection(&self.name), &content)
            .await
    }

    /// Replaces an object by what was read and changed.
    pub async fn replace(&self, resource: Resource, object: &Value) -> Result<Value> {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        self.api()
            .replace(&resource.object(&self.name, name), object)
            .await
    }

    /// Changes some fields of an object.
    pub async fn patch(&self, resource: Resource, name: &str, change: &Value) -> Result<Value> {
        let path = resource.object(&self.name, name);
        self.api().patch(&path, change).await
    }

    /// Changes some fields of an object's status.
    pub async fn patch_status(&self, resource: Resource, name: &str, status: &Value) -> Result<Value> {
        let path = format!("{}/status", resource.object(&self.name, name));
        self.api().patch(&path, &json!({"status": status})).await
    }

    /// Deletes an object.
    pub async fn delete(&self, resource: Resource, name: &str) -> Result<()> {
        self.api().delete(&resource.object(&self.name, name)).await
    }

    /// Waits until an object is as it should be; `check` says what is wrong with it.
    pub async fn await_object(
        &self,
        resource: Resource,
        name: &str,
        limit: Duration,
        mut check: impl FnMut(&Value) -> Result<()>,
    ) -> Result<Value> {
        let what = format!("{} {}/{name} is as it should be", resource.kind, self.name);
        eventually(&what, limit, async || {
            let object = self.get(resource, name).await?;
            check(&object)?;
            Ok(object)
        })
        .await
    }

    /// Waits until a condition of an object's present generation has this status, and returns the condition.
    pub async fn await_condition(
        &self,
        resource: Resource,
        name: &str,
        condition: &str,
        status: &str,
        limit: Duration,
    ) -> Result<Value> {
        let object = self.await_object(resource, name, limit, |object| {
            let found = condition_of(object, condition);
            let told = &object["status"]["conditions"];
            ensure!(
                found["status"] == status,
                "wanted {condition}={status}, its conditions: {told}"
            );
            ensure!(
                found["observedGeneration"] == object["metadata"]["generation"],
                "{condition} is about generation {}, the object has {}",
                found["observedGeneration"],
                object["metadata"]["generation"]
            );
            Ok(())
        });
        Ok(condition_of(&object.await?, condition))
    }
}

/// A condition of an object, or null.
pub fn condition_of(object: &Value, condition: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array();
    let found = conditions.and_then(|all| all.iter().find(|found| found["type"] == condition));
    found.cloned().unwrap_or_default()
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        // no runtime may be left to wait in, so this is one request by hand
        let delete = || -> std::io::Result<()> {
            let address = self.cluster.api.address();
            let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
            stream.set_read_timeout(Some(LIMIT))?;
            let path = format!("{NAMESPACES}/{}", self.name);
            let request = format!("DELETE {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes())?;
            // that it has answered is enough; what it says helps nobody at this point
            stream.read_exact(&mut [0; 12])
        };
        if let Err(error) = delete() {
            eprintln!("namespace {} is not deleted: {error}", self.name);
        }
    }
}
