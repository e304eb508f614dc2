//! What the README says: install, apply, send, uninstall.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use anyhow::{Result, ensure};
use weir_e2e::{
    cluster::{
        kubectl::{Kubectl, Said},
        wait::eventually,
    },
    http,
    load::{Load, Target},
    node::{
        Node,
        installed::{self, Installed},
    },
};

const LIMIT: Duration = Duration::from_mins(1);
/// Three turns of the whole tree of `examples/` for each of the connections below, and then some.
const REQUESTS: u64 = 600;
const CONNECTIONS: usize = 12;
/// What the shares of `examples/` are off by at most when a proxy does not stop at the end of a turn of 6 requests.
const REMAINDER: u64 = 2;
const PROXIES: u64 = 2;

fn target() -> Target {
    Target {
        host: "example.com".to_owned(),
        path: "/foo".to_owned(),
    }
}

#[tokio::test]
#[ignore = "needs a node: make e2e-node"]
async fn install_apply_send_and_uninstall() {
    let node = Node::shared().await.unwrap();
    let kubectl = node.cluster().kubectl();
    let weir = Installed::install(node, "weir-system", &[]).await.unwrap();
    let proxies = weir.await_pods("proxy", PROXIES as usize).await.unwrap();
    weir.await_pods("operator", 2).await.unwrap();
    apply_examples(node).await.unwrap();
    let test = helm_test(&weir, "1m").await.unwrap();
    assert!(test.stdout.contains("Succeeded"), "{test:?}");

    // that pods are ready is not in a condition, and proxies learn it a moment later
    for proxy in &proxies {
        let mut load = Load::connect(SocketAddr::new(proxy.address, 8080), target(), 1)
            .await
            .unwrap();
        eventually("all pods are used", LIMIT, async || {
            let answers = load.send("first", 6).await;
            ensure!(answers.by_backend.len() == 3, "{answers:?}");
            Ok(())
        })
        .await
        .unwrap();
    }
    // through kube-proxy, from outside and from inside: both proxies begin their turns where they like
    for entry in [
        weir.entry("web").await.unwrap(),
        weir.cluster_entry("web").await.unwrap(),
    ] {
        let mut load = Load::connect(entry, target(), CONNECTIONS).await.unwrap();
        let answers = load.send("service", REQUESTS).await;
        assert_eq!(
            (answers.good(), answers.failed),
            (REQUESTS, 0),
            "{:?}",
            answers.failures
        );
        for (backend, share) in [("svc1", 4), ("svc2", 1), ("svc3", 1)] {
            let (got, wanted) = (answers.by_backend[backend], REQUESTS * share / 6);
            assert!(
                got.abs_diff(wanted) <= REMAINDER * PROXIES,
                "{backend}: {:?}",
                answers.by_backend
            );
        }
    }

    // each proxy by itself is exact, and so are its copies
    for (number, proxy) in proxies.iter().enumerate() {
        let tag = format!("proxy{number}");
        let address = SocketAddr::new(proxy.address, 8080);
        let mut load = Load::connect(address, target(), CONNECTIONS).await.unwrap();
        let answers = load.send(&tag, REQUESTS).await;
        assert_eq!(answers.failed, 0, "{:?}", answers.failures);
        let wanted = [("svc1", 400), ("svc2", 100), ("svc3", 100)];
        let wanted: BTreeMap<_, _> = wanted.map(|(name, count)| (name.to_owned(), count)).into();
        assert_eq!(answers.by_backend, wanted);
        // of the 200 that the mirroring service gets, 20 % and 15 % are copied
        for (app, count) in [("app1", 400), ("app2", 140), ("app3", 130)] {
            eventually("all copies have arrived", LIMIT, async || {
                let seen = seen(node, app, &tag).await?;
                ensure!(seen == count, "{app} has seen {seen} of {count}");
                Ok(())
            })
            .await
            .unwrap();
        }
    }

    // a proxy that finds nothing to load must not pass
    let scale = ["scale", "deployment/weir-operator", "--replicas=0"];
    weir.kubectl(&scale).await.unwrap();
    let selector = "--selector=app.kubernetes.io/component=operator";
    let gone = ["wait", "pods", selector, "--for=delete", "--timeout=60s"];
    weir.kubectl(&gone).await.unwrap();
    weir.kubectl(&["delete", "configmap", "weir-config"])
        .await
        .unwrap();
    let failure = format!("{:#}", helm_test(&weir, "8s").await.unwrap_err());
    assert!(failure.contains("config.json is not there"), "{failure}");

    let before = left(&weir).await.unwrap();
    for kind in ["secret/", "lease.", "clusterrole.", "validatingadmissionpolicy."] {
        assert!(before.contains(kind), "no {kind} among {before}");
    }
    weir.uninstall().await.unwrap();
    eventually("nothing of it is left", LIMIT, async || {
        let left = left(&weir).await?;
        ensure!(left.is_empty(), "{left}");
        Ok(())
    })
    .await
    .unwrap();
    let crds = kubectl
        .run(&["get", "customresourcedefinitions", "-o", "name"])
        .await
        .unwrap();
    assert_eq!(
        crds.lines().filter(|name| name.ends_with(".traefik.io")).count(),
        3,
        "{crds}"
    );
    kubectl
        .run(&["delete", "-f", &Kubectl::file("examples"), "--wait=false"])
        .await
        .unwrap();
}

async fn helm_test(weir: &Installed<'_>, timeout: &str) -> Result<Said> {
    let namespace = weir.namespace.as_str();
    let test = [
        "test",
        installed::RELEASE,
        "--namespace",
        namespace,
        "--logs",
        "--timeout",
        timeout,
    ];
    weir.node.helm(&test).await
}

/// As a user waits for them.
async fn apply_examples(node: &Node) -> Result<()> {
    let kubectl = node.cluster().kubectl();
    kubectl.run(&["apply", "-f", &Kubectl::file("examples")]).await?;
    for what in [
        &["deployments", "--for=condition=Available"],
        &["traefikservices,ingressroutes", "--for=condition=Ready"],
    ] {
        let [resource, condition] = what;
        let wait = [
            "wait",
            "--namespace=apps",
            resource,
            condition,
            "--all",
            "--timeout=60s",
        ];
        kubectl.run(&wait).await?;
    }
    Ok(())
}

/// How many requests with a tag an application's only pod has had.
async fn seen(node: &Node, app: &str, tag: &str) -> Result<u64> {
    let pods = installed::pods(node, "apps", &format!("task={app}")).await?;
    ensure!(pods.len() == 1, "{pods:?}");
    let address = SocketAddr::new(pods[0].address, 8080);
    let (_, body) = http::get(address, &format!("/seen/{tag}")).await?;
    Ok(String::from_utf8_lossy(&body).parse()?)
}

/// What there is in its namespace that Kubernetes has not put there by itself, and what it has in the cluster.
async fn left(weir: &Installed<'_>) -> Result<String> {
    let kinds = "pods,services,deployments,replicasets,configmaps,secrets,leases,roles,rolebindings,serviceaccounts,\
                 poddisruptionbudgets,endpointslices";
    let all = weir.kubectl(&["get", kinds, "-o", "name"]).await?;
    let own = all
        .lines()
        .filter(|name| !["configmap/kube-root-ca.crt", "serviceaccount/default"].contains(name));
    let kinds =
        "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings";
    let labelled = [
        "get",
        kinds,
        "--selector=app.kubernetes.io/part-of=weir",
        "-o",
        "name",
    ];
    let cluster = weir.kubectl(&labelled).await?;
    // others may have a release in the same cluster
    let cluster = cluster.lines().filter(|name| name.contains(&weir.namespace));
    Ok(own.chain(cluster).collect::<Vec<_>>().join("\n"))
}
