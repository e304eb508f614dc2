//! An object with every field of a custom resource, made from the schema that the API server has.

use serde_json::{Map, Value, json};
use weir_e2e::cluster::{Cluster, resource::Resource};

/// A key that no schema has.
pub const UNKNOWN: &str = "weirUnknownKey";

/// A `spec` with every field, each list with one item.
#[derive(Clone, Debug)]
pub struct Sample {
    pub spec: Value,
    /// The JSON pointers of all objects with named fields, `spec` itself among them.
    pub levels: Vec<String>,
}

impl Sample {
    pub async fn of(resource: Resource, cluster: &Cluster) -> anyhow::Result<Self> {
        let definition = cluster.api().get(&resource.definition()).await?;
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        let mut levels = Vec::new();
        let spec = value(schema, "", &mut levels);
        Ok(Self { spec, levels })
    }

    /// With an unknown key at every level.
    pub fn with_unknown_keys(&self) -> Value {
        let mut spec = self.spec.clone();
        for level in &self.levels {
            spec.pointer_mut(level).unwrap()[UNKNOWN] = unknown();
        }
        spec
    }

    /// The levels whose unknown key is not in `spec`.
    pub fn lost(&self, spec: &Value) -> Vec<&str> {
        let levels = self.levels.iter().map(String::as_str);
        levels
            .filter(|level| {
                spec.pointer(level)
                    .is_none_or(|object| object[UNKNOWN] != unknown())
            })
            .collect()
    }
}

fn unknown() -> Value {
    json!({"kept": ["as", "it", {"is": 1.5}]})
}

fn value(schema: &Value, at: &str, levels: &mut Vec<String>) -> Value {
    if schema["x-kubernetes-int-or-string"] == true {
        return 80.into();
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("object") => object(schema, at, levels),
        Some("array") => json!([value(&schema["items"], &format!("{at}/0"), levels)]),
        Some("string") if schema["pattern"].is_string() => "10s".into(),
        Some("string") => "text".into(),
        Some("boolean") => true.into(),
        Some("integer") => 1.into(),
        other => panic!("spec{at}: no sample for a schema of type {other:?}: {schema}"),
    }
}

fn object(schema: &Value, at: &str, levels: &mut Vec<String>) -> Value {
    let mut object = Map::new();
    if let Some(fields) = schema["properties"].as_object() {
        levels.push(at.to_owned());
        // where there are rules, they are about fields that exclude each other
        let together = if schema["x-kubernetes-validations"].is_null() {
            fields.len()
        } else {
            1
        };
        for (name, schema) in fields.iter().take(together) {
            object.insert(name.clone(), value(schema, &format!("{at}/{name}"), levels));
        }
    }
    let any = &schema["additionalProperties"];
    if any.is_object() {
        object.insert("any".to_owned(), value(any, &format!("{at}/any"), levels));
    }
    object.into()
}
