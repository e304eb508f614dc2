//! One thread of the data path: its runtime, its listeners, and what its tasks share.

use std::{
    cell::{Cell, RefCell},
    hint, io,
    net::TcpListener,
    rc::Rc,
    sync::Arc,
};

use hyper::server::conn::http1;
use tokio::{
    runtime::{Builder, LocalOptions},
    task::spawn_local,
    time::{MissedTickBehavior, interval},
};

use crate::{
    access_log::Writer,
    dns::Resolver,
    drain::{Drain, Stage},
    http::{Clock, Order, Registry, accept},
    limits::Limits,
    metrics::Shard,
    process::Process,
    state::{Current, Held, Reader},
    upstream::Upstreams,
};

/// What the tasks of one thread share. Nothing here is locked.
#[derive(Debug)]
pub(crate) struct Worker {
    /// What all workers share.
    pub(crate) process: Arc<Process>,
    /// Among the workers.
    pub(crate) index: usize,
    pub(crate) clock: Clock,
    pub(crate) connections: Registry,
    pub(crate) upstreams: Upstreams,
    pub(crate) resolver: Resolver,
    pub(crate) snapshots: RefCell<Reader>,
    pub(crate) metrics: Arc<Shard>,
    /// Where requests are logged, if anywhere.
    pub(crate) access_log: Option<Writer>,
    /// How hyper serves.
    pub(crate) server: http1::Builder,
    /// Mirrored copies under way.
    pub(crate) copies: Cell<usize>,
    /// Room to copy through; what is in it is over with the poll that put it there.
    pub(crate) scratch: RefCell<Vec<u8>>,
    draining: Cell<bool>,
    next_id: Cell<u64>,
}

/// What a worker is made from.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) access_log: Option<Writer>,
    /// Among the workers.
    pub(crate) index: usize,
    pub(crate) process: Arc<Process>,
    pub(crate) metrics: Arc<Shard>,
    pub(crate) current: Arc<Current>,
    /// A listening socket for each entry point, in their order.
    pub(crate) listeners: Vec<TcpListener>,
    pub(crate) drain: Drain,
}

/// What the heartbeat of a worker shows that has ended.
pub(crate) const FINISHED: u64 = u64::MAX;

impl Plan {
    /// Serves on this thread until all is drained.
    pub(crate) fn run(self) -> io::Result<()> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())?;
        runtime.block_on(self.serve())
    }

    async fn serve(self) -> io::Result<()> {
        let Self {
            access_log,
            index,
            process,
            metrics,
            current,
            listeners,
            mut drain,
        } = self;
        let worker = Worker::new(index, process, metrics, &current);
        let worker = Rc::new(Worker { access_log, ..worker });
        let mut accepting = Vec::new();
        for (entry_point, listener) in listeners.into_iter().enumerate() {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let task = accept::run(worker.clone(), entry_point, listener, drain.clone());
            accepting.push(spawn_local(task));
        }
        spawn_local(tick(worker.clone()));
        spawn_local({
            let worker = worker.clone();
            async move { worker.upstreams.look_after(&worker.metrics).await }
        });
        drain.reached(Stage::Draining).await;
        worker.draining.set(true);
        for task in accepting {
            // its only way to fail is a panic, of which the panic hook has told
            let _ = task.await;
        }
        worker.connections.tell_all(Order::Drain);
        tokio::select! {
            () = worker.finished() => {}
            () = drain.reached(Stage::Over) => {}
        }
        worker.metrics.heartbeat.set(FINISHED);
        Ok(())
    }
}

impl Worker {
    fn new(index: usize, process: Arc<Process>, metrics: Arc<Shard>, current: &Current) -> Self {
        let limits = &process.limits;
        let clock = Clock::new(process.start, limits.tick());
        Self {
            access_log: None,
            connections: Registry::new(&clock, limits),
            upstreams: Upstreams::new(limits, process.workers, index),
            resolver: Resolver::new(process.dns_servers.clone()),
            snapshots: RefCell::new(current.reader()),
            server: server(limits),
            index,
            clock,
            metrics,
            process,
            copies: Cell::default(),
            scratch: RefCell::default(),
            draining: Cell::default(),
            next_id: Cell::default(),
        }
    }

    /// No new connections come, and those that are there end.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// A number that this worker has not given before.
    pub(crate) fn new_id(&self) -> u64 {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        id
    }

    /// The snapshot of now.
    pub(crate) fn snapshot(&self) -> Rc<Held> {
        self.snapshots.borrow_mut().load().clone()
    }

    /// Waits until no connection and no copy is left.
    async fn finished(&self) {
        let mut ticks = interval(self.clock.tick().min(std::time::Duration::from_millis(20)));
        while self.connections.len() > 0 || self.copies.get() > 0 {
            ticks.tick().await;
        }
    }
}

fn server(limits: &Limits) -> http1::Builder {
    let mut server = http1::Builder::new();
    server
        // the worker's ticker times heads, and connections look for clients that left
        .header_read_timeout(None)
        .half_close(true)
        .max_buf_size(limits.max_header_bytes.max(64 << 10))
        .max_header_size(limits.max_header_bytes);
    if let Some(most) = limits.own_max_headers() {
        server.max_headers(most);
    }
    server
}

/// Everything of a worker that is due to the passing of time.
async fn tick(worker: Rc<Worker>) {
    let mut ticks = interval(worker.clock.tick());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        worker.clock.advance();
        worker.metrics.heartbeat.set(worker.clock.millis());
        worker.connections.sweep();
        if let Some(log) = &worker.access_log {
            log.flush();
        }
        worker.upstreams.sweep(&worker.clock, &worker.metrics);
        // lets go of an old snapshot when no request comes
        worker.snapshots.borrow_mut().load();
        give_back();
    }
}

/// Has memory returned to the system that connections which wait need no more. mimalloc looks for what has been free for a
/// second whenever a page of its own gets free, and where nothing is asked for any more, none does: a block of this size is
/// one. Nobody writes to it, so that it is an address and no memory.
fn give_back() {
    const A_PAGE_OF_ITS_OWN: usize = 1 << 20;
    drop(hint::black_box(Vec::<u8>::with_capacity(A_PAGE_OF_ITS_OWN)));
}
