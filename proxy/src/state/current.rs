//! The snapshot that is served, and how the next one takes its place.

use std::{
    fmt,
    ops::Deref,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::{ArcSwap, Cache};
use tokio::sync::watch;

use super::Snapshot;

/// Holds the snapshot that is served. One writer; workers read it through a [`Reader`] each.
pub struct Current {
    snapshot: Arc<ArcSwap<Snapshot>>,
    generation: watch::Sender<u64>,
    /// Replaced ones that somebody may still use. Kept so that the last reference is never a
    /// worker's: taking a large snapshot apart would hold up its requests.
    retired: Mutex<Vec<Arc<Snapshot>>>,
}

impl Current {
    /// Starts with a snapshot that counts as nothing loaded: generation 0.
    pub fn new(snapshot: Snapshot) -> Self {
        Self {
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            generation: watch::Sender::new(0),
            retired: Mutex::default(),
        }
    }

    /// Puts a snapshot in the place of the one before and announces it.
    pub fn publish(&self, snapshot: Snapshot) {
        let replaced = self.snapshot.swap(Arc::new(snapshot));
        self.retired
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(replaced);
        self.generation.send_modify(|generation| *generation += 1);
    }

    /// Takes replaced snapshots apart that nobody uses any more. Not for a worker's thread.
    pub fn sweep(&self) {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
    }

    /// Counts the snapshots that were published. A worker that waits for requests should also wait
    /// for a change of this and then call [`Reader::load`], so that it does not keep an old one alive.
    pub fn generation(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// The snapshot that is served, for a look at it outside the workers.
    pub fn load(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// A worker's own way to the snapshot.
    pub fn reader(&self) -> Reader {
        let mut cache = Cache::new(Arc::clone(&self.snapshot));
        let held = Rc::new(Held(Arc::clone(cache.load())));
        Reader { cache, held }
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current")
            .field("generation", &*self.generation.borrow())
            .finish_non_exhaustive()
    }
}

/// A thread's own reference to the snapshot. Reading costs one load of a word that hardly ever changes;
/// no counter is shared with other threads.
pub struct Reader {
    cache: Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>,
    held: Rc<Held>,
}

impl Reader {
    /// The snapshot of now. A request clones it and keeps it to its end.
    #[inline]
    pub fn load(&mut self) -> &Rc<Held> {
        let current = self.cache.load();
        if !Arc::ptr_eq(current, &self.held.0) {
            self.held = Rc::new(Held(Arc::clone(current)));
        }
        &self.held
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// A snapshot, shared inside one thread: cloning its [`Rc`] touches no other thread's memory.
#[derive(Debug)]
pub struct Held(Arc<Snapshot>);

impl Deref for Held {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.0
    }
}
