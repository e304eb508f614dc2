//! What tells an object from what it was before.

use std::sync::Arc;

use weir_model::crd::{ServiceRef, TraefikServiceSpec};

use super::object::{Entry, IngressRouteInput};

/// What tells an object from the one of its name before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Nothing that is read.
    Same,
    /// Weights and percents only.
    Weights,
    /// Something else.
    Changed,
    /// There was none.
    Appeared,
}

impl Difference {
    pub(super) fn of<T: PartialEq>(old: &T, new: &T) -> Self {
        if old == new { Self::Same } else { Self::Changed }
    }

    pub(super) fn of_entries<T: Weighed>(old: &Arc<Entry<T>>, new: &Arc<Entry<T>>) -> Self {
        if old == new {
            Self::Same
        } else if levelled(old) == levelled(new) {
            Self::Weights
        } else {
            Self::Changed
        }
    }
}

/// An entry with all weights and percents taken away, and the generation, which counts their changes too.
fn levelled<T: Weighed>(entry: &Entry<T>) -> Entry<T> {
    let mut entry = entry.clone();
    entry.meta.generation = 0;
    if let Some(spec) = &mut entry.spec {
        spec.level();
    }
    entry
}

/// A spec that has weights or percents.
pub(super) trait Weighed: Clone + PartialEq {
    /// Takes them away.
    fn level(&mut self);
}

impl Weighed for TraefikServiceSpec {
    fn level(&mut self) {
        let weighted = self.weighted.as_mut().and_then(|w| w.services.as_mut());
        let hashed = self
            .highest_random_weight
            .as_mut()
            .and_then(|h| h.services.as_mut());
        weighted.into_iter().chain(hashed).flatten().for_each(unweigh);
        if let Some(mirroring) = &mut self.mirroring {
            unweigh(&mut mirroring.main);
            for mirror in mirroring.mirrors.iter_mut().flatten() {
                mirror.percent = None;
                unweigh(&mut mirror.service);
            }
        }
    }
}

impl Weighed for IngressRouteInput {
    fn level(&mut self) {
        let routes = self.routes.iter_mut().flatten();
        let services = routes.filter_map(|route| route.services.as_mut());
        services.flatten().for_each(unweigh);
    }
}

fn unweigh(reference: &mut ServiceRef) {
    reference.weight = None;
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::compile::{
        finding::Kind,
        input::{Object, Snapshot},
    };

    fn difference(kind: Kind, specs: [Value; 2]) -> Difference {
        let mut snapshot = Snapshot::default();
        let mut last = Difference::Same;
        for (i, spec) in specs.into_iter().enumerate() {
            let metadata = json!({ "namespace": "apps", "name": "x", "generation": i + 1 });
            let object = json!({ "metadata": metadata, "spec": spec });
            last = snapshot.put(Object::convert(kind, &object));
        }
        last
    }

    #[test]
    fn weights_alone_are_told_apart() {
        let weighted =
            |a: i64, b: Value| json!({ "weighted": { "services": [{ "name": "a", "weight": a }, b] } });
        let b = json!({ "name": "b", "weight": 5 });
        let other = json!({ "name": "c", "weight": 5 });
        let kind = Kind::TraefikService;
        assert_eq!(
            difference(
                kind,
                [weighted(1, b.clone()), weighted(2, json!({ "name": "b" }))]
            ),
            Difference::Weights
        );
        assert_eq!(
            difference(kind, [weighted(1, b), weighted(2, other)]),
            Difference::Changed
        );
    }

    #[test]
    fn percents_and_the_weights_of_routes_count_as_weights() {
        let mirroring = |percent: i64| json!({ "mirroring": { "name": "a", "mirrors": [{ "name": "b", "percent": percent }] } });
        let route = |weight: i64| json!({ "routes": [{ "match": "Path(`/`)", "services": [{ "name": "a", "weight": weight }] }] });
        assert_eq!(
            difference(Kind::TraefikService, [mirroring(1), mirroring(2)]),
            Difference::Weights
        );
        assert_eq!(
            difference(Kind::IngressRoute, [route(1), route(2)]),
            Difference::Weights
        );
    }

    #[test]
    fn a_weight_of_a_wrong_type_is_more_than_a_weight() {
        let spec = |weight: Value| json!({ "weighted": { "services": [{ "name": "a", "weight": weight }] } });
        assert_eq!(
            difference(Kind::TraefikService, [spec(json!(1)), spec(json!("2"))]),
            Difference::Changed
        );
    }
}
