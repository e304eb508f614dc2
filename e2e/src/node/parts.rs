//! What makes a node of a machine: containerd, kubelet, kube-proxy; and the scheduler that gives it pods.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{image, machine::Machine};
use crate::cluster::{
    Cluster,
    control_plane::{NODE_KUBECONFIG, option},
    process::Process,
    program,
    tools::Tools,
    wait::eventually,
};

const LIMIT: Duration = Duration::from_mins(2);
/// Where Debian puts them.
const CNI: &str = "/usr/lib/cni";

/// The programs of a node that runs. What they have started ends with the machine.
#[derive(Debug)]
pub(super) struct Parts {
    containerd: Process,
    kubelet: Process,
    scheduler: Process,
    kube_proxy: Process,
}

/// Where the programs are, and the files that they read.
#[derive(Debug)]
pub(super) struct Plan {
    tools: Tools,
    folder: PathBuf,
    /// Of the node.
    name: String,
}

impl Plan {
    /// Writes the files.
    pub(super) fn new(tools: Tools, folder: &Path, name: &str, machine: &Machine) -> Result<Self> {
        let plan = Self {
            tools,
            folder: folder.to_owned(),
            name: name.to_owned(),
        };
        fs::write(folder.join("containerd.toml"), plan.containerd()?)?;
        fs::create_dir_all(folder.join("cni"))?;
        let write = |name: &str, content: Value| fs::write(folder.join(name), content.to_string());
        write("cni/10-weir.conflist", cni(machine))?;
        write("kubelet.json", plan.kubelet(machine))?;
        write("kube-proxy.json", plan.kube_proxy(machine))?;
        Ok(plan)
    }

    /// Starts everything, and gives the node these images.
    pub(super) async fn start(
        &self,
        cluster: &Cluster,
        machine: &Machine,
        images: &[PathBuf],
    ) -> Result<Parts> {
        let program = |name: &str| self.tools.program(name);
        let in_network = |name: &str| -> Result<_> {
            let mut command = std::process::Command::new("nsenter");
            command
                .arg(option("net", machine.network_file()))
                .arg("--")
                .arg(program(name)?);
            command.current_dir(&self.folder);
            Ok(command)
        };
        let kubeconfig = option("kubeconfig", cluster.kubeconfig());

        let mut containerd = machine.command(&program("containerd")?);
        containerd.arg(option("config", self.folder.join("containerd.toml")));
        // its shims are beside it
        let path = std::env::var("PATH").unwrap_or_default();
        let shim = program("containerd-shim-runc-v2")?;
        let folder = shim.parent().unwrap_or(&shim);
        containerd.env("PATH", format!("{}:{path}", folder.display()));
        let mut containerd = cluster.spawn("containerd", containerd)?;

        let mut scheduler = in_network("kube-scheduler")?;
        scheduler.args([&kubeconfig, "--leader-elect=false", "--secure-port=0"]);
        let scheduler = cluster.spawn("kube-scheduler", scheduler)?;
        let mut kube_proxy = in_network("kube-proxy")?;
        kube_proxy.arg(option("config", self.folder.join("kube-proxy.json")));
        let kube_proxy = cluster.spawn("kube-proxy", kube_proxy)?;

        eventually("containerd answers", LIMIT, async || {
            containerd.ensure_running()?;
            self.ctr(&["version"]).await
        })
        .await?;
        for image in images {
            self.import(image).await?;
        }

        let mut kubelet = machine.command(&program("kubelet")?);
        kubelet.current_dir(&self.folder).args([
            option("config", self.folder.join("kubelet.json")),
            option("kubeconfig", self.folder.join(NODE_KUBECONFIG)),
            option("root-dir", self.folder.join("kubelet")),
            option("cert-dir", self.folder.join("kubelet/pki")),
            format!("--hostname-override={}", self.name),
            format!("--node-ip={}", machine.network.machine()),
        ]);
        let mut parts = Parts {
            containerd,
            kubelet: cluster.spawn("kubelet", kubelet)?,
            scheduler,
            kube_proxy,
        };
        let path = format!("/api/v1/nodes/{}", self.name);
        eventually("the node is ready", LIMIT, async || {
            parts.ensure_running()?;
            let node = cluster.api().get(&path).await?;
            let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
            let mut ready = conditions.filter(|condition| condition["type"] == "Ready");
            ensure!(
                ready.any(|ready| ready["status"] == "True"),
                "{}",
                node["status"]["conditions"]
            );
            // pods are not scheduled before
            ensure!(node["spec"]["taints"].is_null(), "{}", node["spec"]["taints"]);
            Ok(())
        })
        .await?;
        Ok(parts)
    }

    /// Gives the node an image.
    pub(super) async fn import(&self, archive: &Path) -> Result<()> {
        let archive = archive.display().to_string();
        self.ctr(&["images", "import", &archive]).await
    }

    async fn ctr(&self, arguments: &[&str]) -> Result<()> {
        let mut command = std::process::Command::new(self.tools.program("ctr")?);
        command
            .arg(option("address", self.socket()))
            .args(["--namespace", "k8s.io"])
            .args(arguments);
        let shown = format!("ctr {}", arguments.join(" "));
        program::say(command, &shown, None, LIMIT).await.map(drop)
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("containerd.sock")
    }

    fn containerd(&self) -> Result<String> {
        let quoted = |path: PathBuf| format!("{:?}", path.display().to_string());
        Ok(format!(
            r#"version = 3
root = {root}
state = "/run/containerd"
# none of these works everywhere, and none is needed
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri", "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.erofs", "io.containerd.snapshotter.v1.zfs"]
[grpc]
address = {socket}
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "docker.io/{pause}"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{CNI}"]
conf_dir = {cni}
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = {runc}
SystemdCgroup = false
"#,
            root = quoted(self.folder.join("containerd")),
            socket = quoted(self.socket()),
            pause = image::PAUSE,
            cni = quoted(self.folder.join("cni")),
            runc = quoted(self.tools.program("runc")?),
        ))
    }

    fn kubelet(&self, machine: &Machine) -> Value {
        json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            // nobody but the API server and the tests can connect
            "authentication": {"anonymous": {"enabled": true}, "webhook": {"enabled": false}},
            "authorization": {"mode": "AlwaysAllow"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": format!("/{}", machine.cgroup()),
            "failCgroupV1": false,
            "failSwapOn": false,
            "enforceNodeAllocatable": [],
            "localStorageCapacityIsolation": false,
            // the disk is the host's, and so is what is on it
            "evictionHard": {"memory.available": "1Mi"},
            "imageGCHighThresholdPercent": 99,
            "imageGCLowThresholdPercent": 98,
            "containerRuntimeEndpoint": format!("unix://{}", self.socket().display()),
            "volumePluginDir": self.folder.join("volume-plugins"),
            "makeIPTablesUtilChains": false,
            "resolvConf": "",
            "clusterDNS": [machine.network.name_server()],
        })
    }

    fn kube_proxy(&self, machine: &Machine) -> Value {
        json!({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "clusterCIDR": machine.network.pods(),
            "hostnameOverride": self.name,
            "clientConnection": {"kubeconfig": self.folder.join("kubeconfig")},
            // the table of connections is the host's, and its size is nobody's business here
            "conntrack": {"maxPerCore": 0, "min": 0},
        })
    }
}

impl Parts {
    /// An error with the end of its log for a part that has ended.
    pub(super) fn ensure_running(&mut self) -> Result<()> {
        let Self {
            containerd,
            kubelet,
            scheduler,
            kube_proxy,
        } = self;
        [containerd, kubelet, scheduler, kube_proxy]
            .into_iter()
            .try_for_each(Process::ensure_running)
    }
}

/// Each pod is a network of two, so that what goes from pod to pod through a Service comes back that way.
fn cni(machine: &Machine) -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": "weir",
        "plugins": [{
            "type": "ptp",
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": machine.network.pods()}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }],
    })
}
