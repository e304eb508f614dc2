//! `examples/` served by a release of its own, in a namespace of its own.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, ensure};
use serde_json::Value;
use weir_e2e::{
    cluster::{
        app::App,
        audit::Write,
        namespace::Namespace,
        operator::OperatorProcess,
        proxy_pod::ProxyPod,
        release::{Release, example_load},
        resource::{CONFIG_MAP, EVENT, INGRESS_ROUTE, SECRET, TRAEFIK_SERVICE},
        user::User,
        wait::eventually,
    },
    load::{Answers, Load},
};

/// Requests of one connection come this long after each other, so that there is time to work for others.
pub const PAUSE: Duration = Duration::from_millis(4);

/// The examples' TraefikServices.
pub const SERVICES: [&str; 4] = ["wrr1", "wrr2", "mirror1", "svc3"];

/// Everything that serves `examples/`.
#[derive(Debug)]
pub struct Scene<'a> {
    /// How more is started.
    pub release: Release<'a>,
    /// The user of the first operator.
    pub user: User<'a>,
    /// The operator that leads.
    pub operator: OperatorProcess,
    /// One proxy.
    pub proxy: ProxyPod,
    /// `svc1`, `svc2` and `svc3`.
    pub apps: [App; 3],
}

impl<'a> Scene<'a> {
    /// Starts everything, and waits until the examples are served.
    pub async fn start(namespace: &'a Namespace<'a>) -> Result<Self> {
        let apps = apply_examples(namespace).await?;
        let mut release = Release::new(namespace)?;
        let user = User::administrator(namespace, "first").await?;
        let operator = release.operator_of(&user).await?;
        let proxy = release.proxy().await?;
        for name in SERVICES {
            release.await_programmed(name).await?;
        }
        Ok(Self {
            release,
            user,
            operator,
            proxy,
            apps,
        })
    }

    /// Connections to the proxy, at a moderate pace.
    pub async fn load(&self) -> Result<Load> {
        let mut load = example_load(&self.proxy, 4).await?;
        load.set_pause(PAUSE);
        Ok(load)
    }

    /// Waits until the proxy serves what is published.
    pub async fn await_loaded(&self, limit: Duration) -> Result<()> {
        eventually("the proxy serves what is published", limit, async || {
            let (published, loaded) = (self.release.published().await?, self.proxy.digests().await?);
            ensure!(
                published == loaded,
                "published: {published:?}, loaded: {loaded:?}"
            );
            Ok(())
        })
        .await
    }

    /// Makes `wrr1` give `svc1` this weight, beside one for each of the others.
    pub async fn set_weight(&self, weight: u64) -> Result<()> {
        let edit = |text: String| text.replacen("weight: 1", &format!("weight: {weight}"), 1);
        self.release
            .namespace
            .apply_example("weighted.yaml", edit)
            .await
            .map(drop)
    }

    /// Waits until `wrr1` is served as it is, and said to be.
    pub async fn await_ready(&self, limit: Duration) -> Result<()> {
        let namespace = self.release.namespace;
        let ready = namespace.await_condition(TRAEFIK_SERVICE, "wrr1", "Ready", "True", limit);
        ready.await?;
        self.await_loaded(limit).await
    }

    /// All Events, in words that say what they are about but not when it was.
    pub async fn events(&self) -> Result<Vec<String>> {
        let events = self.release.namespace.list(EVENT).await?;
        let mut told: Vec<String> = events.iter().map(told).collect();
        told.sort();
        Ok(told)
    }

    /// Waits until the operator leads.
    pub async fn await_leader(&self, limit: Duration) -> Result<()> {
        eventually("the operator leads", limit, async || {
            ensure!(
                self.operator.leads().await?,
                "its log:\n{}",
                self.operator.process.log()
            );
            Ok(())
        })
        .await
    }

    /// The versions of all that the operator writes, but for its Lease.
    pub async fn written(&self) -> Result<BTreeMap<String, String>> {
        let mut versions = BTreeMap::new();
        for resource in [CONFIG_MAP, SECRET, TRAEFIK_SERVICE, INGRESS_ROUTE, EVENT] {
            let namespace = self.release.namespace;
            let list = namespace.list(resource).await?;
            for object in list {
                let name = &object["metadata"]["name"];
                let version = object["metadata"]["resourceVersion"].as_str().unwrap_or_default();
                versions.insert(format!("{} {name}", resource.kind), version.to_owned());
            }
        }
        Ok(versions)
    }
}

/// Applies the examples, and starts what answers.
pub async fn apply_examples(namespace: &Namespace<'_>) -> Result<[App; 3]> {
    for file in [
        "services.yaml",
        "weighted.yaml",
        "mirroring.yaml",
        "ingressroute.yaml",
    ] {
        namespace.apply_example(file, |text| text).await?;
    }
    Ok([
        App::start(namespace, "svc1").await?,
        App::start(namespace, "svc2").await?,
        App::start(namespace, "svc3").await?,
    ])
}

/// `wrr1: BackendNotFound: Service apps/svc9 does not exist`
pub fn told(event: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (object, reason, note) = (&event["regarding"]["name"], &event["reason"], &event["note"]);
    format!("{}: {}: {}", text(object), text(reason), text(note))
}

/// What was written and is neither a renewal of the Lease nor what one edit of `wrr1` needs, which took so long to be served:
/// after a while, operators report that they wait for proxies. A config that the API server fails to write is written again, and
/// each failure is reported.
pub fn needless(writes: &[Write], took: Duration) -> Vec<&Write> {
    const A_WHILE: Duration = Duration::from_secs(2);
    let of = |resource: &'static str| writes.iter().filter(move |write| write.resource == resource);
    let publish = || of("configmaps").filter(|write| write.name == "weir-config");
    let failed = publish().filter(|write| write.code >= 500);
    let published = publish().find(|write| write.code < 500);
    let failures = failed.clone().count();
    let reports = failures + if took > A_WHILE { 2 } else { 1 };
    let reported = of("traefikservices/status")
        .filter(|write| write.name == "wrr1")
        .take(reports);
    let mut needed: Vec<&Write> = of("leases").chain(of("pods")).collect();
    needed.extend(failed.chain(published).chain(reported));
    needed.extend(of("events").take(failures + 1));
    let all = writes.iter();
    all.filter(|write| !needed.contains(write)).collect()
}

/// Nothing is told twice.
pub fn no_doubles(events: &[String]) {
    let doubles: Vec<_> = events.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(doubles.is_empty(), "{doubles:#?} among {events:#?}");
}

/// The shares of svc1, svc2 and svc3 after [`Scene::set_weight`]; 1200 must be a multiple of twice the sum of all weights.
pub const fn shares_of(weight: u64) -> [u64; 3] {
    // svc1 answers what the mirror gets, too
    let part = 1200 / (weight + 2);
    [part * (weight + 1), part / 2, part / 2]
}

/// How many of 1200 requests svc1, svc2 and svc3 answer.
pub async fn shares(load: &mut Load) -> [u64; 3] {
    load.set_pause(Duration::ZERO);
    let answers = load.send("shares", 1200).await;
    load.set_pause(PAUSE);
    all_good(&answers);
    ["svc1", "svc2", "svc3"].map(|name| answers.by_backend.get(name).copied().unwrap_or_default())
}

/// No request failed, and there were some.
pub fn all_good(answers: &Answers) {
    assert_eq!(answers.failed, 0, "{:?}", answers.failures);
    assert!(answers.good() > 0, "there was no load");
}
