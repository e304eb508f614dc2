//! What is loaded and what is not, for the admin port and metrics.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use super::Reason;

/// What is loaded and what is not.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// What is served; none before the first load.
    pub loaded: Option<Arc<Loaded>>,
    /// The last thing that was refused, even if it is mended by now; see [`Status::in_sync`].
    pub last_rejection: Option<Arc<Rejection>>,
    /// Whether what is served is what the directory holds.
    pub in_sync: bool,
    /// Ids that the directory's config names and that are not there yet. It is held back for a
    /// moment, so that they can come; empty: nothing is held back.
    pub waiting_for: Arc<[String]>,
    /// How often something was loaded.
    pub loads: u64,
    /// How often something was refused, each content once.
    pub rejections: u64,
}

/// What is served.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Ids that the config names and that were not there in time: nothing is sent there.
    pub absent: Vec<String>,
    /// When it was loaded.
    pub at: SystemTime,
    /// The documents' digests (64 hex digits) by file, such as `config` or `endpoints-0`.
    pub digests: BTreeMap<String, String>,
    /// The config's revision.
    pub revision: u64,
    /// How many routes there are.
    pub routes: usize,
    /// Entry points that routes name and this process does not have.
    pub unknown_entry_points: Vec<String>,
}

/// What was refused.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// When it was first seen.
    pub at: SystemTime,
    /// The digests that the files say they have, by file; empty when the directory could not be read.
    pub digests: BTreeMap<String, String>,
    /// Why.
    pub reason: Reason,
}
