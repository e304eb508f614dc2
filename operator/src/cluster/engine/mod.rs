//! The engine: waits until everything is known and quiet, compiles, gives out.

mod compiled;
mod holdoff;

use std::{future, sync::Arc};

use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinHandle},
    time::{Instant, sleep_until},
};
use weir_model::document::Config;

use self::holdoff::{Holdoff, Waiting};
pub use self::{compiled::Compiled, holdoff::Waits};
use super::{
    change::Change,
    records::Records,
    scope::Scope,
    store::{Effect, Store, Wanted},
};
use crate::{
    compile::{Compilation, Options, Snapshot, compile},
    metrics::CompilerMetrics,
};

/// Changes that may wait to be taken in; watches wait beyond that. Enough for a page of a list.
pub const CHANGES: usize = 512;

/// What is published: nothing while that was not read yet.
pub type Published = watch::Receiver<Option<Arc<Config>>>;

/// What compiles.
type Compiler = fn(&Snapshot, &Options, &Config) -> Compilation;

/// What the engine tells others.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// The last compilation; nothing before the first.
    pub compiled: watch::Receiver<Option<Arc<Compiled>>>,
    /// What the watches have to bring in addition.
    pub wanted: watch::Receiver<Wanted>,
    /// What is stored of the objects with a status.
    pub records: Records,
}

/// The engine.
#[derive(Debug)]
pub struct Engine {
    store: Store,
    options: Arc<Options>,
    holdoff: Holdoff,
    /// What is published now.
    published: Option<Arc<Config>>,
    compiler: Compiler,
    /// What is compiled, and the changes that takes in.
    running: Option<(JoinHandle<Compiled>, Waiting)>,
    metrics: CompilerMetrics,
    compiled: watch::Sender<Option<Arc<Compiled>>>,
    wanted: watch::Sender<Wanted>,
}

impl Engine {
    /// An engine that knows nothing yet, and what it will tell.
    pub fn new(scope: Scope, options: Options, waits: Waits, metrics: CompilerMetrics) -> (Self, Outputs) {
        let options = Arc::new(options);
        let records = Records::default();
        let (compiled, compiled_out) = watch::channel(None);
        let (wanted, wanted_out) = watch::channel(Wanted::default());
        let engine = Self {
            store: Store::new(scope, options.clone(), records.clone()),
            options,
            holdoff: Holdoff::new(waits),
            published: None,
            compiler: compile,
            running: None,
            metrics,
            compiled,
            wanted,
        };
        let outputs = Outputs {
            compiled: compiled_out,
            wanted: wanted_out,
            records,
        };
        (engine, outputs)
    }

    /// With another compiler.
    #[cfg(test)]
    pub(super) fn compiling_by(mut self, compiler: Compiler) -> Self {
        self.compiler = compiler;
        self
    }

    /// Runs until the senders of changes, or of what is published, are gone.
    pub async fn run(mut self, mut changes: mpsc::Receiver<Change>, mut published: Published) {
        self.take_published(&mut published);
        loop {
            let due = self.due();
            tokio::select! {
                // due builds come before more changes, or a flood of these would put them off
                biased;
                (result, waiting) = finished(&mut self.running) => self.give_out(result, waiting),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.build(),
                news = published.changed() => match news {
                    Ok(()) => self.take_published(&mut published),
                    Err(_) => return,
                },
                change = changes.recv() => match change {
                    Some(change) => self.take(change),
                    None => return,
                },
            }
        }
    }

    /// When to try to build; nothing while that has to wait for something else to happen.
    fn due(&self) -> Option<Instant> {
        let known = self.published.is_some() && self.store.is_synced();
        let able = known && self.running.is_none() && !self.store.is_waiting();
        self.holdoff.due().filter(|_| able)
    }

    fn take(&mut self, change: Change) {
        let effect = self.store.apply(change);
        self.holdoff.note(effect, Instant::now());
        self.tell_wanted();
    }

    fn take_published(&mut self, published: &mut Published) {
        let config = published.borrow_and_update().clone();
        self.published.clone_from(&config);
        if let Some(config) = config {
            self.store.published(config);
            if self.store.is_synced() {
                self.store.settle();
                self.tell_wanted();
            }
            self.note_foreign();
        }
    }

    /// If what is published is neither what the last compilation was made from nor what it made, another one
    /// is due: its revisions would not count from there.
    fn note_foreign(&mut self) {
        let last = self.compiled.borrow();
        let holds = match (&*last, &self.published) {
            (Some(last), Some(published)) => last.holds_for(published),
            // the first compilation is due anyway
            _ => true,
        };
        drop(last);
        if !holds {
            self.holdoff.note(Effect::Weights, Instant::now());
        }
    }

    fn build(&mut self) {
        self.store.settle();
        self.tell_wanted();
        let Some(previous) = self.published.clone().filter(|_| !self.store.is_waiting()) else {
            return;
        };
        let Some(waiting) = self.holdoff.take() else {
            return;
        };
        let Waiting { first, changes, .. } = waiting;
        let (options, compiler) = (self.options.clone(), self.compiler);
        let snapshot = Arc::new(self.store.snapshot().clone());
        let running = tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            let compilation = compiler(&snapshot, &options, &previous);
            Compiled {
                compilation,
                snapshot,
                previous,
                changes,
                changed_at: first,
                duration: started.elapsed(),
            }
        });
        self.running = Some((running, waiting));
    }

    fn give_out(&mut self, result: Result<Compiled, JoinError>, waiting: Waiting) {
        match result {
            Ok(compiled) => {
                tracing::debug!(
                    changes = compiled.changes,
                    duration = ?compiled.duration,
                    findings = compiled.compilation.findings.len(),
                    "compiled"
                );
                self.holdoff.succeeded();
                if !compiled.compilation.violations.is_empty() {
                    self.metrics.failed();
                }
                self.compiled.send_replace(Some(Arc::new(compiled)));
                self.note_foreign();
            }
            // what was given out before stays
            Err(error) => {
                tracing::error!(%error, "the compiler broke down, and is tried again; please report this");
                self.metrics.failed();
                self.holdoff.failed(waiting, Instant::now());
            }
        }
    }

    fn tell_wanted(&mut self) {
        if let Some(wanted) = self.store.take_wanted() {
            self.wanted.send_replace(wanted);
        }
    }
}

/// Waits for the end of what is running, if anything is.
async fn finished(
    running: &mut Option<(JoinHandle<Compiled>, Waiting)>,
) -> (Result<Compiled, JoinError>, Waiting) {
    match running {
        Some((handle, waiting)) => {
            let finished = (handle.await, *waiting);
            *running = None;
            finished
        }
        None => future::pending().await,
    }
}
