//! The part of an object that fits its schema: what can be read of an object that has wrong types, so that
//! everything else that is wrong with it is found at the same time, and the match of a route stays known.

use serde_json::{Map, Value};
use weir_model::{
    crd::{Deviation, DeviationKind},
    path::PathSegment,
};

/// The object without the values that are wrong: fields go, items of lists become empty so that the others
/// keep their places.
pub(super) fn fitting_part(object: &Value, deviations: &[Deviation]) -> Value {
    let mut object = object.clone();
    for deviation in deviations.iter().filter(|deviation| is_wrong(deviation)) {
        remove(&mut object, deviation);
    }
    object
}

/// Whether it keeps the object from being read as a whole.
pub(super) fn is_wrong(deviation: &Deviation) -> bool {
    matches!(
        deviation.kind,
        DeviationKind::WrongType { .. } | DeviationKind::DuplicateField { .. }
    )
}

fn remove(object: &mut Value, deviation: &Deviation) {
    let Some((last, parents)) = deviation.path.segments().split_last() else {
        return;
    };
    let parent = parents.iter().try_fold(object, |value, segment| match segment {
        PathSegment::Key(key) => value.get_mut(key),
        PathSegment::Index(index) => value.get_mut(index),
    });
    match (parent, last) {
        (Some(Value::Object(fields)), PathSegment::Key(key)) => {
            fields.remove(key);
        }
        (Some(Value::Array(items)), PathSegment::Index(index)) => {
            if let Some(item) = items.get_mut(*index) {
                let text = matches!(
                    deviation.kind,
                    DeviationKind::WrongType {
                        expected: "a string",
                        ..
                    }
                );
                *item = if text {
                    Value::String(String::new())
                } else {
                    Value::Object(Map::new())
                };
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use weir_model::crd::{ResourceKind, deviations, parse_traefik_service};

    use super::*;

    #[test]
    fn the_rest_of_an_object_with_wrong_types_can_be_read() {
        let object = json!({ "spec": { "weighted": { "services": [
            "svc1",
            { "name": "svc2", "port": 80, "weight": "3", "healthCheck": { "followRedirect": true, "followRedirects": false } },
        ] }, "mirroring": 5 } });
        let deviations = deviations(ResourceKind::TraefikService, &object);
        let spec = parse_traefik_service(&fitting_part(&object, &deviations)).unwrap();
        assert_eq!(spec.mirroring, None);
        let services = spec.weighted.unwrap().services.unwrap();
        assert_eq!((services.len(), services[0].name.as_deref()), (2, None));
        assert_eq!(
            (services[1].name.as_deref(), services[1].weight),
            (Some("svc2"), None)
        );
    }
}
