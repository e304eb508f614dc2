//! Looks through schemas.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use weir_model::crd::{self, ResourceKind};

pub(super) fn schema_of(kind: ResourceKind) -> Value {
    crd::custom_resource(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

pub(super) fn strings(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Calls `visit` with the path of every schema within `schema`, outermost first.
pub(super) fn each_schema(schema: &Value, visit: &mut impl FnMut(&str, &Map<String, Value>)) {
    fn descend(schema: &Value, path: &str, visit: &mut impl FnMut(&str, &Map<String, Value>)) {
        let schema = schema.as_object().unwrap();
        visit(path, schema);
        for (name, property) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            descend(property, &format!("{path}.{name}"), visit);
        }
        for (keyword, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
            if let Some(inner) = schema.get(keyword) {
                descend(inner, &format!("{path}{mark}"), visit);
            }
        }
    }
    descend(schema, "", visit);
}

/// Adds the fields of `schema` and below, in the notation of the upstream list, except `status`.
pub(super) fn list_fields(schema: &Value, path: &str, fields: &mut BTreeSet<String>) {
    if let Some(items) = schema.get("items") {
        let path = format!("{path}[]");
        fields.insert(field_line(&path, items, false));
        list_fields(items, &path, fields);
    }
    let required = strings(schema.get("required"));
    for (name, property) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        if path.is_empty() && name == "status" {
            continue;
        }
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        fields.insert(field_line(&path, property, required.contains(name)));
        list_fields(property, &path, fields);
    }
}

fn field_line(path: &str, schema: &Value, required: bool) -> String {
    let mut words = vec![path.to_owned(), type_name(schema)];
    if required {
        words.push("required".to_owned());
    }
    if schema.get("enum").is_some() {
        words.push(format!("enum={}", strings(schema.get("enum")).join(",")));
    }
    for bound in ["minimum", "maximum", "pattern"] {
        match schema.get(bound) {
            Some(Value::String(text)) => words.push(format!("{bound}={text}")),
            Some(number) => words.push(format!("{bound}={number}")),
            None => {}
        }
    }
    if schema.get("x-kubernetes-validations").is_some() {
        words.push("cel".to_owned());
    }
    words.join(" ")
}

fn type_name(schema: &Value) -> String {
    if schema.get("x-kubernetes-int-or-string").is_some() {
        return "int-or-string".to_owned();
    }
    match schema.get("additionalProperties") {
        Some(values) => format!("map-of-{}", type_name(values)),
        None => schema["type"].as_str().unwrap().to_owned(),
    }
}
