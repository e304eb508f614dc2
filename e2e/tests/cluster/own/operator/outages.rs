//! The control plane goes away, and comes back.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::time::sleep;
use weir_e2e::cluster::{
    Cluster,
    audit::Write,
    control_plane::Component::{self, ApiServer, Etcd},
    operator::OperatorProcess,
    user::User,
    wait::eventually,
};

use super::scene::{Scene, all_good, needless, no_doubles, shares, shares_of};

/// For what has no limit of its own.
const LIMIT: Duration = Duration::from_secs(30);
/// Of a log, for what is said in an outage and after it. Seven watches of the cluster, three of the release, the Lease
/// and what it stands for: each of them tells a few reasons in turn, and that it goes on.
const LINES: usize = 70;

/// By which an operator says what it waits for.
const WORDS: [&str; 3] = [
    "the API server cannot be reached",
    "the API server does not answer",
    "the API server answers",
];

/// A way to lose the control plane.
#[derive(Debug)]
struct Outage {
    name: &'static str,
    components: &'static [Component],
    /// Or asked to end.
    killed: bool,
    /// For how long at least; the operator loses its Lease in any case.
    lasts: Duration,
    /// The weight of the edit that follows.
    weight: u64,
}

const OUTAGES: [Outage; 3] = [
    Outage {
        name: "the API server is away for a minute",
        components: &[ApiServer],
        killed: false,
        lasts: Duration::from_mins(1),
        weight: 4,
    },
    Outage {
        name: "etcd is away",
        components: &[Etcd],
        killed: false,
        lasts: Duration::ZERO,
        weight: 10,
    },
    Outage {
        name: "etcd and the API server are killed",
        components: &[Etcd, ApiServer],
        killed: true,
        lasts: Duration::ZERO,
        weight: 2,
    },
];

/// No request fails, the operators say what they wait for and live on; an edit afterwards is all that is written then.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn proxies_serve_on_through_every_outage_and_all_converges_after_it() {
    let cluster = Cluster::start().await.unwrap();
    cluster.install_crds().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let scene = Scene::start(&namespace).await.unwrap();
    let mut load = scene.load().await.unwrap();
    let second = User::administrator(&namespace, "second").await.unwrap();
    let second = (scene.release.operator_of(&second).await.unwrap(), second);
    let operators = [(&scene.operator, &scene.user), (&second.0, &second.1)];
    for outage in &OUTAGES {
        let audit = cluster.audit().unwrap();
        let mark = audit.mark().await.unwrap();
        let lines = operators.map(|(operator, _)| operator.process.log().lines().count());
        let play = outage.play(&scene, operators.map(|(operator, _)| operator));
        let (play, answers) = load.send_during("outage", play).await;
        let took = play.context(outage.name).unwrap();
        all_good(&answers);
        assert_eq!(
            shares(&mut load).await,
            shares_of(outage.weight),
            "{}",
            outage.name
        );

        for ((operator, user), before) in operators.into_iter().zip(lines) {
            let log = operator.process.log();
            let said: Vec<_> = log.lines().skip(before).collect();
            println!(
                "{}: {} lines in the log of {}",
                outage.name,
                said.len(),
                user.account
            );
            assert!((1..=LINES).contains(&said.len()), "{}: {said:#?}", outage.name);
        }
        let mut writes = audit.since(&mark).await.unwrap();
        writes.retain(|write| operators.iter().any(|(_, user)| user.name == write.user));
        assert_eq!(
            needless(&writes, took),
            Vec::<&Write>::new(),
            "{}: {writes:#?}",
            outage.name
        );
        no_doubles(&scene.events().await.unwrap());
    }
}

impl Outage {
    /// How long an edit took to be reported afterwards.
    async fn play(&self, scene: &Scene<'_>, operators: [&OperatorProcess; 2]) -> Result<Duration> {
        let cluster = scene.release.namespace.cluster;
        let logs = operators.map(|operator| operator.process.log().len());
        for component in self.components {
            if self.killed {
                cluster.kill_component(*component)?;
            } else {
                cluster.stop_component(*component).await?;
            }
        }
        let start = Instant::now();
        for (operator, before) in operators.into_iter().zip(logs) {
            eventually("an operator says what it waits for", LIMIT, async || {
                ensure!(!operator.leads().await?, "it leads");
                // what is known stays in force
                let (status, ready) = operator.page("/readyz").await?;
                ensure!(status.is_success(), "{status}: {ready}");
                let log = operator.process.log();
                let told = WORDS.iter().any(|words| log[before..].contains(words));
                ensure!(told, "{ready}{}", &log[before..]);
                Ok(())
            })
            .await?;
        }
        sleep(self.lasts.saturating_sub(start.elapsed())).await;
        for operator in operators {
            let (status, alive) = operator.page("/livez").await?;
            ensure!(status.is_success(), "{status}: {alive}");
        }
        for component in self.components {
            cluster.start_component(*component)?;
        }
        cluster.wait_until_ready().await?;
        let start = Instant::now();
        scene.set_weight(self.weight).await?;
        scene.await_ready(LIMIT).await?;
        let took = start.elapsed();
        println!("{}: an edit is reported {took:?} after it was over", self.name);
        let [first, second] = operators;
        eventually("both operators know the edit", LIMIT, async || {
            let compiled = [
                first.metric("weir_compiled_revision").await?,
                second.metric("weir_compiled_revision").await?,
            ];
            ensure!(
                compiled[0] == compiled[1] && compiled[0].is_some(),
                "{compiled:?}"
            );
            Ok(())
        })
        .await?;
        for operator in operators {
            eventually("an operator says that it is up to date", LIMIT, async || {
                let (status, ready) = operator.page("/readyz").await?;
                ensure!(
                    status.is_success() && !ready.contains("not up to date"),
                    "{status}: {ready}"
                );
                Ok(())
            })
            .await?;
        }
        Ok(took)
    }
}
