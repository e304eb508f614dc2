//! The admin port: `/livez`, `/readyz`, `/metrics`, `/config`, `/health`. It changes nothing and shows no secret.

mod collect;
mod format;
mod health;
mod pages;
mod traffic;

use std::{convert::Infallible, future::ready, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};

use self::pages::Pages;
use crate::{
    access_log, config::Status, drain::Drain, health::Counts, metrics::Shard, process::Process,
    state::Current,
};

/// Connections at a time; further ones wait.
const MAX_CONNECTIONS: usize = 64;
/// For a request's head, and for the next one on the same connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// For a connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_mins(10);
/// How long to wait when connections cannot be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// What the admin port tells about.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) access_log: Arc<access_log::Control>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) current: Arc<Current>,
    pub(crate) drain: Drain,
    pub(crate) process: Arc<Process>,
    pub(crate) shards: Vec<Arc<Shard>>,
    pub(crate) status: watch::Receiver<Status>,
}

/// Answers at the admin port.
#[derive(Debug)]
pub(crate) struct Admin {
    pages: Arc<Pages>,
}

impl Admin {
    pub(crate) fn new(about: About) -> Self {
        Self {
            pages: Arc::new(Pages(about)),
        }
    }

    /// Answers for ever.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            // nobody closes it
            let Ok(slot) = slots.clone().acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let pages = self.pages.clone();
                    tokio::spawn(async move {
                        let _ = timeout(CONNECTION_TIMEOUT, connection(pages, stream)).await;
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

async fn connection(pages: Arc<Pages>, stream: TcpStream) {
    let service = service_fn(|request| ready(Ok::<_, Infallible>(pages.answer(&request))));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    // an error concerns that client alone
    let _ = connection.await;
}
