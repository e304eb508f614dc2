//! The machine that a node runs on: namespaces of network, processes and mounts, held by a process that does nothing.
//!
//! When that process ends, however it does, the kernel ends all others in there (containers and what watches them, too),
//! and with the last of them go the mounts and the network. What remains are cgroups and a folder, and the [`Group`]'s
//! watchdog removes those.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::network::Network;
use crate::cluster::{
    group::{CLEANUP, Group},
    process::Process,
    wait::eventually,
};

const LIMIT: Duration = Duration::from_secs(20);
const CGROUPS: &str = "/sys/fs/cgroup";

/// `/proc` is replaced last, since only the old one says who this process is outside. Kubernetes' programs have fixed
/// places below `/run`, `/var/lib` and `/var/log`; here they are empty.
const INIT: &str = r#"
set -e
cd "$1"
mkdir -p var/lib var/log
mount -t tmpfs tmpfs /run
mount --bind var/lib /var/lib
mount --bind var/log /var/log
mount --make-rshared /
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
read -r pid _ </proc/self/stat
mount -t proc proc /proc
echo "$pid" >init.new
mv init.new init.pid
while :; do sleep infinity & wait; done
"#;

/// A cgroup can be removed when its last process is gone, which takes a moment after that was killed.
const REMOVE_CGROUPS: &str = r#"
for _ in {1..250}; do
    left=$(find /sys/fs/cgroup -maxdepth 2 -type d -name "$cgroup")
    [ -n "$left" ] || exit 0
    find $left -depth -type d -exec rmdir {} \; 2>/dev/null
    sleep 0.02
done
exit 1
"#;

/// A machine that is on.
#[derive(Debug)]
pub(super) struct Machine {
    /// Its addresses.
    pub(super) network: Network,
    /// Of the process that holds everything, as seen from outside.
    pid: u32,
    cgroup: String,
    init: Process,
}

impl Machine {
    /// Switches one on. With a network it is the one that had that before, and keeps it.
    pub(super) async fn boot(group: &Group, network: Option<Network>) -> Result<Self> {
        let folder = group.folder();
        // nobody else has a folder of this name, nor cgroups
        let cgroup = folder.file_name().context("a folder without a name")?;
        let cgroup = cgroup.to_string_lossy().into_owned();
        fs::write(folder.join(CLEANUP), remove_cgroups(&cgroup))?;
        let mut command = Command::new("unshare");
        command
            .args(["--net", "--pid", "--mount", "--fork", "--kill-child"])
            .args(["bash", "-c", INIT, "weir-e2e-init"])
            .arg(folder);
        let told = folder.join("init.pid");
        drop(fs::remove_file(&told));
        let mut init = group.spawn("init", command)?;
        let pid = eventually("the machine is on", LIMIT, async || {
            init.ensure_running()?;
            let text = fs::read_to_string(&told).context("it does not say who it is")?;
            Ok(text.trim().parse()?)
        })
        .await?;
        make_cgroups(&cgroup)?;
        let network = match network {
            None => Network::connect(pid)?,
            Some(network) => {
                network.reconnect(pid)?;
                network
            }
        };
        Ok(Self {
            network,
            pid,
            cgroup,
            init,
        })
    }

    /// Switches it off, as when the power fails, and waits until nothing of it runs.
    pub(super) fn power_off(mut self) -> Result<Network> {
        self.init.kill()?;
        let Self { network, cgroup, .. } = self;
        network.disconnect();
        let status = Command::new("bash")
            .args(["-c", &remove_cgroups(&cgroup)])
            .status()?;
        ensure!(status.success(), "cgroups {cgroup} are still in use");
        Ok(network)
    }

    /// Its network namespace.
    pub(super) fn network_file(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.pid))
    }

    /// Kills all processes of a program in a pod, without a chance to clean up.
    pub(super) fn kill_in_pod(&self, uid: &str, program: &str) -> Result<()> {
        let mut killed = 0;
        for process in fs::read_dir("/proc")?.flatten() {
            let read = |file: &str| fs::read_to_string(process.path().join(file)).unwrap_or_default();
            let cgroups = read("cgroup");
            let its = cgroups.contains(&self.cgroup) && cgroups.contains(uid);
            if its && program.starts_with(read("comm").trim_end()) {
                let id = process.file_name().to_string_lossy().parse().ok();
                let id = id.and_then(Pid::from_raw).context("a process without an id")?;
                kill_process(id, Signal::KILL)?;
                killed += 1;
            }
        }
        ensure!(killed > 0, "{program} does not run in pod {uid}");
        Ok(())
    }

    /// Of the cgroups below which its pods are.
    pub(super) fn cgroup(&self) -> &str {
        &self.cgroup
    }

    /// Starts a program among its processes.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", self.pid))
            .args(["--net", "--pid", "--mount", "--"])
            .arg(program);
        command
    }
}

fn remove_cgroups(cgroup: &str) -> String {
    format!("cgroup={cgroup}{REMOVE_CGROUPS}")
}

/// In each hierarchy of version 1, or in the one of version 2.
fn make_cgroups(cgroup: &str) -> Result<()> {
    let root = Path::new(CGROUPS);
    if root.join("cgroup.controllers").is_file() {
        return fs::create_dir(root.join(cgroup)).context("the cgroup cannot be made");
    }
    for hierarchy in fs::read_dir(root)?.flatten() {
        let folder = hierarchy.path();
        // `cpu,cpuacct` has its parts as links beside it
        if hierarchy.file_type()?.is_dir() && folder.join("cgroup.procs").is_file() {
            let folder = folder.join(cgroup);
            fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        }
    }
    Ok(())
}
