//! A real Kubernetes API: etcd, kube-apiserver and kube-controller-manager without any node, or a cluster that is there.
//!
//! [`Cluster::shared`] is one control plane for all tests of a program, [`Cluster::start`] one that a test may stop and
//! break. Each test works in a [`Namespace`] of its own. There is no kubelet: a [`projection::Projection`] does for a
//! running proxy what kubelet does for a volume, and a [`proxy_pod::ProxyPod`] makes that proxy look like a pod.
//!
//! With `WEIR_E2E_KUBECONFIG` naming a kubeconfig, [`Cluster::shared`] is that cluster, where the custom resources are
//! installed and namespaces come and go. Everything else needs a control plane of its own and says so.

pub mod api;
pub mod app;
pub mod audit;
pub mod control_plane;
pub mod group;
pub mod kubectl;
pub mod namespace;
pub mod operator;
pub mod ports;
pub mod process;
pub mod program;
pub mod projection;
pub mod proxy_pod;
pub mod published;
pub mod release;
pub mod resource;
pub mod tools;
pub mod user;
pub mod volume;
pub mod wait;
pub mod watch;

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use tokio::sync::OnceCell;

use self::{
    api::Api,
    audit::Audit,
    control_plane::{Component, ControlPlane, Site},
    group::Group,
    kubectl::Kubectl,
    namespace::Namespace,
    process::Process,
    tools::Tools,
    wait::eventually,
};

/// A kubeconfig whose current context is used instead of a control plane of our own.
pub const KUBECONFIG: &str = "WEIR_E2E_KUBECONFIG";

/// Within which the API answers, on a machine that is busy with compiling, too.
const START: Duration = Duration::from_mins(2);

/// A cluster's API. What it started ends with it, and with this program.
#[derive(Debug)]
pub struct Cluster {
    kubectl: Kubectl,
    api: Api,
    /// `kubectl proxy`, which `api` goes through.
    proxy: Mutex<Process>,
    /// Not borrowed by whoever breaks it, so that namespaces and what is in them can be there meanwhile.
    control_plane: Option<Mutex<ControlPlane>>,
    // the last to go: it removes the others' folder
    group: Group,
}

impl Cluster {
    /// The one for all tests of this program, with the custom resources installed.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Result<Cluster, String>> = OnceCell::const_new();
        let start = async || -> Result<Self> {
            let cluster = match env::var_os(KUBECONFIG) {
                Some(kubeconfig) => Self::existing(Path::new(&kubeconfig)).await?,
                None => Self::start().await?,
            };
            cluster.install_crds().await?;
            Ok(cluster)
        };
        // what has failed once is not tried again by every test
        let started = SHARED.get_or_init(async || start().await.map_err(|error| format!("{error:#}")));
        started.await.as_ref().map_err(|error| anyhow!("{error}"))
    }

    /// A control plane of its own, without the custom resources.
    pub async fn start() -> Result<Self> {
        Self::start_at(Site::alone(), Group::new()?).await
    }

    /// A control plane at a place of its own.
    pub(crate) async fn start_at(site: Site, group: Group) -> Result<Self> {
        let tools = Tools::find()?;
        let control_plane = ControlPlane::start_all(&tools, &group, site).await?;
        let kubeconfig = control_plane.kubeconfig();
        let cluster = Self::over(&tools, kubeconfig, Some(control_plane), group)?;
        cluster.wait_until_ready().await?;
        Ok(cluster)
    }

    /// The cluster of a kubeconfig's current context.
    pub async fn existing(kubeconfig: &Path) -> Result<Self> {
        let kubeconfig =
            fs::canonicalize(kubeconfig).with_context(|| format!("{KUBECONFIG}={}", kubeconfig.display()))?;
        let cluster = Self::over(&Tools::find()?, kubeconfig, None, Group::new()?)?;
        cluster.wait_until_ready().await?;
        Ok(cluster)
    }

    fn over(
        tools: &Tools,
        kubeconfig: PathBuf,
        control_plane: Option<ControlPlane>,
        group: Group,
    ) -> Result<Self> {
        let kubectl = Kubectl {
            program: tools.program("kubectl")?,
            kubeconfig,
            cache: group.folder().join("kubectl"),
        };
        let port = ports::reserve()?;
        let mut command = kubectl.command();
        command.arg("proxy").arg(format!("--port={port}"));
        Ok(Self {
            api: Api::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            proxy: Mutex::new(group.spawn("kubectl-proxy", command)?),
            kubectl,
            control_plane: control_plane.map(Mutex::new),
            group,
        })
    }

    /// Waits until the API server is ready, for example after [`Self::start_component`].
    pub async fn wait_until_ready(&self) -> Result<()> {
        let mut ended = Ok(());
        let ready = eventually("the API server is ready", START, async || {
            ended = self.supervise();
            match &ended {
                Ok(()) => self.api.text("/readyz").await.map(|_| ()),
                // no use in waiting
                Err(_) => Ok(()),
            }
        });
        ready.await.and(ended)
    }

    fn supervise(&self) -> Result<()> {
        lock(&self.proxy).ensure_running()?;
        match &self.control_plane {
            Some(control_plane) => lock(control_plane).supervise(&self.group),
            None => Ok(()),
        }
    }

    /// Applies `crds/` as its documentation says, and waits until the API server serves them.
    pub async fn install_crds(&self) -> Result<()> {
        let crds = Kubectl::file("crds");
        let apply = ["apply", "--server-side", "--force-conflicts", "-f", &crds];
        self.kubectl.run(&apply).await?;
        let wait = ["wait", "--for=condition=Established", "-f", &crds];
        self.kubectl.run(&wait).await?;
        for resource in resource::CUSTOM {
            let path = resource.everywhere();
            let what = format!("{path} is served");
            eventually(&what, START, async || self.api.get(&path).await).await?;
        }
        Ok(())
    }

    /// kubectl on this cluster.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// The API as JSON.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The kubeconfig of an administrator.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubectl.kubeconfig
    }

    /// For files and logs; it goes with the cluster.
    pub fn folder(&self) -> &Path {
        self.group.folder()
    }

    /// A new namespace, deleted when the value goes.
    pub async fn namespace(&self) -> Result<Namespace<'_>> {
        Namespace::new(self).await
    }

    /// A namespace with this name, which may be there, deleted when the value goes.
    pub async fn namespace_called(&self, name: &str) -> Result<Namespace<'_>> {
        Namespace::called(self, name).await
    }

    /// Starts a process that does not outlive the cluster. Its log is `NAME.log` in the folder.
    pub fn spawn(&self, name: &str, command: Command) -> Result<Process> {
        self.group.spawn(name, command)
    }

    /// Starts a component that was stopped or killed. It does not wait until it works.
    pub fn start_component(&self, component: Component) -> Result<()> {
        self.own()?.start(component, &self.group)
    }

    /// Kills all components.
    pub(crate) fn kill_components(&self) -> Result<()> {
        self.own()?.kill_all();
        Ok(())
    }

    /// Starts all again in another network namespace, and waits until the API answers.
    pub(crate) async fn restart_components(&self, network: PathBuf) -> Result<()> {
        self.own()?.restart_all(&self.group, network)?;
        self.wait_until_ready().await
    }

    /// What ends with the cluster.
    pub(crate) fn group(&self) -> &Group {
        &self.group
    }

    /// Asks a component to end, and kills it when that takes more than a few seconds.
    pub async fn stop_component(&self, component: Component) -> Result<()> {
        let process = self.own()?.take(component)?;
        control_plane::stop(process).await;
        Ok(())
    }

    /// Ends a component without a chance to clean up.
    pub fn kill_component(&self, component: Component) -> Result<()> {
        let mut process = self.own()?.take(component)?;
        process.kill().map(drop)
    }

    /// Stops a component in its tracks.
    pub fn pause_component(&self, component: Component) -> Result<()> {
        self.own()?.process(component)?.pause()
    }

    /// Lets a paused component go on.
    pub fn resume_component(&self, component: Component) -> Result<()> {
        self.own()?.process(component)?.resume()
    }

    /// What the API server was asked to change.
    pub fn audit(&self) -> Result<Audit> {
        Ok(Audit::new(self.api, self.own()?.audit_log()))
    }

    /// An error on a cluster that was there before, whose pods and nodes are not ours to invent.
    pub fn ensure_own(&self) -> Result<()> {
        self.own().map(drop)
    }

    fn own(&self) -> Result<MutexGuard<'_, ControlPlane>> {
        let control_plane = self
            .control_plane
            .as_ref()
            .with_context(|| format!("this needs a control plane of its own, not the one of {KUBECONFIG}"))?;
        Ok(lock(control_plane))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // processes are as they are, wherever somebody has panicked
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An address of this machine that Kubernetes allows in EndpointSlices: not of the loopback interface.
pub fn host_address() -> Result<Ipv4Addr> {
    // no packet is sent: this asks the kernel which address it would send from
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    let address = socket
        .connect((Ipv4Addr::new(192, 0, 2, 1), 9))
        .and_then(|()| socket.local_addr())
        .context("this machine has no IPv4 address but those of the loopback interface")?;
    match address {
        SocketAddr::V4(address) if !address.ip().is_loopback() => Ok(*address.ip()),
        _ => bail!("this machine has no IPv4 address but {address}"),
    }
}
