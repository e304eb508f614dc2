//! Watching connections that wait for a request: upstreams close them, and nobody else would notice.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Wake,
};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How many are looked after at a time.
const BATCH: usize = 256;

/// Who hears of endpoints with unused connections to which something has happened. A connection tells once after it was
/// looked at, so there are never more than unused connections.
#[derive(Debug)]
pub(super) struct Watch {
    tell: UnboundedSender<u64>,
    told: RefCell<Option<UnboundedReceiver<u64>>>,
}

/// What wakes up when something happens to a connection that nobody uses.
#[derive(Debug)]
pub(super) struct Bell {
    endpoint: u64,
    rung: AtomicBool,
    tell: UnboundedSender<u64>,
}

impl Bell {
    /// Makes it ring again. Whether it has rung.
    pub(super) fn reset(&self) -> bool {
        self.rung.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::Relaxed) {
            // nobody hears it when the worker has ended
            let _ = self.tell.send(self.endpoint);
        }
    }
}

impl Default for Watch {
    fn default() -> Self {
        let (tell, told) = unbounded_channel();
        Self {
            tell,
            told: RefCell::new(Some(told)),
        }
    }
}

impl Watch {
    /// For a connection to this endpoint.
    pub(super) fn bell(&self, endpoint: u64) -> Arc<Bell> {
        let tell = self.tell.clone();
        Arc::new(Bell {
            endpoint,
            rung: AtomicBool::new(false),
            tell,
        })
    }

    /// Has endpoints looked after, each once for all that happened meanwhile.
    pub(super) async fn run(&self, mut look_after: impl FnMut(u64)) {
        let Some(mut told) = self.told.take() else {
            return;
        };
        let mut batch = Vec::new();
        while told.recv_many(&mut batch, BATCH).await > 0 {
            batch.sort_unstable();
            batch.dedup();
            batch.drain(..).for_each(&mut look_after);
        }
    }
}
