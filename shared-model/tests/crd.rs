//! The published custom resource definitions: the same fields as Traefik's, as tolerant, and up to date.
#![cfg(feature = "crd")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};
use weir_model::crd::{self, ResourceKind};

const UPSTREAM: &str = include_str!("upstream_fields.txt");

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
        assert_eq!(&read_yaml(text), definition, "{name}");
    }
}

#[test]
fn the_schemas_have_exactly_the_fields_and_constraints_of_traefik() {
    let upstream = upstream_fields();
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

fn schema_of(kind: ResourceKind) -> Value {
    crd::custom_resource(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

fn strings(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Calls `visit` with the path of every schema within `schema`, outermost first.
fn each_schema(schema: &Value, visit: &mut impl FnMut(&str, &Map<String, Value>)) {
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
fn list_fields(schema: &Value, path: &str, fields: &mut BTreeSet<String>) {
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
    let mut line = format!("{path} {}", type_name(schema));
    if required {
        line.push_str(" required");
    }
    if schema.get("enum").is_some() {
        line.push_str(&format!(" enum={}", strings(schema.get("enum")).join(",")));
    }
    for bound in ["minimum", "maximum", "pattern"] {
        match schema.get(bound) {
            Some(Value::String(text)) => line.push_str(&format!(" {bound}={text}")),
            Some(number) => line.push_str(&format!(" {bound}={number}")),
            None => {}
        }
    }
    if schema.get("x-kubernetes-validations").is_some() {
        line.push_str(" cel");
    }
    line
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

/// The lines of each section of the upstream list, with what stands for the shared section put in its place.
fn upstream_fields() -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut sections: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut current = "";
    for line in UPSTREAM
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(section) => current = section,
            None => sections.entry(current).or_default().push(line),
        }
    }
    let shared = sections["ServiceRef"].clone();
    let expand = |line: &str| match line.strip_suffix(".* ServiceRef") {
        Some(path) => shared.iter().map(|field| format!("{path}.{field}")).collect(),
        None => vec![line.to_owned()],
    };
    let expanded = |lines: Vec<&str>| lines.into_iter().flat_map(expand).collect();
    sections
        .into_iter()
        .map(|(section, lines)| (section, expanded(lines)))
        .collect()
}

/// Reads one YAML document by another program's rules than it was written by.
fn read_yaml(text: &str) -> Value {
    let mut events = Parser::new_from_str(text).map(|event| event.unwrap().0);
    assert!(matches!(events.next(), Some(Event::StreamStart)));
    assert!(matches!(events.next(), Some(Event::DocumentStart(true))));
    let first = events.next().unwrap();
    let value = read_node(first, &mut events);
    assert!(matches!(events.next(), Some(Event::DocumentEnd)));
    assert!(matches!(events.next(), Some(Event::StreamEnd)));
    value
}

fn read_node<'a>(event: Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) -> Value {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, ..) => {
            serde_json::from_str(&text).unwrap_or_else(|_| Value::from(&*text))
        }
        Event::Scalar(text, ..) => Value::from(&*text),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match events.next().unwrap() {
                    Event::SequenceEnd => return Value::Array(items),
                    event => items.push(read_node(event, events)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut map = Map::new();
            loop {
                let key = match events.next().unwrap() {
                    Event::MappingEnd => return Value::Object(map),
                    Event::Scalar(key, ..) => key.into_owned(),
                    event => panic!("unexpected key {event:?}"),
                };
                let value = events.next().unwrap();
                assert!(map.insert(key, read_node(value, events)).is_none());
            }
        }
        event => panic!("unexpected {event:?}"),
    }
}
