//! Whether the node itself works, and leaves nothing behind.

use weir_e2e::node::Node;

#[tokio::test]
#[ignore = "needs a node: make e2e-node"]
async fn a_node_runs_pods() {
    let started = std::time::Instant::now();
    let node = Node::start().await.unwrap();
    println!("ready after {:?}", started.elapsed());
    let said = node.cluster().kubectl().run(&["get", "nodes,pods", "-A", "-o", "wide"]).await.unwrap();
    println!("{said}");
    let examples = weir_e2e::cluster::kubectl::Kubectl::file("examples");
    let kubectl = node.cluster().kubectl();
    node.cluster().install_crds().await.unwrap();
    kubectl.run(&["apply", "-f", &examples]).await.unwrap();
    let said = kubectl.run(&["-n", "apps", "rollout", "status", "deployment/app1", "--timeout=60s"]).await;
    println!("{said:?} {:?}", started.elapsed());
    println!("{}", kubectl.run(&["get", "pods", "-A", "-o", "wide"]).await.unwrap());
    println!("{}", kubectl.run(&["get", "events", "-A"]).await.unwrap());
}
