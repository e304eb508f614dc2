//! The proxies that are compared, and how each of them is told what to do.

mod haproxy;
pub mod nginx;
mod process;
mod traefik;
mod weir;

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Result;

use crate::{backend::Backends, certificate::Certificate, route::Route};

pub use process::{Pin, Running};

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contestant {
    /// Of a folder with `weir-operator` and `weir-proxy`.
    Weir(PathBuf),
    /// Debian's.
    Nginx,
    /// Debian's.
    Haproxy,
    /// A binary.
    Traefik(PathBuf),
}

/// What a proxy is to do.
#[derive(Clone, Debug)]
pub struct Task<'a> {
    /// Where it listens.
    pub address: SocketAddr,
    /// What is behind it.
    pub backends: &'a Backends,
    /// With TLS at its entry: HTTP/1.1 and HTTP/2.
    pub tls: bool,
    /// The one that it shows.
    pub certificate: &'a Certificate,
    /// Which requests go where.
    pub route: Route,
    /// Bodies are large: it may set its buffers as its manual advises.
    pub large: bool,
}

impl Contestant {
    /// In tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Weir(_) => "weir",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Traefik(_) => "traefik",
        }
    }

    /// Starts it on a core and waits until it accepts. None: it has no such thing.
    pub async fn start(&self, task: &Task<'_>, pin: &Pin) -> Result<Option<Running>> {
        let folder = tempfile::tempdir()?;
        task.certificate.write(folder.path())?;
        let command = match self {
            Self::Weir(binaries) => Some(weir::command(binaries, task, folder.path())?),
            Self::Nginx => nginx::command(task, folder.path())?,
            Self::Haproxy => haproxy::command(task, folder.path())?,
            Self::Traefik(binary) => traefik::command(binary, task, folder.path())?,
        };
        match command {
            None => Ok(None),
            Some(command) => Running::start(&command, task.address, pin, folder)
                .await
                .map(Some),
        }
    }
}
