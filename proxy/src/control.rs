//! The threads beside the workers.

use std::{io, net::TcpListener, sync::Arc, time::Duration};

use tokio::{runtime::Builder, time::sleep};

use crate::{
    admin::Admin,
    config::Loader,
    dns::Resolver,
    drain::{Drain, Drainer, Stage},
    health::{self, Prober},
};

/// The thread beside the workers: loads documents, answers at the admin port, times the drain.
pub(crate) struct Control {
    pub(crate) admin: Admin,
    pub(crate) drain: Drain,
    pub(crate) drain_delay: Duration,
    pub(crate) drainer: Arc<Drainer>,
    pub(crate) grace_period: Duration,
    pub(crate) listener: TcpListener,
    pub(crate) loader: Loader,
}

impl Control {
    /// Runs until the proxy is over.
    pub(crate) fn run(self) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let result = runtime.block_on(self.serve());
        // a load that is under way may take its time
        runtime.shutdown_background();
        result
    }

    async fn serve(self) -> io::Result<()> {
        let Self {
            admin,
            mut drain,
            drain_delay,
            drainer,
            grace_period,
            listener,
            loader,
        } = self;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let current = loader.current().clone();
        let retire = async {
            loop {
                sleep(Duration::from_secs(1)).await;
                current.sweep();
            }
        };
        let mut announced = drain.clone();
        let stages = async {
            announced.reached(Stage::Announced).await;
            tracing::info!(?drain_delay, "draining");
            sleep(drain_delay).await;
            drainer.advance(Stage::Draining);
            sleep(grace_period).await;
            drainer.advance(Stage::Over);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            never = loader.run() => match never {},
            () = admin.serve(listener) => {}
            () = stages => {}
            () = retire => {}
            () = drain.reached(Stage::Over) => {}
        }
        Ok(())
    }
}

/// The thread that probes endpoints. Its own, as many TLS handshakes at a time would hold up who asks whether the proxy lives.
pub(crate) struct Probing {
    pub(crate) drain: Drain,
    pub(crate) prober: Prober,
    pub(crate) resolver: Arc<Resolver>,
}

impl Probing {
    /// Runs until the proxy is over.
    pub(crate) fn run(self) -> io::Result<()> {
        let Self {
            mut drain,
            prober,
            resolver,
        } = self;
        let probe = move |health| health::probe(Arc::clone(&resolver), health);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            tokio::select! {
                never = prober.run(probe) => match never {},
                () = drain.reached(Stage::Over) => {}
            }
        });
        Ok(())
    }
}
