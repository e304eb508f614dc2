//! The published custom resource definitions: the same fields as Traefik's, as tolerant, and up to date.
#![cfg(feature = "crd")]

// Lints make an exception for tests where they see this attribute.
#[cfg(test)]
mod schema;
#[cfg(test)]
mod upstream;
#[cfg(test)]
mod walk;
#[cfg(test)]
mod yaml;

use std::{collections::BTreeSet, fs, path::Path};

use schema::{each_schema, list_fields, schema_of, strings};
use serde_json::{Map, Value};
use weir_model::crd::{self, ResourceKind};

/// Longest `last-applied-configuration` that `kubectl apply` can store in an annotation.
const MAX_ANNOTATION: usize = 256 * 1024;

#[test]
fn the_files_are_those_that_the_types_make() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crds");
    for (name, text) in crd::files() {
        let file = fs::read_to_string(folder.join(&name)).unwrap_or_default();
        assert!(
            file == text,
            "crds/{name} is not what the types make; run `make gen` \
             (cargo run -p weir-operator -- crd --output crds)"
        );
    }
}

#[test]
fn the_files_hold_the_definitions() {
    let definitions = crd::custom_resources();
    let files = crd::files();
    assert_eq!(definitions.len(), files.len());
    for (definition, (name, text)) in definitions.iter().zip(&files) {
        assert_eq!(&yaml::read(text), definition, "{name}");
    }
}

#[test]
fn the_schemas_have_exactly_the_fields_and_constraints_of_traefik() {
    let upstream = upstream::fields();
    for kind in ResourceKind::ALL {
        let schema = schema_of(kind);
        let mut ours = BTreeSet::new();
        list_fields(&schema, "", &mut ours);
        let theirs = &upstream[kind.name()];
        let missing: Vec<_> = theirs.difference(&ours).collect();
        let added: Vec<_> = ours.difference(theirs).collect();
        assert!(
            missing.is_empty() && added.is_empty(),
            "{kind:?}: missing {missing:#?}, added {added:#?}"
        );
    }
}

#[test]
fn a_schema_prunes_nothing_and_defaults_nothing_below_spec() {
    for kind in ResourceKind::ALL {
        let schema = schema_of(kind);
        let mut objects = 0;
        each_schema(&schema["properties"]["spec"], &mut |path, schema| {
            let keeps = schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
            let is_object = schema.get("type").is_some_and(|name| name == "object");
            let is_map = schema.contains_key("additionalProperties");
            objects += usize::from(is_object);
            assert_eq!(keeps, is_object && !is_map, "{kind:?} {path}");
            assert!(!schema.contains_key("default"), "{kind:?} {path}");
        });
        assert!(objects > 3, "{kind:?}: {objects}");
    }
}

#[test]
fn a_schema_is_structural_described_and_takes_null_for_what_may_be_absent() {
    const KNOWN: [&str; 17] = [
        "additionalProperties",
        "description",
        "enum",
        "format",
        "items",
        "maximum",
        "minimum",
        "nullable",
        "pattern",
        "properties",
        "required",
        "type",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    ];
    for kind in ResourceKind::ALL {
        each_schema(&schema_of(kind), &mut |path, schema| {
            for keyword in schema.keys() {
                assert!(KNOWN.contains(&keyword.as_str()), "{kind:?} {path}: {keyword}");
            }
            assert_ne!(
                schema.contains_key("type"),
                schema.contains_key("x-kubernetes-int-or-string"),
                "{kind:?} {path}"
            );
            let required = strings(schema.get("required"));
            for (name, property) in schema
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                let nullable = property.get("nullable").is_some();
                assert_ne!(nullable, required.contains(name), "{kind:?} {path}.{name}");
                let description = property["description"].as_str().unwrap_or_default();
                assert!(
                    description.ends_with('.'),
                    "{kind:?} {path}.{name}: {description:?}"
                );
                assert!(
                    !description.contains("  "),
                    "{kind:?} {path}.{name}: {description:?}"
                );
            }
        });
    }
}

#[test]
fn conditions_are_a_map_by_type_in_a_status_of_their_own() {
    for definition in crd::custom_resources() {
        let version = &definition["spec"]["versions"][0];
        assert_eq!(version["subresources"]["status"], Value::Object(Map::new()));
        let conditions =
            &version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]["conditions"];
        assert_eq!(conditions["x-kubernetes-list-type"], "map");
        let keys = strings(conditions.get("x-kubernetes-list-map-keys"));
        assert_eq!(keys, ["type"]);
        // the API server refuses a map key that may be absent
        assert!(strings(conditions["items"].get("required")).contains(&keys[0]));
    }
}

#[test]
fn kubectl_apply_can_store_a_definition_in_its_annotation() {
    for definition in crd::custom_resources() {
        let size = definition.to_string().len();
        assert!(
            size < MAX_ANNOTATION * 3 / 4,
            "{}: {size} bytes",
            definition["metadata"]["name"]
        );
    }
}
