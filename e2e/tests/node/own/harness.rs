//! Whether the node leaves nothing behind.

use std::{
    env, fs, iter,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use weir_e2e::{
    cluster::{group::Group, kubectl::Kubectl, wait::eventually},
    node::Node,
};

const LIMIT: Duration = Duration::from_mins(2);
/// Names the file by which the node that is to be killed tells what it has started.
const TELL: &str = "WEIR_E2E_TELL";

#[tokio::test]
#[ignore = "needs a node: make e2e-node"]
async fn a_killed_test_leaves_no_process_mount_device_cgroup_or_file() {
    let group = Group::new().unwrap();
    let told = group.folder().join("told");
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args([
            "--ignored",
            "--exact",
            "own::harness::runs_until_it_is_killed",
            "--nocapture",
        ])
        .env(TELL, &told);
    let mut test = group.spawn("test", command).unwrap();
    let text = eventually("the node runs pods", LIMIT, async || {
        test.ensure_running()?;
        fs::read_to_string(&told).context("nothing told")
    });
    let text = text.await.unwrap();
    let (device, folder) = text.split_once(' ').unwrap();
    let folder = Path::new(folder);
    let before = traces(folder, device);
    assert!(
        before.iter().any(|trace| trace.contains("weir-backend")),
        "{before:#?}"
    );

    test.kill().unwrap();

    eventually("all of it is gone", LIMIT, async || {
        let left = traces(folder, device);
        ensure!(left.is_empty(), "{left:#?}");
        Ok(())
    })
    .await
    .unwrap();
}

/// The one that is killed above; by itself it does nothing.
#[tokio::test]
#[ignore = "needs a node: make e2e-node"]
async fn runs_until_it_is_killed() {
    let Some(tell) = env::var_os(TELL).map(PathBuf::from) else {
        return;
    };
    let node = Node::start().await.unwrap();
    let kubectl = node.cluster().kubectl();
    for file in ["00-namespace.yaml", "deployments.yaml"] {
        let file = Kubectl::file(&format!("examples/{file}"));
        kubectl.run(&["apply", "-f", &file]).await.unwrap();
    }
    let wait = [
        "wait",
        "-n",
        "apps",
        "deployments",
        "--all",
        "--for=condition=Available",
        "--timeout=60s",
    ];
    kubectl.run(&wait).await.unwrap();
    let text = format!("{} {}", node.device().unwrap(), node.cluster().folder().display());
    fs::write(tell.with_extension("new"), text).unwrap();
    fs::rename(tell.with_extension("new"), tell).unwrap();
    std::future::pending::<()>().await;
}

/// All that can be seen of a node from here.
fn traces(folder: &Path, device: &str) -> Vec<String> {
    let name = folder.file_name().unwrap().to_str().unwrap();
    let folders =
        ["cpu", "memory", "unified", "."].map(|hierarchy| format!("/sys/fs/cgroup/{hierarchy}/{name}"));
    let folders = folders
        .into_iter()
        .chain([folder.display().to_string(), format!("/sys/class/net/{device}")]);
    let mut traces: Vec<_> = folders.filter(|path| Path::new(path).exists()).collect();
    for process in fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()) {
        let read = |file: &str| fs::read(process.join(file)).unwrap_or_default();
        let has = |file: &str| String::from_utf8_lossy(&read(file)).contains(name);
        // in its mounts is everything of its namespace, in its cgroups every pod, in its arguments the rest
        if ["mountinfo", "cgroup", "cmdline"].into_iter().any(has) {
            let command = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
            traces.extend(iter::once(format!("{}: {command}", process.display())));
        }
    }
    traces
}
