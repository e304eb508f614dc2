//! Taking connections from a listening socket.

use std::{io, net::SocketAddr, rc::Rc, sync::atomic::Ordering, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    task::spawn_local,
};
use weir_model::entry_point::Trust;

use super::{
    client::{Client, Order, Phase},
    connection, proxy_protocol,
};
use crate::{
    drain::{Drain, Stage},
    metrics::PauseReason,
    worker::Worker,
};

/// How long to leave the kernel's queue alone when nothing can be taken from it.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts until the worker drains; then takes what the queue holds and closes the listener.
pub(crate) async fn run(worker: Rc<Worker>, entry_point: usize, listener: TcpListener, mut drain: Drain) {
    loop {
        // checked before a connection is taken, so each listener may exceed the limit by one
        while worker.process.connections.load(Ordering::Relaxed) >= worker.process.limits.max_connections {
            if drain.stage() >= Stage::Draining {
                return;
            }
            pause(&worker, PauseReason::Limit).await;
        }
        tokio::select! {
            biased;
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => start(&worker, entry_point, stream, peer),
                Err(error) => refused(&worker, &error).await,
            },
            // after the queue, so that it is empty
            () = drain.reached(Stage::Draining) => return,
        }
    }
}

fn start(worker: &Rc<Worker>, entry_point: usize, stream: TcpStream, peer: SocketAddr) {
    // a failure means that the connection is gone already, which its first read tells
    let _ = stream.set_nodelay(true);
    worker.metrics.accepted.inc();
    let client = Rc::new(Client::new(worker.clone(), entry_point, stream, peer));
    let registered = Registered::new(&client);
    if worker.is_draining() {
        client.tell(Order::Drain);
    }
    if client.entry_point().proxy_protocol != Trust::Nobody {
        spawn_local(behind_another(client, registered));
        return;
    }
    spawn_local(async move {
        // held to the end, however the task ends
        let _registered = registered;
        connection::run(client).await;
    });
}

/// A connection that another one passes on, and may say whose it is.
async fn behind_another(client: Rc<Client>, registered: Registered) {
    let Some(source) = proxy_protocol::take(&client).await else {
        return;
    };
    let (client, _registered) = match source {
        None => (client, registered),
        Some(source) => {
            let client = Rc::new(client.of(source));
            let anew = Registered::new(&client);
            drop(registered);
            (client, anew)
        }
    };
    // has time for a head anew
    client.enter(Phase::Fresh);
    connection::run(client).await;
}

/// A connection that died in the queue says nothing about the next one; a lack of file descriptors or
/// memory does.
async fn refused(worker: &Worker, error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        tracing::warn!(%error, "cannot accept connections");
        pause(worker, PauseReason::Error).await;
    }
}

async fn pause(worker: &Worker, reason: PauseReason) {
    worker.metrics.accept_pauses[reason as usize].inc();
    tokio::time::sleep(PAUSE).await;
}

/// A connection's place among those of its worker and of the process.
struct Registered {
    worker: Rc<Worker>,
    id: u64,
}

impl Registered {
    fn new(client: &Rc<Client>) -> Self {
        let worker = client.worker.clone();
        let id = worker.new_id();
        worker.process.connections.fetch_add(1, Ordering::Relaxed);
        worker.connections.insert(id, client.clone());
        Self { worker, id }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.worker.connections.remove(self.id);
        self.worker.process.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
