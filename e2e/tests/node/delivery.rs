//! How long a weight takes from `kubectl patch` to the first request that it decides about: with the operator's annotation,
//! and without, when kubelet refreshes volumes in its own time.

use std::{
    cell::Cell,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use futures::future::{try_join, try_join_all};
use http_body_util::Full;
use hyper::{Request, StatusCode};
use serde_json::json;
use weir_e2e::{
    cluster::{namespace::condition_of, resource::TRAEFIK_SERVICE, wait::eventually},
    http,
    node::Node,
};

use crate::support::{App, SPLIT, Scene};

const RUNS: usize = 30;
/// Between a change that is served and the next: kubelet looks after a pod once a second at most, so what follows sooner
/// waits for the rest of the second.
const BETWEEN: Duration = Duration::from_millis(1100);
/// Through the Service, so that both proxies get some.
const CONNECTIONS: usize = 8;
/// Between the requests of a connection.
const PAUSE: Duration = Duration::from_millis(5);
/// The same where it takes a minute.
const LONG_PAUSE: Duration = Duration::from_millis(200);
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
/// kubelet by itself looks every 60 to 90 s.
const LIMIT: Duration = Duration::from_mins(3);

/// What happened after a change, from just before it.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Until the first request that was sent where it was to be sent.
    first: Duration,
    /// Until the last one that was not.
    last: Duration,
}

impl Step {
    /// Sends requests while `change` is made, until all of them go to `to`.
    async fn measure(
        entry: SocketAddr,
        host: &str,
        to: &str,
        pause: Duration,
        change: impl AsyncFnOnce() -> Result<()>,
    ) -> Result<Self> {
        let start = Instant::now();
        let (first, last) = (Cell::new(None), Cell::new(Duration::ZERO));
        let connections = (0..CONNECTIONS).map(|_| async {
            let mut connection = http::connect(entry).await?;
            // a connection stays with one proxy, and what a proxy has done once it does from then on
            loop {
                let request = Request::get("/step/0")
                    .header("host", host)
                    .body(Full::default())?;
                let (status, body) = http::exchange(&mut connection, request).await?;
                let body = String::from_utf8_lossy(&body);
                ensure!(status == StatusCode::OK, "{status}: {body}");
                let elapsed = start.elapsed();
                if body.starts_with(&format!("Name: {to}\n")) {
                    first.set(first.get().or(Some(elapsed)));
                    return Ok(());
                }
                last.set(elapsed);
                ensure!(elapsed < LIMIT, "still {body}");
                tokio::time::sleep(pause).await;
            }
        });
        let connections = try_join_all(connections);
        let (changed, sent) = futures::future::join(change(), connections).await;
        changed?;
        sent?;
        Ok(Self {
            first: first.get().context("nothing sent")?,
            last: last.get(),
        })
    }
}

/// Gives all requests to `to`, as a user does.
async fn patch(scene: &Scene<'_>, from: &str, to: &str) -> Result<()> {
    let patch = json!({"spec": {"weighted": {"services": [
        {"name": from, "port": 80, "weight": 0}, {"name": to, "port": 80, "weight": 1}
    ]}}});
    let patch = [
        "patch",
        "traefikservice/split",
        "--type=merge",
        "-p",
        &patch.to_string(),
    ];
    scene.namespace.kubectl(&patch).await.map(drop)
}

/// Takes the operator the right to patch pods, and waits until that is in force.
async fn forbid_annotations(scene: &Scene<'_>) -> Result<()> {
    let api = scene.namespace.cluster.api();
    let namespace = &scene.namespace.name;
    let path = format!("{RBAC}/namespaces/{namespace}/roles/weir-operator");
    let mut role = api.get(&path).await?;
    let rules = role["rules"].as_array_mut().into_iter().flatten();
    for rule in rules.filter(|rule| rule["resources"] == json!(["pods"])) {
        rule["verbs"] = json!(["list", "watch"]);
    }
    api.replace(&path, &role).await?;
    let user = format!("system:serviceaccount:{namespace}:weir-operator");
    let attributes = json!({"namespace": namespace, "verb": "patch", "resource": "pods"});
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": attributes},
    });
    eventually("the operator cannot annotate pods", LIMIT, async || {
        let answer = api.create(REVIEWS, &review).await?;
        ensure!(answer["status"]["allowed"] == false, "{answer:#}");
        Ok(())
    })
    .await
}

/// Without the annotation. What is told meanwhile is whom all wait for, and why it takes long; none when it did not, since
/// kubelet was still at work for an earlier annotation.
async fn measure_unannotated(scene: &Scene<'_>, from: &str, to: &str) -> Result<(Step, Option<String>)> {
    let entry = scene.weir.entry("web").await?;
    let waiting = Cell::new(None);
    let patched = async || {
        patch(scene, from, to).await?;
        let told = scene
            .namespace
            .await_object(TRAEFIK_SERVICE, SPLIT, LIMIT, |object| {
                let programmed = condition_of(object, "Programmed");
                ensure!(
                    programmed["observedGeneration"] == object["metadata"]["generation"],
                    "{programmed}"
                );
                let message = programmed["message"].as_str().unwrap_or_default().to_owned();
                if programmed["status"] == "False" {
                    ensure!(programmed["reason"] == "WaitingForProxies", "{programmed}");
                    ensure!(message.contains("(it cannot be annotated: "), "{programmed}");
                    waiting.set(Some(message));
                }
                Ok(())
            });
        told.await.map(drop)
    };
    let step = Step::measure(entry, &scene.target().host, to, LONG_PAUSE, patched).await?;
    scene.await_programmed().await?;
    Ok((step, waiting.take()))
}

/// Without the annotation, when kubelet is at rest.
async fn measure_kubelet_alone(scene: &Scene<'_>) -> Result<Step> {
    for (from, to) in [("old", "new"), ("new", "old")].into_iter().cycle().take(4) {
        let (step, waiting) = measure_unannotated(scene, from, to).await?;
        if let Some(waiting) = waiting {
            println!("{waiting}");
            return Ok(step);
        }
    }
    bail!("it never took long")
}

/// Weights to and fro, and then how long it took until `Programmed`.
async fn measure_often(scene: &Scene<'_>) -> Result<Vec<(Step, Duration)>> {
    let entry = scene.weir.entry("web").await?;
    let host = scene.target().host;
    let mut runs = Vec::new();
    for run in 0..RUNS {
        let (from, to) = if run % 2 == 0 {
            ("old", "new")
        } else {
            ("new", "old")
        };
        scene.weigh(&[(from, 1), (to, 0)]).await?;
        scene.await_programmed().await?;
        Step::measure(entry, &host, from, PAUSE, async || Ok(())).await?;
        tokio::time::sleep(BETWEEN).await;
        let start = Instant::now();
        let programmed = Cell::new(None);
        let patched = async || {
            patch(scene, from, to).await?;
            scene.await_programmed().await?;
            programmed.set(Some(start.elapsed()));
            Ok(())
        };
        let step = Step::measure(entry, &host, to, PAUSE, patched).await?;
        let programmed = programmed.get().context("not awaited")?;
        runs.push((step, programmed.saturating_sub(step.first)));
    }
    Ok(runs)
}

#[tokio::test]
#[ignore = "needs a node: make e2e-node"]
async fn a_patched_weight_decides_within_a_second_and_is_then_programmed() {
    let node = Node::shared().await.unwrap();
    let apps = [(App::new("old", 1), 1), (App::new("new", 1), 1)];
    let scene = Scene::start(node, &apps, &[]).await.unwrap();
    let alone = Scene::start(node, &apps, &[]).await.unwrap();
    alone.weigh(&[("old", 1), ("new", 0)]).await.unwrap();
    alone.await_programmed().await.unwrap();
    forbid_annotations(&alone).await.unwrap();
    // it takes nothing from the others but patience
    let (runs, alone_step) = try_join(measure_often(&scene), measure_kubelet_alone(&alone))
        .await
        .unwrap();
    let figures = |what: &str, of: fn(&(Step, Duration)) -> Duration| {
        let mut all: Vec<_> = runs.iter().map(of).collect();
        all.sort_unstable();
        let (median, p95, worst) = (all[RUNS / 2], all[RUNS * 95 / 100], all[RUNS - 1]);
        println!("{what}: median {median:.2?}, p95 {p95:.2?}, worst {worst:.2?} of {RUNS}");
        (median, p95, worst)
    };
    let (median, p95, _) = figures(
        "kubectl patch to the first request with the new share",
        |(step, _)| step.first,
    );
    figures(
        "kubectl patch to the last request with the old share",
        |(step, _)| step.last,
    );
    let (_, _, programmed) = figures("from the first one until Programmed", |(_, programmed)| {
        *programmed
    });
    println!(
        "the same without the annotation, once: first {:.1?}, last {:.1?}",
        alone_step.first, alone_step.last
    );
    assert!(
        median < Duration::from_secs(1) && p95 < Duration::from_secs(2),
        "{median:?}, {p95:?}"
    );
    assert!(programmed < Duration::from_secs(2), "{programmed:?}");
    // or it is not the annotation that makes it fast
    assert!(alone_step.last > Duration::from_secs(10), "{alone_step:?}");
    scene.end().await.unwrap();
    alone.end().await.unwrap();
}
