//! A whole proxy: bind, serve, drain, join.

use std::{
    io, iter,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use http::HeaderValue;
use thiserror::Error;
use weir_model::entry_point::{self, EntryPoint, ListError, RedirectTarget, Redirection};

use crate::{
    access_log::{self, Sink, Writer},
    admin::{About, Admin},
    config::{self, Loader},
    control::{Control, Probing},
    dns::Resolver,
    drain::{self, Drainer, Stage},
    health::{self, Prober},
    http::server_tls,
    limits::Limits,
    listen,
    metrics::Shard,
    process::{self, Budget, Process},
    state::Registry,
    tls::TlsError,
    traffic::Buckets,
    worker::Plan,
};

/// How many threads serve at most when nobody says how many.
pub const MAX_DEFAULT_THREADS: usize = 16;
/// What the admin port is called beside the entry points.
const ADMIN: &str = "admin";

/// What a proxy is made from.
#[derive(Clone, Debug)]
pub struct Options {
    /// The access log; none: nothing is logged.
    pub access_log: Option<access_log::Options>,
    /// Where the admin port listens.
    pub admin: SocketAddr,
    /// Where the documents come from.
    pub config: config::Options,
    /// The DNS servers that are asked for the addresses of names; none: those of `/etc/resolv.conf`.
    pub dns_servers: Vec<SocketAddr>,
    /// How long to go on accepting after the drain was announced.
    pub drain_delay: Duration,
    /// Where clients come in.
    pub entry_points: Vec<EntryPoint>,
    /// Where routes start counting their requests; none: somewhere, so that not all proxies begin
    /// with the same children.
    pub first_turn: Option<u64>,
    /// After the delay, how long requests may still take.
    pub grace_period: Duration,
    /// Bounds.
    pub limits: Limits,
    /// Of the histograms of how long requests took.
    pub buckets: Buckets,
    /// How many threads serve.
    pub threads: usize,
}

impl Options {
    /// The defaults.
    pub fn new(config: config::Options, entry_points: Vec<EntryPoint>) -> Self {
        Self {
            access_log: None,
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            config,
            dns_servers: Vec::new(),
            drain_delay: Duration::from_secs(5),
            entry_points,
            first_turn: None,
            grace_period: Duration::from_secs(20),
            limits: Limits::default(),
            buckets: Buckets::default(),
            threads: default_threads(),
        }
    }
}

/// One for each core that the process may use, up to [`MAX_DEFAULT_THREADS`].
pub fn default_threads() -> usize {
    thread::available_parallelism()
        .map_or(1, usize::from)
        .min(MAX_DEFAULT_THREADS)
}

/// Why a proxy does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The entry points do not fit together.
    #[error(transparent)]
    EntryPoints(#[from] ListError),
    /// Two of them, entry points or `admin`, have one address.
    #[error("{0} and {1} cannot both listen on {2}")]
    Shared(String, String, SocketAddr),
    /// There is no entry point.
    #[error("there is no entry point")]
    NoEntryPoint,
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({name})")]
    Bind {
        /// The entry point, or `admin`.
        name: String,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The access log's file cannot be opened.
    #[error("cannot open the access log {file}")]
    AccessLog {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// There is an entry point with TLS, which cannot be spoken.
    #[error("cannot speak TLS")]
    Tls(#[source] TlsError),
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

impl StartError {
    fn bind(name: &str, address: SocketAddr, source: io::Error) -> Self {
        let name = name.to_owned();
        Self::Bind {
            name,
            address,
            source,
        }
    }

    /// Whether another command line would help, rather than another state of the system.
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::EntryPoints(_) | Self::Shared(..) | Self::NoEntryPoint)
    }
}

/// Checks what the options say by themselves.
pub fn check(admin: SocketAddr, entry_points: &[EntryPoint]) -> Result<(), StartError> {
    if entry_points.is_empty() {
        return Err(StartError::NoEntryPoint);
    }
    entry_point::check(entry_points)?;
    for (index, entry_point) in entry_points.iter().enumerate() {
        let before = entry_points[..index]
            .iter()
            .map(|other| (other.name.as_str(), other.address));
        // each port 0 becomes another one
        let shared = iter::once((ADMIN, admin))
            .chain(before)
            .find(|(_, address)| *address == entry_point.address && address.port() != 0);
        if let Some((other, address)) = shared {
            return Err(StartError::Shared(
                other.to_owned(),
                entry_point.name.clone(),
                address,
            ));
        }
    }
    Ok(())
}

/// Where a proxy listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The admin port.
    pub admin: SocketAddr,
    /// The entry points, in the order of the options.
    pub entry_points: Vec<SocketAddr>,
}

/// A proxy that listens and does not serve yet.
#[derive(Debug)]
pub struct Proxy {
    access_log: Option<Sink>,
    access_log_control: Arc<access_log::Control>,
    addresses: Addresses,
    admin: TcpListener,
    /// For each thread, one for each entry point.
    listeners: Vec<Vec<TcpListener>>,
    options: Options,
}

impl Proxy {
    /// Listens on all addresses.
    pub fn bind(options: Options) -> Result<Self, StartError> {
        check(options.admin, &options.entry_points)?;
        let mut entry_points = Vec::new();
        let mut listeners: Vec<Vec<_>> = (0..options.threads.max(1)).map(|_| Vec::new()).collect();
        for entry_point in &options.entry_points {
            let failed = |source| StartError::bind(&entry_point.name, entry_point.address, source);
            let (bound, sockets) = listen::shared(entry_point.address, listeners.len()).map_err(failed)?;
            for (listeners, socket) in listeners.iter_mut().zip(sockets) {
                listeners.push(socket);
            }
            entry_points.push(bound);
        }
        let failed = |source| StartError::bind(ADMIN, options.admin, source);
        let (bound, admin) = listen::alone(options.admin).map_err(failed)?;
        let access_log_control = Arc::default();
        let open = |log: &access_log::Options| {
            let sink = Sink::new(log.clone(), listeners.len(), Arc::clone(&access_log_control));
            sink.map_err(|source| StartError::AccessLog {
                file: log
                    .file
                    .as_deref()
                    .unwrap_or_else(|| Path::new("-"))
                    .display()
                    .to_string(),
                source,
            })
        };
        let access_log = options.access_log.as_ref().map(open).transpose()?;
        let addresses = Addresses {
            admin: bound,
            entry_points,
        };
        Ok(Self {
            access_log,
            access_log_control,
            addresses,
            admin,
            listeners,
            options,
        })
    }

    /// Where it listens.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Starts serving.
    pub fn serve(self) -> Result<Running, StartError> {
        let Self {
            access_log,
            access_log_control,
            addresses,
            admin,
            listeners,
            options,
        } = self;
        let (drainer, drain) = drain::new();
        let mut process = process(&options, &addresses, listeners.len());
        // a random number; below 2⁶², so that it never overflows
        let first_turn = options.first_turn.unwrap_or_else(|| random() >> 2);
        let loader = Loader::new(options.config, options.entry_points, Registry::new(first_turn));
        if process.entry_points.iter().any(|entry_point| entry_point.tls) {
            let config = server_tls(loader.current().clone()).map_err(StartError::Tls)?;
            process.tls = Some(Arc::new(config));
        }
        let process = Arc::new(process);
        let mut running = Running {
            access_log: None,
            access_log_control: access_log_control.clone(),
            addresses,
            drainer: Arc::new(drainer),
            workers: Vec::new(),
            beside: Vec::new(),
        };
        let mut shards = Vec::new();
        for (index, listeners) in listeners.into_iter().enumerate() {
            let metrics = Arc::new(Shard::new(process.entry_points.len()));
            shards.push(metrics.clone());
            let writer = |log: &Sink| Writer::new(log.options(), log.lines(index), index, process.workers);
            let plan = Plan {
                access_log: access_log.as_ref().map(writer),
                index,
                process: process.clone(),
                metrics,
                current: loader.current().clone(),
                listeners,
                drain: drain.clone(),
            };
            running
                .workers
                .push(spawn(format!("worker-{index}"), move || plan.run())?);
        }
        if let Some(log) = access_log {
            let (ended, end) = mpsc::channel();
            spawn("access-log".into(), move || {
                log.run();
                // who wants to know may have stopped waiting
                let _ = ended.send(());
                Ok(())
            })?;
            running.access_log = Some(end);
        }
        let counts = Arc::new(health::Counts::default());
        let probing = Probing {
            drain: drain.clone(),
            prober: Prober {
                changed: loader.health(),
                counts: counts.clone(),
                current: loader.current().clone(),
                limits: options.limits,
                seed: random(),
            },
            resolver: Arc::new(Resolver::new(process.dns_servers.clone())),
        };
        running
            .beside
            .push(spawn("health".into(), move || probing.run())?);
        let about = About {
            access_log: access_log_control,
            counts,
            current: loader.current().clone(),
            drain: drain.clone(),
            process,
            shards,
            status: loader.status(),
        };
        let control = Control {
            admin: Admin::new(about),
            drain,
            drain_delay: options.drain_delay,
            drainer: running.drainer.clone(),
            grace_period: options.grace_period,
            listener: admin,
            loader,
        };
        running
            .beside
            .push(spawn("control".into(), move || control.run())?);
        Ok(running)
    }
}

fn process(options: &Options, addresses: &Addresses, workers: usize) -> Process {
    let public_port = |(entry_point, bound): (&EntryPoint, &SocketAddr)| match entry_point.public_port {
        0 => bound.port(),
        port => port,
    };
    let all = || options.entry_points.iter().zip(&addresses.entry_points);
    let redirection = |redirection: &Redirection| {
        let target = match &redirection.to {
            RedirectTarget::EntryPoint(name) => all().find(|(other, _)| other.name == *name).map(public_port),
            RedirectTarget::Port(port) => Some(*port),
        };
        let port = target.filter(|port| *port != redirection.scheme.port());
        process::Redirection {
            scheme: redirection.scheme,
            port: port.map(|port| format!(":{port}")).unwrap_or_default(),
            permanent: redirection.permanent,
        }
    };
    let entry_point = |(entry_point, bound): (&EntryPoint, &SocketAddr)| process::EntryPoint {
        name: entry_point.name.clone(),
        public_port: HeaderValue::from(public_port((entry_point, bound))),
        tls: entry_point.tls,
        redirection: entry_point.redirection.as_ref().map(redirection),
        proxy_protocol: entry_point.proxy_protocol.clone(),
        forwarded_headers: entry_point.forwarded_headers.clone(),
    };
    Process {
        entry_points: all().map(entry_point).collect(),
        tls: None,
        dns_servers: options.dns_servers.as_slice().into(),
        hostname: process::hostname(),
        start: Instant::now(),
        connections: 0.into(),
        mirror_copies: Budget::new(options.limits.mirror_max_copies),
        mirror_bytes: Budget::new(options.limits.mirror_max_bytes),
        workers,
        buckets: options.buckets.clone(),
        limits: options.limits.clone(),
    }
}

fn spawn(
    name: String,
    run: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> Result<JoinHandle<io::Result<()>>, StartError> {
    thread::Builder::new()
        .name(name)
        .spawn(run)
        .map_err(StartError::Thread)
}

fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(std::process::id())
}

/// A proxy that serves. Dropping it ends it at once.
#[derive(Debug)]
pub struct Running {
    /// Told when the access log is complete.
    access_log: Option<mpsc::Receiver<()>>,
    access_log_control: Arc<access_log::Control>,
    addresses: Addresses,
    drainer: Arc<Drainer>,
    workers: Vec<JoinHandle<io::Result<()>>>,
    /// Those beside the workers.
    beside: Vec<JoinHandle<io::Result<()>>>,
}

/// Tells a proxy to end.
#[derive(Clone, Debug)]
pub struct Stopper(Arc<Drainer>);

impl Stopper {
    /// Begins to drain.
    pub fn drain(&self) {
        self.0.advance(Stage::Announced);
    }

    /// Ends at once.
    pub fn stop(&self) {
        self.0.advance(Stage::Over);
    }
}

/// Has files of logs opened anew, once they were moved away.
#[derive(Clone, Debug)]
pub struct Reopener(Arc<access_log::Control>);

impl Reopener {
    /// At once, as soon as what was logged before is written.
    pub fn reopen(&self) {
        self.0.reopen();
    }
}

/// How long the end waits for the access log: nobody may be reading it.
const LAST_LINES: Duration = Duration::from_secs(1);

impl Running {
    /// Where it listens.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// What ends it.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.drainer.clone())
    }

    /// What has files of logs opened anew.
    pub fn reopener(&self) -> Reopener {
        Reopener(self.access_log_control.clone())
    }

    /// Waits until it has ended.
    pub fn join(mut self) -> io::Result<()> {
        self.join_all()
    }

    fn join_all(&mut self) -> io::Result<()> {
        let mut result = Ok(());
        for thread in self.workers.drain(..) {
            let ended = joined(thread);
            result = result.and(ended);
        }
        if let Some(log) = self.access_log.take() {
            // what is not written by then is lost
            let _ = log.recv_timeout(LAST_LINES);
        }
        self.drainer.advance(Stage::Over);
        for thread in self.beside.drain(..) {
            let ended = joined(thread);
            result = result.and(ended);
        }
        result
    }
}

fn joined(thread: JoinHandle<io::Result<()>>) -> io::Result<()> {
    thread
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
}

impl Drop for Running {
    fn drop(&mut self) {
        self.drainer.advance(Stage::Over);
        // whoever wants to know joins
        let _ = self.join_all();
    }
}
