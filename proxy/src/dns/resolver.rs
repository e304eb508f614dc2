//! Addresses of names, kept as long as DNS says.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use hashbrown::HashMap;
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
};

/// How long it is believed that a name does not exist, where DNS would have it for longer: a name that was just made is
/// soon found.
const NOT_THERE: Duration = Duration::from_secs(5);
/// Questions under way at a time to one DNS server.
const QUESTIONS: usize = 1024;
/// Names whose last addresses are remembered.
const MAX_REMEMBERED: usize = 4096;

/// Looks names up, in the hosts file and in DNS. One for each thread: it is made when the first name is asked for, and its
/// questions are asked on the thread that made it.
///
/// When no DNS server answers, a name keeps the addresses that it had.
#[derive(Debug)]
pub(crate) struct Resolver {
    /// Instead of the system's.
    servers: Arc<[SocketAddr]>,
    made: OnceLock<Result<TokioResolver, String>>,
    last: Mutex<HashMap<Box<str>, Last>>,
}

/// What a name's addresses were.
#[derive(Debug)]
struct Last {
    addresses: Arc<[IpAddr]>,
    /// It was asked for since, in vain.
    stale: bool,
}

impl Resolver {
    /// Asks these DNS servers; without any, those of `/etc/resolv.conf`.
    pub(crate) fn new(servers: Arc<[SocketAddr]>) -> Self {
        Self {
            servers,
            made: OnceLock::new(),
            last: Mutex::default(),
        }
    }

    /// A name's addresses, at least one; the error is why there is none.
    pub(crate) async fn addresses(&self, name: &str) -> Result<Arc<[IpAddr]>, String> {
        let made = self.made.get_or_init(|| make(&self.servers));
        let resolver = made.as_ref().map_err(String::clone)?;
        match resolver.lookup_ip(name).await {
            Ok(found) => {
                let addresses: Arc<[IpAddr]> = found.iter().collect();
                if addresses.is_empty() {
                    return Err("it has no address".to_owned());
                }
                self.remember(name, &addresses);
                Ok(addresses)
            }
            Err(error) if has_answer(&error) => {
                self.last().remove(name);
                Err(error.to_string())
            }
            Err(error) => self.fall_back(name, &error).ok_or_else(|| error.to_string()),
        }
    }

    fn last(&self) -> impl std::ops::DerefMut<Target = HashMap<Box<str>, Last>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, name: &str, addresses: &Arc<[IpAddr]>) {
        let mut last = self.last();
        if last.len() >= MAX_REMEMBERED && !last.contains_key(name) {
            last.clear();
        }
        let now = Last {
            addresses: Arc::clone(addresses),
            stale: false,
        };
        if last.insert(name.into(), now).is_some_and(|before| before.stale) {
            tracing::info!(name, "DNS answers again");
        }
    }

    fn fall_back(&self, name: &str, error: &NetError) -> Option<Arc<[IpAddr]>> {
        let mut last = self.last();
        let last = last.get_mut(name)?;
        if !std::mem::replace(&mut last.stale, true) {
            tracing::warn!(name, %error, "DNS does not answer; the addresses that were known are used");
        }
        Some(Arc::clone(&last.addresses))
    }
}

/// Whether a DNS server has said that there is nothing, in contrast to not being able to say.
fn has_answer(error: &NetError) -> bool {
    matches!(error, NetError::Dns(DnsError::NoRecordsFound(_)))
}

fn make(servers: &[SocketAddr]) -> Result<TokioResolver, String> {
    let provider = TokioRuntimeProvider::default();
    let mut builder = if servers.is_empty() {
        TokioResolver::builder(provider).map_err(|error| format!("/etc/resolv.conf: {error}"))?
    } else {
        let servers = servers.iter().map(|server| name_server(*server));
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        TokioResolver::builder_with_config(config, provider)
    };
    let options = builder.options_mut();
    options.max_active_requests = QUESTIONS;
    options.negative_max_ttl = Some(NOT_THERE);
    options.use_hosts_file = ResolveHosts::Always;
    builder.build().map_err(|error| error.to_string())
}

fn name_server(server: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    let connections = connections.map(|mut connection| {
        connection.port = server.port();
        connection
    });
    NameServerConfig::new(server.ip(), true, connections.into())
}
