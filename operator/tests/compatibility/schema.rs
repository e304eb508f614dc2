//! The fields of a resource definition.

use serde_json::Value;
use weir_model::crd::{ResourceKind, custom_resource};

/// The paths of all fields below `spec`, such as `spec.routes[].match`.
pub fn paths(kind: ResourceKind) -> Vec<String> {
    let definition = custom_resource(kind);
    let spec = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut paths = Vec::new();
    fields(spec, "spec", &mut paths);
    paths
}

fn fields(schema: &Value, path: &str, paths: &mut Vec<String>) {
    if let Some(items) = schema.get("items") {
        fields(items, &format!("{path}[]"), paths);
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        fields(field, &path, paths);
        paths.push(path);
    }
}
