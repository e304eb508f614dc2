use std::fmt::Write;

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

/// What a mapping or list may hold, up to a few levels.
fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1000i32..1000).prop_map(|number| json!(f64::from(number) + 0.5)),
        text().prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "[ -~]{0,12}",
        "\\PC{0,6}",
        Just("yes".to_owned()),
        Just("a\nb".to_owned())
    ]
}

/// Writes a value as YAML blocks. Texts and keys are quoted as JSON, which YAML reads too.
fn block(value: &Value, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                write!(out, "\n{pad}{}:  # note é", Value::from(key.as_str())).unwrap();
                block(value, indent + 2, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                write!(out, "\n{pad}-").unwrap();
                block(item, indent + 1, out);
            }
        }
        scalar => write!(out, "\n{pad}  {scalar}").unwrap(),
    }
}

/// Each scalar below `value`, with its path.
fn scalars(value: &Value, at: &FieldPath, found: &mut Vec<(FieldPath, Value)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                scalars(value, &at.key(key.as_str()), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                scalars(item, &at.index(index), found);
            }
        }
        scalar => found.push((at.clone(), scalar.clone())),
    }
}

fn object(spec: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Test", "metadata": {"name": "a"}, "spec": spec})
}

/// The object comes back, and the text at each place is the scalar that it is the place of.
fn check_round_trip(text: String, object: &Value) {
    let manifests = manifests(text);
    assert_eq!(manifests.broken, []);
    let [read] = &manifests.objects[..] else {
        panic!("{} objects", manifests.objects.len())
    };
    assert_eq!(&read.value, object);
    let mut found = Vec::new();
    scalars(object, &FieldPath::root(), &mut found);
    for (path, scalar) in found {
        let span = read.span(&path, Part::Value);
        let text = text_at(read.source(), span);
        let written = serde_json::from_str::<Value>(text).unwrap_or_else(|_| Value::from(text));
        assert_eq!(written, scalar, "{path}");
        let line = read.source().text[..span.start].matches('\n').count() + 1;
        assert_eq!(span.line, line, "{path}");
        if let Some(weir_model::path::PathSegment::Key(key)) = path.segments().last() {
            let text = text_at(read.source(), read.span(&path, Part::Key));
            let written = serde_json::from_str::<String>(text).unwrap_or_else(|_| text.to_owned());
            assert_eq!(&written, key, "{path}");
        }
    }
}

/// Texts made of what YAML and JSON give a meaning to.
fn yamlish() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a",
        "b: ",
        "- ",
        ": ",
        "\n",
        "\n  ",
        "\n    ",
        "---\n",
        "...\n",
        "? ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\"",
        "'",
        "&a ",
        "*a ",
        "<<: ",
        "!t ",
        "!!int ",
        "| ",
        ">-",
        "# c",
        "%YAML 1.2\n",
        "\t",
        "\r\n",
        "\\",
        "\u{FEFF}",
        "é",
        "1",
        "null",
        "@",
        "`",
        "\u{2028}",
        "%41",
        "!<x>",
        "\0",
        "\\u12",
        "\\x4",
        "kind: List\nitems:\n",
        "apiVersion: v1\n",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

fn check_places(manifests: &Manifests) {
    for broken in &manifests.broken {
        let file = &manifests.files[broken.file];
        // slicing fails where a place is outside or inside a character
        let _ = text_at(file, broken.span);
        assert!(broken.span.line >= 1 && broken.span.column >= 1);
    }
    for object in &manifests.objects {
        let _ = text_at(object.source(), object.span(&path("metadata.name"), Part::Value));
    }
}

proptest! {
    #[test]
    fn json_comes_back_with_its_places(spec in value()) {
        let object = object(&spec);
        check_round_trip(object.to_string(), &object);
        check_round_trip(serde_json::to_string_pretty(&object).unwrap(), &object);
    }

    #[test]
    fn yaml_comes_back_with_its_places(spec in value()) {
        let object = object(&spec);
        let mut text = String::new();
        block(&object, 0, &mut text);
        check_round_trip(text.clone(), &object);
        check_round_trip(text.replace('\n', "\r\n"), &object);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check_places(&manifests(bytes));
    }

    #[test]
    fn random_yaml_never_panics(text in yamlish()) {
        check_places(&manifests(text));
    }

    #[test]
    fn a_damaged_manifest_never_panics(at in 0usize..400, piece in yamlish()) {
        let mut text = values::PLACES.to_owned();
        let at = text.floor_char_boundary(at);
        text.insert_str(at, &piece);
        check_places(&manifests(text));
    }

    #[test]
    fn what_reads_as_json_is_json(text in "[\\[\\]{},:\"\\\\a1.eE+ -]{0,12}") {
        let text = format!("[{text}");
        let mut documents = Vec::new();
        if json::read(&text, 0, &Limits::default(), &mut documents).is_ok() {
            let expected = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
            let expected: Result<Vec<_>, _> = expected.collect();
            prop_assert_eq!(expected.unwrap().len(), documents.len());
        } else {
            prop_assert!(serde_json::from_str::<Value>(&text).is_err());
        }
    }
}
