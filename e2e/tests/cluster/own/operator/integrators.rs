//! Flagger and Argo Rollouts at work: their calls, with an operator and a proxy.
//!
//! Both read the object and put it back whole with the version that they read. So whatever is written in between costs
//! them a conflict, and whatever is added to labels and annotations they take away again.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use weir_e2e::{
    cluster::{
        Cluster,
        app::App,
        namespace::Namespace,
        operator::OperatorProcess,
        proxy_pod::ProxyPod,
        release::{Release, target},
        resource::{INGRESS_ROUTE, TRAEFIK_SERVICE},
        watch::{Event, Watch},
    },
    load::Load,
};

use super::scene::all_good;
use crate::{
    shape::{route, service, traefik_service, weighted},
    told::{LIMIT, READY, await_told},
};

const HOST: &str = "app.example.com";

/// Two Services, a TraefikService `app` over them, and somebody who watches.
struct Stage<'a> {
    namespace: &'a Namespace<'a>,
    load: Load,
    services: Watch,
    routes: Watch,
    _running: (OperatorProcess, ProxyPod, [App; 2]),
}

impl<'a> Stage<'a> {
    /// `app` is the controller's first version of the object.
    async fn start(namespace: &'a Namespace<'a>, apps: [&str; 2], app: Value) -> Result<Self> {
        let apps = [
            App::start(namespace, apps[0]).await?,
            App::start(namespace, apps[1]).await?,
        ];
        namespace.create(TRAEFIK_SERVICE, "app", app).await?;
        // as Flagger's own tests have it, with a port that a TraefikService has no use for
        let mut to = traefik_service("app");
        to["port"] = 80.into();
        namespace.create(INGRESS_ROUTE, "app", route(HOST, &to)).await?;
        let mut release = Release::new(namespace)?;
        let operator = release.operator("first").await?;
        let proxy = release.proxy().await?;
        await_told(namespace, TRAEFIK_SERVICE, "app", &[READY]).await?;
        await_told(namespace, INGRESS_ROUTE, "app", &[READY]).await?;
        Ok(Self {
            namespace,
            load: Load::connect(proxy.web, target(HOST), 2).await?,
            services: namespace.watch(TRAEFIK_SERVICE).await?,
            routes: namespace.watch(INGRESS_ROUTE).await?,
            _running: (operator, proxy, apps),
        })
    }

    async fn read(&self) -> Result<Value> {
        self.namespace.get(TRAEFIK_SERVICE, "app").await
    }

    /// Writes the object as it was read but for its spec, under load, and waits until that is served.
    async fn step(&mut self, read: &Value, services: Value) -> Result<()> {
        let Self { namespace, load, .. } = self;
        let mut object = read.clone();
        object["spec"]["weighted"]["services"] = services;
        let step = async {
            namespace.replace(TRAEFIK_SERVICE, &object).await?;
            await_told(namespace, TRAEFIK_SERVICE, "app", &[READY]).await
        };
        let (stepped, answers) = load.send_during("step", step).await;
        all_good(&answers);
        stepped.map(drop)
    }

    /// How many of so many requests each of the two Services answers.
    async fn shares(&mut self, requests: u64, of: [&str; 2]) -> [u64; 2] {
        let answers = self.load.send("shares", requests).await;
        all_good(&answers);
        of.map(|name| answers.by_backend.get(name).copied().unwrap_or_default())
    }

    /// How often each object was changed since the beginning.
    async fn changes(&mut self) -> Result<BTreeMap<String, usize>> {
        let last = service("no-such-service");
        let mut changes = BTreeMap::new();
        self.namespace
            .create(INGRESS_ROUTE, "last", route("last.example.com", &last))
            .await?;
        self.namespace
            .create(TRAEFIK_SERVICE, "last", weighted(&[("no-such-service", 1)]))
            .await?;
        for watch in [&mut self.services, &mut self.routes] {
            // what is reported on it comes after all that was to be reported before
            let is_last = |event: &Event| {
                matches!(event, Event::Modified(_))
                    && event.name() == "last"
                    && event.object()["status"]["observedGeneration"] == 1
            };
            for event in watch.until(LIMIT, is_last).await? {
                ensure!(!matches!(event, Event::Deleted(_)), "{event:?}");
                let kind = event.object()["kind"].as_str().unwrap_or_default();
                *changes.entry(format!("{kind} {}", event.name())).or_default() += 1;
            }
        }
        changes.retain(|name, _| !name.ends_with(" last"));
        Ok(changes)
    }
}

/// Argo Rollouts sets all weights, 0 and 100 too, and nothing else.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn each_step_of_a_rollout_moves_its_share_and_costs_one_write_of_the_status() {
    const APPS: [&str; 2] = ["stable", "canary"];
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let weights = |canary: i64| {
        json!([
            {"name": "stable", "port": 80, "weight": 100 - canary},
            {"name": "canary", "port": 80, "weight": canary},
        ])
    };
    // as it is in Git, without weights
    let app = json!({
        "metadata": {"labels": {"app": "app"}, "annotations": {"owner": "somebody"}},
        "spec": {"weighted": {"services": [{"name": "stable", "port": 80}, {"name": "canary", "port": 80}]}},
    });
    let mut stage = Stage::start(&namespace, APPS, app).await.unwrap();
    assert_eq!(stage.shares(100, APPS).await, [50, 50]);

    let steps = [0, 5, 40, 100, 0];
    for canary in steps {
        let read = stage.read().await.unwrap();
        // once it is ready nobody writes it any longer, whatever happens around it
        let other = format!("other-{}", read["metadata"]["generation"]);
        namespace
            .create(TRAEFIK_SERVICE, &other, weighted(&[("stable", canary)]))
            .await
            .unwrap();
        await_told(&namespace, TRAEFIK_SERVICE, &other, &[READY])
            .await
            .unwrap();
        stage.step(&read, weights(canary)).await.unwrap();
        let shares = stage.shares(200, APPS).await;
        assert_eq!(shares, [2 * (100 - canary as u64), 2 * canary as u64]);
    }

    let stored = stage.read().await.unwrap();
    assert_eq!(stored["metadata"]["labels"], json!({"app": "app"}));
    assert_eq!(stored["metadata"]["annotations"], json!({"owner": "somebody"}));
    assert_eq!(stored["spec"]["weighted"]["services"], weights(0));
    let changes = stage.changes().await.unwrap();
    // theirs, and what was told about it
    assert_eq!(
        changes.get("TraefikService app"),
        Some(&(2 * steps.len())),
        "{changes:?}"
    );
    assert_eq!(changes.get("IngressRoute app"), None, "{changes:?}");
}

/// Flagger knows four fields, leaves a weight of 0 out, takes the canary out when it has nothing, and puts labels and
/// annotations right.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn each_step_of_a_canary_moves_its_share_and_costs_one_write_of_the_status() {
    const APPS: [&str; 2] = ["app-primary", "app-canary"];
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let one = |name: &str, weight: Option<i64>| {
        let mut service = json!({"name": name, "namespace": namespace.name, "port": 80});
        if let Some(weight) = weight {
            service["weight"] = weight.into();
        }
        service
    };
    let primary_alone = json!([one(APPS[0], Some(100))]);
    let labels = json!({"app": "app"});
    let app = json!({
        "metadata": {"labels": labels},
        "spec": {"weighted": {"services": primary_alone}},
    });
    let mut stage = Stage::start(&namespace, APPS, app).await.unwrap();
    assert_eq!(stage.shares(100, APPS).await, [100, 0]);

    let both = |primary, canary| json!([one(APPS[0], primary), one(APPS[1], Some(canary))]);
    let steps = [
        (both(Some(95), 5), 200, [190, 10]),
        (both(Some(50), 50), 200, [100, 100]),
        // 1 to 100, which is what no weight means
        (both(None, 100), 101, [1, 100]),
        (primary_alone.clone(), 100, [100, 0]),
    ];
    let count = steps.len();
    for (services, requests, shares) in steps {
        let read = stage.read().await.unwrap();
        stage.step(&read, services.clone()).await.unwrap();
        assert_eq!(stage.shares(requests, APPS).await, shares, "{services}");
        let stored = stage.read().await.unwrap();
        assert_eq!(stored["spec"], json!({"weighted": {"services": services}}));
    }

    // somebody else's labels and annotations are none of anybody's business but theirs
    let foreign = json!({"metadata": {"labels": {"foreign": "1"}, "annotations": {"foreign": "1"}}});
    namespace.patch(TRAEFIK_SERVICE, "app", &foreign).await.unwrap();
    let mut object = stage.read().await.unwrap();
    object["metadata"]["labels"] = labels.clone();
    object["metadata"]["annotations"] = Value::Null;
    namespace.replace(TRAEFIK_SERVICE, &object).await.unwrap();

    let changes = stage.changes().await.unwrap();
    let expected = [("TraefikService app".to_owned(), 2 * count + 2)];
    assert_eq!(changes, expected.into());
    let stored = stage.read().await.unwrap();
    assert_eq!(stored["metadata"]["labels"], labels);
    assert_eq!(stored["metadata"]["annotations"], Value::Null);
    let fields = stored["metadata"]["managedFields"].as_array().unwrap().iter();
    for ours in fields.filter(|entry| entry["manager"] == "weir-operator") {
        assert_eq!(ours["subresource"], "status", "{ours}");
    }
}
