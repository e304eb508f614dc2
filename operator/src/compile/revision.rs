//! Revisions: which one brought each entry, told by comparing with the previous config.

use std::collections::BTreeMap;

use weir_model::document::{Config, Node, Route, Transport};

/// Fills in all revisions. An entry that is as it was keeps its own; the config's counts up when
/// anything changed.
pub(crate) fn assign(config: &mut Config, previous: &Config) {
    let next = previous.revision.saturating_add(1);
    let mut changed = config.schema != previous.schema;
    changed |= entries(&mut config.nodes, &previous.nodes, next);
    changed |= entries(&mut config.routes, &previous.routes, next);
    changed |= entries(&mut config.transports, &previous.transports, next);
    config.revision = if changed { next } else { previous.revision };
}

trait Revised: PartialEq {
    fn revision(&mut self) -> &mut u64;
    fn revision_of(&self) -> u64;
}

macro_rules! revised {
    ($($type:ty),*) => {$(
        impl Revised for $type {
            fn revision(&mut self) -> &mut u64 {
                &mut self.revision
            }
            fn revision_of(&self) -> u64 {
                self.revision
            }
        }
    )*};
}
revised!(Node, Route, Transport);

/// Whether the table is another one than before.
fn entries<K: Ord, V: Revised>(now: &mut BTreeMap<K, V>, before: &BTreeMap<K, V>, next: u64) -> bool {
    let mut changed = now.len() != before.len();
    for (id, entry) in now {
        let old = before.get(id);
        // equal but for the revision means equal once the revision is the old one
        *entry.revision() = old.map_or(next, Revised::revision_of);
        if old.is_none_or(|old| old != entry) {
            *entry.revision() = next;
            changed = true;
        }
    }
    changed
}
