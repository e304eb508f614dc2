//! An endpoint whose health is checked.

use std::sync::Arc;

use super::Endpoint;
use crate::health::Health;

/// An endpoint of a leaf that has a health check, whether it takes part at present or not.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Kept while it takes no part: its connections and its id are its own when it is back.
    pub endpoint: Arc<Endpoint>,
    /// What is known of it. Others may share it.
    pub health: Arc<Health>,
    /// The leaf's label.
    pub service: Arc<str>,
}
