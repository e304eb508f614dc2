//! `weir-operator run`.

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::{ArgAction, Args};
use kube::Client;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
};
use weir_model::{
    duration::{DurationError, GoDuration},
    hex::hex,
    name::check_name,
};

use super::{Outcome, options::CompileOptions};
use crate::{
    cluster::{
        Scope,
        app::{self, Settings},
        connect::Connection,
        engine::Waits,
        proxies,
    },
    publish,
    telemetry::{self, Filter, LevelError, LogFormat, LogLevel},
};

/// Where the admin port listens unless told otherwise.
const ADMIN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 9090);
/// Compiling is brief and everything else waits most of the time.
const THREADS: usize = 2;
/// One more compiles and packs, one thing after another; the other is for lookups of names, which may hang.
const BLOCKING: usize = 2;
/// They keep their memory for the next time.
const COMPILER_IDLE: Duration = Duration::from_hours(1);
/// Nobody means a longer wait for changes.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Compiles what a cluster holds, publishes that for the proxies and reports on the objects.
#[derive(Args, Debug)]
pub(super) struct Run {
    #[command(flatten)]
    watching: Watching,
    #[command(flatten)]
    publishing: Publishing,
    #[command(flatten)]
    delivery: Delivery,
    #[command(flatten)]
    face: Face,
    #[command(flatten)]
    options: CompileOptions,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Watching")]
struct Watching {
    /// Read objects of this namespace only. Repeatable. Default: all namespaces.
    #[arg(short, long = "namespace", value_name = "NAMESPACE", value_parser = label)]
    namespaces: Vec<String>,
    /// The kubeconfig. Default: what KUBECONFIG names or ~/.kube/config, else the pod's ServiceAccount.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context. Default: its current one.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Compile when nothing has changed for so long; changes of weights alone are compiled at once.
    #[arg(long, value_name = "DURATION", default_value = "50ms", value_parser = wait)]
    holdoff: Duration,
    /// Compile at the latest so long after the first change.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = wait)]
    holdoff_max: Duration,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Publishing")]
struct Publishing {
    /// Where what is published and the Lease are, and the proxies. Default: the namespace of the ServiceAccount or
    /// the kubeconfig's context.
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE", value_parser = label)]
    own_namespace: Option<String>,
    /// The names of all that is published begin with it: RELEASE-config, RELEASE-endpoints, RELEASE-secrets.
    #[arg(long, value_name = "NAME", default_value = "weir", value_parser = release)]
    release: String,
    /// The ConfigMap that owns what is published: when it is deleted, so is that. Made if it is not there.
    /// Default: RELEASE-owner.
    #[arg(long, value_name = "NAME", value_parser = name)]
    owner: Option<String>,
    /// Spread endpoints over this many ConfigMaps.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    endpoint_shards: u32,
    /// Spread certificates, keys and password hashes over this many Secrets.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    secret_shards: u32,
    /// Whether replicas elect the one that writes. Without an election there must be only one: it always writes,
    /// and needs no Lease.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    leader_elect: bool,
    /// The Lease by which replicas agree on the one that writes. Default: RELEASE-operator.
    #[arg(long, value_name = "NAME", value_parser = name)]
    lease: Option<String>,
    /// Who this replica is in the Lease; something random is added. Default: the name of the host.
    #[arg(long, env = "POD_NAME", value_name = "NAME", value_parser = name)]
    identity: Option<String>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Proxies")]
struct Delivery {
    /// The labels of the proxies' pods. Default: app.kubernetes.io/name=weir,
    /// app.kubernetes.io/instance=RELEASE and app.kubernetes.io/component=proxy
    #[arg(long, value_name = "SELECTOR", value_parser = selector)]
    proxy_selector: Option<String>,
    /// The proxies' admin port, where a pod has no container port with the name admin.
    #[arg(long, value_name = "PORT", default_value_t = 9000, value_parser = clap::value_parser!(u16).range(1..))]
    proxy_admin_port: u16,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Operating")]
struct Face {
    /// Where /livez, /readyz, /metrics, /graph and /log-level are answered; / explains them.
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = ADMIN)]
    admin: SocketAddr,
    /// What to log: error, warn, info, debug, trace, or directives such as `info,weir_operator=debug`.
    /// PUT /log-level changes it meanwhile. What libraries tell of each failed request is left out up to info, unless
    /// they are named.
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = level)]
    log_level: Filter,
    /// How log lines look.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
}

impl Run {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let Watching {
            holdoff, holdoff_max, ..
        } = self.watching;
        if holdoff > holdoff_max {
            bail!("--holdoff is {holdoff:?}, longer than --holdoff-max, which is {holdoff_max:?}");
        }
        // a wrong call is told before the log begins
        self.options.options()?;
        let level = telemetry::init(self.face.log_level.clone(), self.face.log_format)?;
        // the log is where a running program says everything, its end, too
        Ok(match self.until_stopped(level) {
            Ok(()) => Outcome::Clean,
            Err(error) => {
                tracing::error!("{error:#}");
                Outcome::Failed
            }
        })
    }

    fn until_stopped(self, level: LogLevel) -> anyhow::Result<()> {
        let provider = aws_lc_rs::default_provider();
        let identity = self.identity(&provider)?;
        // fails when there is one already, which is then as good
        let _ = provider.install_default();
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .max_blocking_threads(BLOCKING)
            .thread_keep_alive(COMPILER_IDLE)
            .enable_all()
            .build()
            .context("cannot start threads")?;
        let result = runtime.block_on(self.serve(identity, level));
        // a compilation that is under way is of no use to anyone
        runtime.shutdown_background();
        result
    }

    async fn serve(self, identity: String, level: LogLevel) -> anyhow::Result<()> {
        let stop = stopped()?;
        let connection = Connection {
            kubeconfig: self.watching.kubeconfig.clone(),
            context: self.watching.context.clone(),
        };
        let config = connection.config().await?;
        let settings = self.settings(identity, &config.default_namespace)?;
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            server = %config.cluster_url,
            namespace = settings.publish.namespace,
            release = settings.publish.release,
            admin = %settings.admin,
            "starting"
        );
        let client = Client::try_from(config).context("cannot make a client of the API server")?;
        app::run(client, settings, level, stop).await
    }

    fn settings(self, identity: String, default_namespace: &str) -> anyhow::Result<Settings> {
        let Self {
            watching,
            publishing,
            delivery,
            face,
            options,
        } = self;
        let release = publishing.release;
        let namespace = publishing
            .own_namespace
            .unwrap_or_else(|| default_namespace.to_owned());
        let selector = delivery.proxy_selector.unwrap_or_else(|| {
            format!(
                "app.kubernetes.io/name=weir,app.kubernetes.io/instance={release},app.kubernetes.io/component=proxy"
            )
        });
        Ok(Settings {
            scope: Scope::new(watching.namespaces),
            compile: options.options()?,
            owner: publishing.owner.unwrap_or_else(|| format!("{release}-owner")),
            waits: Waits {
                quiet: watching.holdoff,
                longest: watching.holdoff_max,
            },
            lease: publishing
                .leader_elect
                .then(|| publishing.lease.unwrap_or_else(|| format!("{release}-operator"))),
            identity,
            proxies: proxies::Settings {
                namespace: namespace.clone(),
                selector,
                admin_port: delivery.proxy_admin_port,
            },
            publish: publish::Settings {
                endpoint_shards: publishing.endpoint_shards,
                secret_shards: publishing.secret_shards,
                ..publish::Settings::new(namespace, release)
            },
            admin: face.admin,
        })
    }

    /// A name that no other process ever has.
    fn identity(&self, provider: &CryptoProvider) -> anyhow::Result<String> {
        let mut random = [0; 5];
        let filled = provider.secure_random.fill(&mut random);
        filled.ok().context("there is no randomness")?;
        let host = || rustix::system::uname().nodename().to_string_lossy().into_owned();
        let name = self.publishing.identity.clone().unwrap_or_else(host);
        Ok(format!("{name}_{}", hex(&random)))
    }
}

/// Waits for the first SIGTERM or SIGINT; the second one ends the program at once.
fn stopped() -> anyhow::Result<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).context("cannot listen for signals");
    let (terminate, interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let next = async |terminate: &mut Signal, interrupt: &mut Signal| {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(async move {
        let (mut terminate, mut interrupt) = (terminate, interrupt);
        next(&mut terminate, &mut interrupt).await;
        tokio::spawn(async move {
            next(&mut terminate, &mut interrupt).await;
            tracing::warn!("told to end twice: the lease is not given back");
            std::process::exit(1);
        });
    })
}

fn level(text: &str) -> Result<Filter, LevelError> {
    telemetry::filter(text)
}

fn name(text: &str) -> Result<String, String> {
    check_name(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// How long something may wait.
fn wait(text: &str) -> Result<Duration, String> {
    let duration: GoDuration = text.parse().map_err(|error: DurationError| error.to_string())?;
    let duration = duration
        .to_std()
        .ok_or_else(|| format!("{duration} is below zero"))?;
    if duration > LONGEST_WAIT {
        return Err(format!("{duration:?} is longer than {LONGEST_WAIT:?}"));
    }
    Ok(duration)
}

/// Names of namespaces, and values of labels.
fn label(text: &str) -> Result<String, String> {
    if text.contains('.') || text.len() > 63 {
        return Err("it has a dot or more than 63 characters".to_owned());
    }
    name(text)
}

/// As long as helm allows: names are made out of it.
fn release(text: &str) -> Result<String, String> {
    if text.len() > 53 {
        return Err("it has more than 53 characters".to_owned());
    }
    label(text)
}

/// Requirements such as `a=b`, `a!=b`, `a in (b,c)`, `a`, `!a`, with commas between them. What is let through wrongly the
/// API server refuses.
fn selector(text: &str) -> Result<String, String> {
    let mut depth = 0_u8;
    let outside = |c: char| {
        depth = match c {
            '(' => depth.saturating_add(1),
            ')' => depth.saturating_sub(1),
            _ => depth,
        };
        c == ',' && depth == 0
    };
    let terms: Vec<&str> = text.split(outside).collect();
    let is_key = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    for term in terms {
        let term = term.trim();
        let key = term.trim_start_matches('!').split(['=', '!', ' ']).next();
        if !key.is_some_and(|key| !key.is_empty() && key.chars().all(is_key)) {
            return Err(format!("{term:?} does not begin with the name of a label"));
        }
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
