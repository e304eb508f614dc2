//! The commands of the README, and those that helm prints, typed into a shell by somebody who is new.

use std::{env, ffi::OsString, process::Command, time::Duration};

use anyhow::{Result, ensure};
use weir_e2e::{
    cluster::{kubectl::Kubectl, program, tools::Tools},
    markdown::{blocks, commands},
    node::Node,
};

/// Of `helm install --wait`, the longest of them.
const LIMIT: Duration = Duration::from_mins(5);
/// The README has these, word for word.
const HELM: [&str; 4] = [
    "helm install weir charts/weir --namespace weir-system --create-namespace --wait",
    "helm upgrade weir charts/weir --namespace weir-system --wait",
    "helm test weir --namespace weir-system",
    "helm uninstall weir --namespace weir-system --wait",
];

#[tokio::test]
#[ignore = "needs a node: make e2e-node"]
async fn the_commands_of_the_readme_and_those_that_helm_prints_work() {
    let node = Node::shared().await.unwrap();
    // of another test that has used the examples
    let gone = "kubectl wait --for=delete namespace/apps --timeout=80s";
    type_in(node, gone).await.unwrap();

    let page = std::fs::read_to_string(Kubectl::file("README.md")).unwrap();
    let scripts: Vec<String> = blocks(&page)
        .into_iter()
        .filter_map(|(language, block)| match language {
            "sh" => Some(block.to_owned()),
            "console" => Some(commands(block).collect::<Vec<_>>().join("\n")),
            _ => None,
        })
        .collect();
    let all = scripts.join("\n");
    for line in HELM {
        assert!(all.lines().any(|typed| typed == line), "{line}");
    }
    let (uninstall, others) = scripts.split_last().unwrap();
    for script in others {
        type_in(node, script).await.unwrap();
    }
    let pods = "kubectl wait -n apps deployments --for=condition=Available --all --timeout=80s";
    type_in(node, pods).await.unwrap();

    for kind in ["NodePort", "ClusterIP"] {
        let upgrade = format!("{} --set service.type={kind}", HELM[1]);
        type_in(node, &upgrade).await.unwrap();
        let answer = first_request(node).await.unwrap();
        assert!(answer.contains("\nName: svc"), "{answer}");
        assert!(answer.contains("error[WEIR0020]"), "{answer}");
    }

    type_in(node, uninstall).await.unwrap();
    let delete = "kubectl delete -f examples/ --ignore-not-found";
    type_in(node, delete).await.unwrap();
}

/// Types in what helm says, but for what needs the chart's address.
async fn first_request(node: &Node) -> Result<String> {
    let notes = type_in(node, "helm get notes weir --namespace weir-system").await?;
    let typed: Vec<_> = notes
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.contains("CHART"))
        .collect();
    ensure!(typed.len() > 2, "{notes}");
    // what it leaves running ends with the shell
    let script = format!(
        "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{}",
        typed.join("\n")
    );
    type_in(node, &script).await
}

/// Runs a script in the project's folder, up to the first command that fails, and returns what it prints.
async fn type_in(node: &Node, script: &str) -> Result<String> {
    let tools = Tools::find()?;
    let folder = tools.program("kubectl")?;
    let mut path = OsString::from(folder.parent().unwrap_or(&folder));
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new("bash");
    command
        .args(["-euc", script])
        .current_dir(Kubectl::file("."))
        .env("PATH", path)
        .env("KUBECONFIG", node.cluster().kubeconfig());
    // what it remembers it keeps there, and not in the user's home
    for kind in ["CACHE", "CONFIG", "DATA"] {
        command.env(format!("HELM_{kind}_HOME"), node.cluster().folder().join("helm"));
    }
    command.env("KUBECACHEDIR", node.cluster().folder().join("kubectl"));
    let said = program::say(command, script, None, LIMIT).await?;
    Ok(said.stdout)
}
