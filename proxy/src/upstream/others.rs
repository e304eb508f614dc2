//! Where else a request can go that could not be sent where it was picked to go.

use std::{sync::Arc, time::Duration};

use super::{Errand, Origin};
use crate::state::{Endpoint, Leaf};

/// How long a request that fails stays with its leaf while another one may do better.
const STAY: Duration = Duration::from_secs(1);

/// The other endpoints of a request's leaf and of its route, as things are now: only asked for once something failed.
impl Errand<'_> {
    /// Where to go on after endpoints have failed for so long, and with which turn: to the same leaf while it has
    /// endpoints that are not known to fail, then to another leaf with such, and at last to any that was not tried.
    #[cold]
    pub(super) fn next(
        &self,
        leaf: &Arc<Leaf>,
        turn: u64,
        tried: &[u64],
        failing: Duration,
    ) -> Option<(Arc<Leaf>, u64)> {
        let now = self.worker.clock.millis();
        let here = self.leaf_of_now(leaf);
        let untried = |leaf: &Leaf| any(leaf, |endpoint| !tried.contains(&endpoint.id));
        let promising = |leaf: &Leaf| {
            any(leaf, |endpoint| {
                !tried.contains(&endpoint.id) && !endpoint.is_held_out(now)
            })
        };
        let stays = failing < STAY && here.as_deref().is_some_and(promising);
        let elsewhere = (!stays).then(|| self.elsewhere(leaf, turn, promising)).flatten();
        // what it was may still answer
        let here = here.unwrap_or_else(|| leaf.clone());
        if elsewhere.is_some() {
            elsewhere
        } else if untried(&here) {
            Some((here, turn))
        } else {
            self.elsewhere(leaf, turn, untried)
        }
    }

    /// Whether there is any endpoint beside these.
    pub(super) fn any(&self, leaf: &Arc<Leaf>, turn: u64, without: &[u64]) -> bool {
        let untried = |leaf: &Leaf| any(leaf, |endpoint| !without.contains(&endpoint.id));
        untried(leaf)
            || self.leaf_of_now(leaf).is_some_and(|leaf| untried(&leaf))
            || self.elsewhere(leaf, turn, untried).is_some()
    }

    /// What a leaf has become, if it still has endpoints.
    fn leaf_of_now(&self, leaf: &Leaf) -> Option<Arc<Leaf>> {
        self.worker.snapshot().leaf_of(&leaf.id).cloned()
    }

    /// Another leaf that the route leads to. A copy has no other than its own: that one is to be tried out.
    fn elsewhere(&self, leaf: &Leaf, turn: u64, good: impl Fn(&Leaf) -> bool) -> Option<(Arc<Leaf>, u64)> {
        let Origin::Client { route: place, .. } = self.origin else {
            return None;
        };
        let now = self.worker.snapshot();
        let root = now.route_of(&self.snapshot.routes().get(place)?.id)?.target?;
        let found = now.forest().pick_where(root, turn, |index| {
            let other = now.leaf(index);
            other.id != leaf.id && good(other)
        })?;
        Some((now.leaf(found.leaf).clone(), found.turn))
    }
}

fn any(leaf: &Leaf, good: impl Fn(&Arc<Endpoint>) -> bool) -> bool {
    leaf.endpoints().iter().any(good)
}
