//! A weighted choice that a request's cookie may make instead.

use std::sync::Arc;

use weir_model::weight::Weight;

use super::{Counter, NodeIndex};
use crate::sticky::{Cookie, Places};

/// A child of a sticky service. One without anything usable below it is no child: its cookies name nothing.
#[derive(Clone, Debug)]
pub struct StickyChild {
    /// Counts the requests whose cookies name it.
    pub counter: Arc<Counter>,
    /// What cookies name it by.
    pub identity: Arc<str>,
    /// Where its requests go.
    pub node: NodeIndex,
    /// Its share of requests without a cookie; with 0 only cookies lead there.
    pub weight: Weight,
}

/// A weighted choice with a cookie.
#[derive(Debug)]
pub struct Choice {
    /// Which child a cookie names.
    pub places: Places,
    pub(super) children: Box<[(u32, Arc<Counter>)]>,
    /// Counts the requests that it chooses for. Of those that come here some have a cookie, and which ones follows the
    /// clients' habits: the rest of a common count would not get its shares.
    pub(super) counter: Arc<Counter>,
    /// The step that chooses without a cookie; none: no child has a weight.
    pub(super) free: Option<u32>,
}

impl Choice {
    pub(super) fn new(
        cookie: Cookie,
        counter: Arc<Counter>,
        children: &[StickyChild],
        free: Option<u32>,
    ) -> Self {
        Self {
            places: Places::new(cookie, children.iter().map(|child| Arc::clone(&child.identity))),
            counter,
            children: children
                .iter()
                .map(|child| (child.node.0, Arc::clone(&child.counter)))
                .collect(),
            free,
        }
    }
}
