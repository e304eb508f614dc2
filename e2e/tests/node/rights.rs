//! What the operator may do to what really runs, with a token as its pods have one: annotate proxies.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};
use weir_e2e::{
    cluster::{
        api::Refusal,
        resource::{POD, SECRET},
        user::as_account,
        wait::eventually,
    },
    node::{Node, installed},
};

use crate::support::{App, Scene};

const LIMIT: Duration = Duration::from_secs(30);
const NOTHING: fn(()) -> Value = |()| Value::Null;

#[tokio::test]
#[ignore = "needs a node: make e2e-node"]
async fn the_operators_token_is_good_for_an_annotation_and_nothing_else_that_runs() {
    let node = Node::shared().await.unwrap();
    let scene = Scene::start(node, &[(App::new("a", 1), 1)], &[]).await.unwrap();
    let other = node.cluster().namespace().await.unwrap();
    let operator = as_account(&scene.namespace, "weir-operator").await.unwrap();
    let api = operator.api();
    let own = scene.namespace.name.as_str();
    let before = scene.weir.await_pods("proxy", 2).await.unwrap();
    let operators = scene.weir.await_pods("operator", 2).await.unwrap();
    let apps = installed::pods(node, own, "app=a").await.unwrap();
    let proxy = POD.object(own, &before[0].name);

    let annotate = json!({"metadata": {"annotations": {"weir.dev/config": "1"}}});
    let containers = |image: &Value| {
        let mut containers = image.clone();
        containers[0]["image"] = "evil".into();
        json!({"spec": {"containers": containers}})
    };
    let spec = |pod: &Value| pod["spec"]["containers"].clone();
    let proxys = spec(&scene.namespace.get(POD, &before[0].name).await.unwrap());
    let operators_pod = POD.object(own, &operators[0].name);
    eventually("the policy is in force", LIMIT, async || {
        let error = api.patch(&operators_pod, &annotate).await.err();
        let status = error.as_ref().and_then(Refusal::status_of);
        ensure!(status == Some(403), "{error:?}");
        Ok(())
    })
    .await
    .unwrap();
    api.patch(&proxy, &annotate).await.unwrap();

    let below = |what: &str| format!("{proxy}/{what}");
    let deployment = format!("/apis/apps/v1/namespaces/{own}/deployments/weir-proxy");
    let token = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let tokens = format!("/api/v1/namespaces/{own}/serviceaccounts/weir-proxy/token");
    let eviction =
        json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": before[0].name}});
    let debugger = json!({"spec": {"ephemeralContainers": [{"name": "x", "image": "evil"}]}});
    let answers = [
        ("a proxy's image", api.patch(&proxy, &containers(&proxys)).await),
        (
            "how long a proxy may run",
            api.patch(&proxy, &json!({"spec": {"activeDeadlineSeconds": 1}}))
                .await,
        ),
        (
            "another annotation",
            api.patch(
                &proxy,
                &json!({"metadata": {"annotations": {"example.com/a": "b"}}}),
            )
            .await,
        ),
        (
            "a label",
            api.patch(
                &proxy,
                &json!({"metadata": {"labels": {"app.kubernetes.io/component": null}}}),
            )
            .await,
        ),
        ("an operator's pod", api.patch(&operators_pod, &annotate).await),
        (
            "an application's pod",
            api.patch(&POD.object(own, &apps[0].name), &annotate).await,
        ),
        (
            "a debugger",
            api.patch(&below("ephemeralcontainers"), &debugger).await,
        ),
        (
            "a command",
            api.create(&below("exec?command=true&stdout=true"), &Value::Null)
                .await,
        ),
        ("a log", api.text(&below("log")).await.map(Value::from)),
        ("an eviction", api.create(&below("eviction"), &eviction).await),
        ("a deletion", api.delete(&proxy).await.map(NOTHING)),
        (
            "a Deployment",
            api.patch(&deployment, &json!({"spec": {"replicas": 0}})).await,
        ),
        ("another's token", api.create(&tokens, &token).await),
        ("pods elsewhere", api.get(&POD.collection(&other.name)).await),
        ("pods everywhere", api.get(&POD.everywhere()).await),
        (
            "Secrets elsewhere",
            api.get(&SECRET.collection(&other.name)).await,
        ),
        ("nodes", api.get("/api/v1/nodes").await),
    ];
    for (what, answer) in answers {
        let refused = answer.expect_err(what);
        assert_eq!(Refusal::status_of(&refused), Some(403), "{what}: {refused:#}");
    }
    assert_eq!(scene.weir.pods("proxy").await.unwrap(), before);
    scene.end().await.unwrap();
}
