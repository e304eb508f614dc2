//! The whole operator: everything wired together, until it is told to end.

use std::{
    convert::Infallible,
    future::{Future, pending},
    net::SocketAddr,
    pin::pin,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Client;
use prometheus_client::registry::Registry;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{
    Scope,
    admin::{Admin, Sources, Stage},
    engine::{CHANGES, Engine, Published, Waits},
    journal,
    lease::{Candidate, Elector, Leadership},
    proxies::{self, Proxies},
    publisher::{Publisher, owner},
    status_writer::{Inputs, StatusWriter},
    tasks::Tasks,
    watch::{Backoff, Reason, Watches},
};
use crate::{compile, metrics::Metrics, publish, telemetry::LogLevel};

/// To give the lease back.
const FAREWELL: Duration = Duration::from_secs(4);
/// To read or make the owner.
const OWNER_LIMIT: Duration = Duration::from_secs(10);

/// What to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is watched.
    pub scope: Scope,
    /// How to compile.
    pub compile: compile::Options,
    /// Where to publish; the owner is filled in.
    pub publish: publish::Settings,
    /// The ConfigMap that owns what is published, in the same namespace. Made if it is not there.
    pub owner: String,
    /// Where the proxies are.
    pub proxies: proxies::Settings,
    /// How long changes wait to be compiled.
    pub waits: Waits,
    /// The Lease by which replicas agree on who writes, in the same namespace. Nothing: there is one replica,
    /// which always writes.
    pub lease: Option<String>,
    /// Who we are in the Lease; no two processes may ever be the same.
    pub identity: String,
    /// Where the admin port listens.
    pub admin: SocketAddr,
}

/// Runs until `stop`; then no longer writes, gives the lease back and returns. An error says what broke.
pub async fn run(
    client: Client,
    settings: Settings,
    level: LogLevel,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let address = settings.admin;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} (--admin)"))?;
    let mut stop = pin!(stop);
    let mut tasks = Tasks::default();
    let (stage, stage_out) = watch::channel(waiting(&settings, "asking the API server"));
    let mut registry = Registry::with_prefix("weir");
    let metrics = Metrics::register(&mut registry);

    let (changes, changes_in) = mpsc::channel(CHANGES);
    let (engine, outputs) = Engine::new(
        settings.scope.clone(),
        settings.compile.clone(),
        settings.waits,
        metrics.compiler.clone(),
    );
    let watches = Watches::start(&mut tasks, &client, &settings.scope, &changes, &outputs.wanted);
    let sources = Sources {
        stage: stage_out,
        health: watches.health.clone(),
        compiled: outputs.compiled.clone(),
        options: settings.compile.clone(),
        level,
    };
    tasks.spawn(
        "the admin port",
        Admin::new(sources, registry, metrics.clone()).serve(listener),
    );
    tasks.spawn(
        "the log",
        journal::findings(outputs.compiled.clone(), metrics.compiler.clone()),
    );

    let owner = tokio::select! {
        () = &mut stop => return Ok(()),
        error = tasks.broken() => return Err(error),
        owner = owner_of(&client, &settings, &stage) => owner,
    };
    let (mut election, leadership) = Election::start(client.clone(), &settings, owner.clone());
    let mut publish = settings.publish;
    publish.owner = Some(serde_json::to_value(owner)?);
    let (publisher, stored) = Publisher::new(
        client.clone(),
        publish,
        leadership.clone(),
        outputs.compiled.clone(),
        metrics.clone(),
        watches.reporter.clone(),
    );
    let (proxies, seen) = Proxies::new(
        client.clone(),
        settings.proxies.clone(),
        leadership.clone(),
        stored.state.clone(),
        metrics.clone(),
        watches.reporter.clone(),
    );
    let built_upon = stored.previous.clone();
    let inputs = Inputs {
        state: stored.state,
        proxies: seen.clone(),
        records: outputs.records,
        kinds: watches.kinds.clone(),
    };
    let statuses = StatusWriter::new(client, leadership.clone(), inputs, metrics, settings.identity);
    tasks.spawn("the engine", engine.run(changes_in, stored.previous));
    tasks.spawn("the publisher", publisher.run());
    tasks.spawn("the watch of the proxies", proxies.run());
    tasks.spawn("the writer of statuses", statuses.run());
    tasks.spawn(
        "the log",
        journal::proxies(seen, leadership.clone(), settings.proxies),
    );

    let result = tokio::select! {
        () = &mut stop => Ok(()),
        error = tasks.broken() => Err(error),
        error = election.broken() => Err(error),
        never = tell_stage(&stage, &leadership, stored.blocked, &built_upon) => match never {},
    };
    tracing::info!("stopping");
    stage.send_replace(Stage::Stopping);
    // nothing is written any longer when the next replica may begin
    tasks.shutdown().await;
    election.end().await;
    result
}

/// Says that everything runs, or what somebody has to do first. Once there is something to build upon it
/// stays at that: what is known stays in force.
async fn tell_stage(
    stage: &watch::Sender<Stage>,
    leadership: &Leadership,
    mut blocked: watch::Receiver<Option<String>>,
    built_upon: &Published,
) -> Infallible {
    loop {
        let why = blocked.borrow_and_update().clone();
        stage.send_replace(match why {
            Some(why) if built_upon.borrow().is_none() => Stage::Waiting(why),
            _ => Stage::Running(leadership.clone()),
        });
        if blocked.changed().await.is_err() {
            // the publisher broke down, which is told elsewhere
            return pending().await;
        }
    }
}

fn waiting(settings: &Settings, why: &str) -> Stage {
    Stage::Waiting(format!(
        "ConfigMap {}/{}, which owns what is published: {why}",
        settings.publish.namespace, settings.owner
    ))
}

/// The owner, as soon as it can be read or made.
async fn owner_of(client: &Client, settings: &Settings, stage: &watch::Sender<Stage>) -> OwnerReference {
    let mut backoff = Backoff::default();
    let mut told = String::new();
    loop {
        let answer = timeout(
            OWNER_LIMIT,
            owner(client, &settings.publish.namespace, &settings.owner),
        );
        let reason = match answer.await {
            Ok(Ok(owner)) => return owner,
            Ok(Err(error)) => Reason(&error).to_string(),
            Err(_) => "the API server does not answer".to_owned(),
        };
        if told != reason {
            tracing::warn!("cannot read or make ConfigMap {}: {reason}", settings.owner);
            stage.send_replace(waiting(settings, &reason));
            told = reason;
        }
        sleep(backoff.failed()).await;
    }
}

/// Who writes; it outlives all who do.
enum Election {
    /// The one that the replicas elect.
    Among {
        stop: oneshot::Sender<()>,
        task: JoinHandle<()>,
    },
    /// This one.
    Alone { _claim: watch::Sender<Option<Instant>> },
}

impl Election {
    fn start(client: Client, settings: &Settings, owner: OwnerReference) -> (Self, Leadership) {
        let Some(lease) = settings.lease.clone() else {
            tracing::info!("this replica writes without an election: there must be no other");
            let (claim, leadership) = Leadership::always();
            return (Self::Alone { _claim: claim }, leadership);
        };
        let candidate = Candidate {
            namespace: settings.publish.namespace.clone(),
            lease,
            identity: settings.identity.clone(),
            owner: Some(owner),
        };
        let (elector, leadership) = Elector::new(client, candidate);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(elector.run(async {
            // a sender that is gone says the same
            let _ = stopped.await;
        }));
        (Self::Among { stop, task }, leadership)
    }

    async fn broken(&mut self) -> anyhow::Error {
        let Self::Among { task, .. } = self else {
            return pending().await;
        };
        match task.await {
            Ok(()) => anyhow!("the election ended"),
            Err(error) => anyhow!("the election broke down: {error}"),
        }
    }

    async fn end(self) {
        let Self::Among { stop, task } = self else {
            return;
        };
        drop(stop);
        if !task.is_finished() && timeout(FAREWELL, task).await.is_err() {
            tracing::warn!("the lease is not given back within {FAREWELL:?}: others wait until it expires");
        }
    }
}
