//! Manifests, compiled and served.

use std::{collections::BTreeMap, fs, net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time;
use weir_e2e::http;
use weir_model::document::{
    Config,
    text::{self, Document},
};
use weir_operator::{
    compile::{Options, Snapshot, compile, finding::Finding},
    manifest::{Limits, Manifests},
};
use weir_proxy::{
    app::{self, Proxy, Running},
    config,
};

use super::{
    backend::Backend,
    curl::{Answer, curl},
};

/// For anything that has to happen.
const LIMIT: Duration = Duration::from_secs(20);

/// A proxy that serves manifests.
pub struct Stage {
    /// The entry point `web`.
    pub web: SocketAddr,
    /// The entry point `websecure`, with TLS.
    pub websecure: SocketAddr,
    admin: SocketAddr,
    _running: Running,
    _folder: TempDir,
}

/// What is served.
pub struct Scene<'a> {
    manifests: &'a str,
    slices: Vec<Value>,
    options: Options,
}

impl<'a> Scene<'a> {
    /// Manifests. EndpointSlices among them are left out: their addresses are nobody's here.
    pub fn new(manifests: &'a str) -> Self {
        let options = Options {
            allow_cross_namespace: true,
            ..Options::default()
        };
        Self {
            manifests,
            slices: Vec::new(),
            options,
        }
    }

    /// A server behind the port `http` of a Service, `NAMESPACE/NAME`.
    pub fn backend(self, service: &str, backend: &Backend) -> Self {
        self.backend_at(service, "http", backend)
    }

    /// A server behind a port of a Service.
    pub fn backend_at(mut self, service: &str, port: &str, backend: &Backend) -> Self {
        let (namespace, name) = service.split_once('/').unwrap();
        self.slices.push(json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {
                "name": format!("{name}-{}", self.slices.len()), "namespace": namespace,
                "labels": { "kubernetes.io/service-name": name },
            },
            "ports": [{ "name": port, "port": backend.address.port() }],
            "endpoints": [{ "addresses": [backend.address.ip()] }],
        }));
        self
    }

    /// Writes the documents into a folder; returns their digests.
    fn write(&self, folder: &TempDir) -> BTreeMap<String, String> {
        let mut manifests = Manifests::default();
        manifests.add("page.yaml", self.manifests, &Limits::default());
        assert!(manifests.broken.is_empty(), "{:?}", manifests.broken);
        let objects = manifests.objects.iter().map(|object| &object.value);
        let objects = objects.filter(|object| object["kind"] != "EndpointSlice");
        let snapshot = Snapshot::from_objects(objects.chain(&self.slices));
        let compilation = compile(&snapshot, &self.options, &Config::default());
        let refused: Vec<&Finding> = compilation.findings.iter().filter(|f| f.refuses()).collect();
        assert!(refused.is_empty(), "{refused:#?}");
        [
            write(folder, &*compilation.secrets),
            write(folder, &*compilation.endpoints),
            write(folder, &*compilation.config),
        ]
        .into()
    }

    /// Serves it.
    pub async fn open(self) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let digests = self.write(&folder);
        let mut source = config::Options::new(folder.path());
        source.poll = Duration::from_millis(100);
        let entry_points = ["web=127.0.0.1:0", "websecure=127.0.0.1:0,tls"];
        let mut options = app::Options::new(source, entry_points.map(|text| text.parse().unwrap()).into());
        options.threads = 2;
        options.first_turn = Some(0);
        options.drain_delay = Duration::ZERO;
        let running = Proxy::bind(options).unwrap().serve().unwrap();
        let addresses = running.addresses().clone();
        let stage = Stage {
            web: addresses.entry_points[0],
            websecure: addresses.entry_points[1],
            admin: addresses.admin,
            _running: running,
            _folder: folder,
        };
        stage.serves(&digests).await;
        stage
    }
}

impl Stage {
    async fn serves(&self, digests: &BTreeMap<String, String>) {
        until("the documents to be loaded", async || {
            let (_, body) = http::get(self.admin, "/config").await.unwrap();
            let shown: Value = serde_json::from_slice(&body).unwrap();
            shown["loaded"]["digests"] == json!(digests)
        })
        .await;
    }

    /// The metrics, as they are printed.
    pub async fn metrics(&self) -> String {
        let (_, body) = http::get(self.admin, "/metrics").await.unwrap();
        String::from_utf8(body.into()).unwrap()
    }

    /// What curl gets for a path of `example.com`.
    pub async fn get(&self, path: &str) -> Answer {
        self.curl(path, &[]).await
    }

    /// The same, with more arguments.
    pub async fn curl(&self, path: &str, arguments: &[&str]) -> Answer {
        let url = format!("http://{}{path}", self.web);
        curl(["-H", "Host: example.com", &url].iter().chain(arguments)).await
    }
}

fn write<D: Document>(folder: &TempDir, document: &D) -> (String, String) {
    let (text, digest) = text::write(document).unwrap();
    let temporary = folder.path().join(format!(".{}", D::STEM));
    fs::write(&temporary, text).unwrap();
    fs::rename(temporary, folder.path().join(format!("{}.json", D::STEM))).unwrap();
    (D::STEM.to_owned(), digest.to_string())
}

/// Waits until something holds.
pub async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = time::Instant::now() + LIMIT;
    while !holds().await {
        assert!(time::Instant::now() < deadline, "waited in vain for {what}");
        time::sleep(Duration::from_millis(5)).await;
    }
}
