//! etcd, kube-apiserver and kube-controller-manager: on ports of the loopback interface, or in a node of their own.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read as _,
    net::Ipv4Addr,
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

/// In the folder of a control plane with a node: what the node's kubelet connects with.
pub const NODE_KUBECONFIG: &str = "node.kubeconfig";

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

/// What differs between a control plane alone and that of a node.
#[derive(Clone, Debug)]
pub struct Site {
    /// Where the API server listens.
    pub address: Ipv4Addr,
    /// The range of the Services' addresses.
    pub services: String,
    /// The controllers that run, as their flag has them.
    pub controllers: &'static str,
    /// The network namespace of all processes, as a file; without, that of this program.
    pub network: Option<PathBuf>,
    /// A node that may be one, with its token.
    pub node: Option<(String, String)>,
}

impl Site {
    /// Without any node: the controllers are those that clean up, and that make pods possible.
    pub fn alone() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST,
            services: "10.96.0.0/16".to_owned(),
            controllers: "namespace-controller,garbage-collector-controller,serviceaccount-controller,\
                          validatingadmissionpolicy-status-controller",
            network: None,
            node: None,
        }
    }

    /// Starts a program there.
    pub fn command(&self, program: PathBuf) -> Command {
        let Some(network) = &self.network else {
            return Command::new(program);
        };
        let mut command = Command::new("nsenter");
        command.arg(option("net", network)).arg("--").arg(program);
        command
    }
}

/// A control plane of our own.
#[derive(Debug)]
pub struct ControlPlane {
    tools: Tools,
    folder: PathBuf,
    site: Site,
    /// `--token-auth-file` of the API server, with one administrator.
    token: String,
    etcd_port: u16,
    etcd_peer_port: u16,
    port: u16,
    running: BTreeMap<Component, Process>,
}

impl ControlPlane {
    /// Starts all components, and waits for no more than they need for that.
    pub(super) async fn start_all(tools: &Tools, group: &Group, site: Site) -> Result<Self> {
        let mut control_plane = Self {
            tools: tools.clone(),
            folder: group.folder().to_owned(),
            site,
            token: random()?,
            etcd_port: ports::reserve()?,
            etcd_peer_port: ports::reserve()?,
            port: ports::reserve()?,
            running: BTreeMap::new(),
        };
        control_plane.write_files()?;
        control_plane.start_components(group).await?;
        Ok(control_plane)
    }

    /// Starts all.
    async fn start_components(&mut self, group: &Group) -> Result<()> {
        self.start(Component::Etcd, group)?;
        self.start(Component::ApiServer, group)?;
        // all clients want it, before they ask for the first time
        let certificate = self.certificate();
        eventually("the API server has a certificate", CERTIFICATE, async || {
            ensure!(certificate.is_file(), "{} is not there", certificate.display());
            self.supervise(group)
        })
        .await?;
        self.start(Component::ControllerManager, group)
    }

    /// Ends all components without a chance to clean up.
    pub(super) fn kill_all(&mut self) {
        // a process is killed with its value
        self.running.clear();
    }

    /// Starts them again, after [`Self::kill_all`], in another network namespace. Nobody has to wait for the certificate.
    pub(super) fn restart_all(&mut self, group: &Group, network: PathBuf) -> Result<()> {
        self.site.network = Some(network);
        [
            Component::Etcd,
            Component::ApiServer,
            Component::ControllerManager,
        ]
        .into_iter()
        .try_for_each(|component| self.start(component, group))
    }

    pub(super) fn start(&mut self, component: Component, group: &Group) -> Result<()> {
        let mut command = self.site.command(self.tools.program(component.program())?);
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
        let mut tokens = vec![format!("{},admin,admin,system:masters\n", self.token)];
        if let Some((node, token)) = &self.site.node {
            tokens.push(format!("{token},system:node:{node},{node},system:nodes\n"));
            self.write_kubeconfig(&self.folder.join(NODE_KUBECONFIG), token)?;
        }
        fs::write(self.folder.join("tokens.csv"), tokens.concat())?;
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
        self.write_kubeconfig(&self.kubeconfig(), &self.token)
    }

    /// Writes what a client with this token needs.
    fn write_kubeconfig(&self, path: &Path, token: &str) -> Result<()> {
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "e2e",
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "e2e"}}],
            "users": [{"name": "e2e", "user": {"token": token}}],
            "clusters": [{"name": "e2e", "cluster": {
                "server": format!("https://{}:{}", self.site.address, self.port),
                "certificate-authority": self.certificate(),
            }}],
        });
        fs::write(path, serde_json::to_string_pretty(&kubeconfig)?)?;
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
        let (address, key) = (self.site.address, self.key());
        let mut arguments = vec![
            format!("--etcd-servers={}", self.etcd_url()),
            format!("--bind-address={address}"),
            format!("--secure-port={}", self.port),
            format!("--advertise-address={address}"),
            option("cert-dir", self.folder.join("certificates")),
            option("token-auth-file", self.folder.join("tokens.csv")),
            option("audit-policy-file", self.audit_policy()),
            option("audit-log-path", self.audit_log()),
            "--authorization-mode=Node,RBAC".to_owned(),
            format!("--service-cluster-ip-range={}", self.site.services),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            // it makes this key for its certificate before it reads it for these
            option("service-account-signing-key-file", &key),
            option("service-account-key-file", &key),
            "--allow-privileged=true".to_owned(),
            // the name of a node is in no DNS: for `kubectl exec`, `logs` and `port-forward`
            "--kubelet-preferred-address-types=InternalIP".to_owned(),
        ];
        if address.is_loopback() {
            // its own Service, which nobody here asks for, must not have a loopback address
            arguments.push("--endpoint-reconciler-type=none".to_owned());
        }
        arguments
    }

    fn controller_manager(&self) -> Vec<String> {
        vec![
            option("kubeconfig", self.kubeconfig()),
            format!("--controllers={}", self.site.controllers),
            // what pods believe the API server by
            option("root-ca-file", self.certificate()),
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
        ]
    }

    /// Of the API server's certificate, and of the service accounts' tokens.
    fn key(&self) -> PathBuf {
        self.folder.join("certificates/apiserver.key")
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

pub(crate) fn option(name: &str, path: impl AsRef<Path>) -> String {
    format!("--{name}={}", path.as_ref().display())
}

/// 32 hexadecimal digits that nobody else on the machine can guess.
pub(crate) fn random() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
