//! The admin port: `/livez`, `/readyz`, `/metrics`, `/graph` and `/log-level`.
//!
//! It shows routes and services by name and rule, and nothing of Secrets. The one thing that can be changed here is the log level, and only from
//! the pod itself, which is where `kubectl port-forward` comes from.

mod collect;
mod graph;
mod pages;
mod readiness;

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};

pub use self::readiness::Stage;
use self::{collect::State, graph::Drawing, pages::Pages};
use super::{engine::Compiled, watch::Health};
use crate::{compile::Options, metrics::Metrics, telemetry::LogLevel};

/// Connections at a time; further ones wait.
const MAX_CONNECTIONS: usize = 64;
/// For a request's head, and for the next one on the same connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// For a connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_mins(10);
/// How long to wait when connections cannot be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// What the admin port tells of.
#[derive(Debug)]
pub struct Sources {
    /// How far the program is.
    pub stage: watch::Receiver<Stage>,
    /// How the watches do.
    pub health: watch::Receiver<Health>,
    /// The last compilation.
    pub compiled: watch::Receiver<Option<Arc<Compiled>>>,
    /// How it is compiled.
    pub options: Options,
    /// What is logged.
    pub level: LogLevel,
}

/// Answers at the admin port.
#[derive(Debug)]
pub struct Admin {
    pages: Arc<Pages>,
}

impl Admin {
    /// `registry` is the one that `metrics` are in; what the sources tell is added.
    pub fn new(sources: Sources, mut registry: Registry, metrics: Metrics) -> Self {
        registry.register_collector(Box::new(State {
            health: sources.health.clone(),
            compiled: sources.compiled.clone(),
        }));
        let drawing = Drawing::new(sources.compiled.clone(), sources.options.clone());
        Self {
            pages: Arc::new(Pages {
                sources,
                registry,
                metrics,
                drawing,
            }),
        }
    }

    /// Answers for ever.
    pub async fn serve(self, listener: TcpListener) {
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            // nobody closes it
            let Ok(slot) = slots.clone().acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let pages = self.pages.clone();
                    tokio::spawn(async move {
                        let _ = timeout(CONNECTION_TIMEOUT, connection(pages, stream, peer)).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept at the admin port");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

async fn connection(pages: Arc<Pages>, stream: TcpStream, peer: SocketAddr) {
    let service = service_fn(|request| {
        let pages = pages.clone();
        async move { Ok::<_, Infallible>(pages.answer(request, peer).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    // an error concerns that client alone
    let _ = connection.await;
}
