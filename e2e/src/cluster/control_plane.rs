//! etcd, kube-apiserver and kube-controller-manager on ports of the loopback interface.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::{group::Group, ports, process::Process, tools::Tools, wait::eventually};

/// How long a component may take to end. The API server waits a minute for clients with watches, longer than its own
/// supervisor would.
const GRACE: Duration = Duration::from_secs(5);
/// The limit for making a key and a certificate.
const CERTIFICATE: Duration = Duration::from_mins(1);

/// A part of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// Keeps its data when it is stopped and started.
    Etcd,
    /// Keeps its port and its certificate.
    ApiServer,
    /// Deletes what is in deleted namespaces and what belongs to deleted owners, and makes service accounts.
    ControllerManager,
}

impl Component {
    fn program(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
        }
    }
}

/// A control plane of our own.
#[derive(Debug)]
pub struct ControlPlane {
    tools: Tools,
    folder: PathBuf,
    /// `--token-auth-file` of the API server, with one administrator.
    token: String,
    etcd_port: u16,
    etcd_peer_port: u16,
    port: u16,
    running: BTreeMap<Component, Process>,
}

impl ControlPlane {
    /// Starts all components, and waits for no more than they need for that.
    pub(super) async fn start_all(tools: &Tools, group: &Group) -> Result<Self> {
        let mut control_plane = Self {
            tools: tools.clone(),
            folder: group.folder().to_owned(),
            token: random()?,
            etcd_port: ports::reserve()?,
            etcd_peer_port: ports::reserve()?,
            port: ports::reserve()?,
            running: BTreeMap::new(),
        };
        control_plane.write_files()?;
        control_plane.start(Component::Etcd, group)?;
        control_plane.start(Component::ApiServer, group)?;
        // all clients want it, before they ask for the first time
        let certificate = control_plane.certificate();
        eventually("the API server has a certificate", CERTIFICATE, async || {
            ensure!(certificate.is_file(), "{} is not there", certificate.display());
            control_plane.supervise(group)
        })
        .await?;
        control_plane.start(Component::ControllerManager, group)?;
        Ok(control_plane)
    }

    pub(super) fn start(&mut self, component: Component, group: &Group) -> Result<()> {
        let mut command = Command::new(self.tools.program(component.program())?);
        command.args(match component {
            Component::Etcd => self.etcd(),
            Component::ApiServer => self.api_server(),
            Component::ControllerManager => self.controller_manager(),
        });
        // Kubernetes' programs leave things in the working directory
        command.current_dir(&self.folder);
        let process = group.spawn(component.program(), command)?;
        self.running.insert(component, process);
        Ok(())
    }

    /// A running component, which is not supervised any longer.
    pub(super) fn take(&mut self, component: Component) -> Result<Process> {
        let process = self.running.remove(&component);
        process.with_context(|| format!("{component:?} does not run"))
    }

    pub(super) fn process(&mut self, component: Component) -> Result<&mut Process> {
        self.running
            .get_mut(&component)
            .with_context(|| format!("{component:?} does not run"))
    }

    /// An error with the end of its log for a component that has ended by itself, which only one of them may: the
    /// controller manager gives up when the API server goes away while it starts, and is started again as in any cluster.
    pub(super) fn supervise(&mut self, group: &Group) -> Result<()> {
        let manager = self.running.get_mut(&Component::ControllerManager);
        if manager.is_some_and(|manager| manager.exited().is_some()) {
            self.start(Component::ControllerManager, group)?;
        }
        self.running.values_mut().try_for_each(Process::ensure_running)
    }

    /// Of an administrator.
    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// Each request that changes something is a line there, once it is answered.
    pub(super) fn audit_log(&self) -> PathBuf {
        self.folder.join("audit.log")
    }

    fn certificate(&self) -> PathBuf {
        self.folder.join("certificates/apiserver.crt")
    }

    fn audit_policy(&self) -> PathBuf {
        self.folder.join("audit-policy.json")
    }

    fn write_files(&self) -> Result<()> {
        let tokens = format!("{},admin,admin,system:masters\n", self.token);
        fs::write(self.folder.join("tokens.csv"), tokens)?;
        let policy = json!({
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [
                {"level": "Metadata", "verbs": ["create", "update", "patch", "delete", "deletecollection"]},
                {"level": "None"},
            ],
        });
        fs::write(self.audit_policy(), policy.to_string())?;
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "e2e",
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "admin"}}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
            "clusters": [{"name": "e2e", "cluster": {
                "server": format!("https://127.0.0.1:{}", self.port),
                "certificate-authority": self.certificate(),
            }}],
        });
        fs::write(self.kubeconfig(), serde_json::to_string_pretty(&kubeconfig)?)?;
        Ok(())
    }

    fn etcd(&self) -> Vec<String> {
        let (client, peer) = (
            self.etcd_url(),
            format!("http://127.0.0.1:{}", self.etcd_peer_port),
        );
        vec![
            option("data-dir", self.folder.join("etcd-data")),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            // what survives a killed process is enough; nobody pulls the plug
            "--unsafe-no-fsync".to_owned(),
            "--log-level=warn".to_owned(),
        ]
    }

    fn api_server(&self) -> Vec<String> {
        let certificates = self.folder.join("certificates");
        vec![
            format!("--etcd-servers={}", self.etcd_url()),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", self.port),
            "--advertise-address=127.0.0.1".to_owned(),
            // its own Service, which nobody here asks for, must not have a loopback address
            "--endpoint-reconciler-type=none".to_owned(),
            option("cert-dir", &certificates),
            option("token-auth-file", self.folder.join("tokens.csv")),
            option("audit-policy-file", self.audit_policy()),
            option("audit-log-path", self.audit_log()),
            "--authorization-mode=Node,RBAC".to_owned(),
            "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            // it makes this key for its certificate before it reads it for these
            option(
                "service-account-signing-key-file",
                certificates.join("apiserver.key"),
            ),
            option("service-account-key-file", certificates.join("apiserver.key")),
            "--allow-privileged=true".to_owned(),
        ]
    }

    fn controller_manager(&self) -> Vec<String> {
        vec![
            option("kubeconfig", self.kubeconfig()),
            "--controllers=namespace-controller,garbage-collector-controller,serviceaccount-controller,\
             validatingadmissionpolicy-status-controller"
                .to_owned(),
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
        ]
    }

    fn etcd_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.etcd_port)
    }
}

/// Asks a component to end, and waits for that, but not for ever.
pub(super) async fn stop(mut component: Process) {
    // one that does not end in time is killed with the value
    drop(component.terminate(GRACE).await);
}

fn option(name: &str, path: impl AsRef<Path>) -> String {
    format!("--{name}={}", path.as_ref().display())
}

/// 32 hexadecimal digits that nobody else on the machine can guess.
fn random() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
