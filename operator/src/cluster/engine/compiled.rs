//! What the engine gives out.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use weir_model::document::Config;

use crate::compile::{Compilation, Snapshot};

/// A compilation, with what it was made from.
#[derive(Debug)]
pub struct Compiled {
    /// The result.
    pub compilation: Compilation,
    /// The objects; each object's uid and generation stand in its `meta`.
    pub snapshot: Arc<Snapshot>,
    /// The config that was published then. Once another one is, this compilation must not be published:
    /// its revisions count from here. A new one follows by itself.
    pub previous: Arc<Config>,
    /// How many changes it takes in.
    pub changes: usize,
    /// When the first of them came.
    pub changed_at: Instant,
    /// How long compiling took.
    pub duration: Duration,
}

impl Compiled {
    /// Whether it still holds where `published` is what is published: it was made from that, or is that.
    pub fn holds_for(&self, published: &Arc<Config>) -> bool {
        Arc::ptr_eq(&self.previous, published)
            || Arc::ptr_eq(&self.compilation.config, published)
            || *self.previous == **published
            || self.compilation.config == *published
    }
}
