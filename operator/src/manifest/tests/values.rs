use serde_json::json;

use super::*;

#[test]
fn documents_lists_and_json_give_objects_in_the_order_of_the_text() {
    let manifests = manifests(
        r#"# a comment first
%YAML 1.1
---
apiVersion: v1
kind: Service
metadata: {name: one}
--- # another
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {name: two}
- {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "x/v1", "kind": "Y", "metadata": {"name": "three"}}]}
---
# nothing
---
null
---
{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "four"}}
{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "five"}}
---
apiVersion: v1
kind: ServiceList
items:
- metadata: {name: six}
...
# the end of a document
---
apiVersion: v1
kind: ServiceList
items:
"#,
    );
    assert_eq!(manifests.broken, []);
    assert_eq!(names(&manifests), ["one", "two", "three", "four", "five", "six"]);
    let six = &manifests.objects[5];
    assert_eq!(
        (six.api_version(), six.kind()),
        ("v1", "Service"),
        "from the list"
    );
}

#[test]
fn keys_that_are_no_text_become_text_as_in_json() {
    assert_eq!(
        spec("spec:\n  80: a\n  on: b\n  1.5: c\n  0x10: d\n  '00': e\n"),
        json!({"80": "a", "true": "b", "1.5": "c", "16": "d", "00": "e"})
    );
}

#[test]
fn own_fields_win_over_merged_ones_wherever_they_stand() {
    let value = spec(
        "spec:\n  base: &base {a: 1, b: 2}\n  more: &more {b: 3, c: 4}\n  copy: *base\n  one:\n    b: own\n    <<: *base\n  \
         both: {<<: [*base, *more], d: 5}\n  text: <<\n",
    );
    assert_eq!(value["copy"], json!({"a": 1, "b": 2}));
    assert_eq!(value["one"], json!({"a": 1, "b": "own"}));
    assert_eq!(value["both"], json!({"a": 1, "b": 2, "c": 4, "d": 5}));
    assert_eq!(value["text"], json!("<<"));
}

#[test]
fn windows_line_endings_and_a_byte_order_mark_change_nothing() {
    let unix = "apiVersion: v1\nkind: A\nmetadata:\n  name: x\nspec: |\n  one\n  two\n---\napiVersion: v1\nkind: A\nmetadata:\n  name: z\n";
    let windows = format!("\u{FEFF}{}", unix.replace('\n', "\r\n"));
    let (unix, windows) = (manifests(unix), manifests(windows));
    assert_eq!(windows.broken, []);
    for (unix, windows) in unix.objects.iter().zip(&windows.objects) {
        assert_eq!(unix.value, windows.value);
        let name = |object: &ManifestObject| {
            let span = object.span(&path("metadata.name"), Part::Value);
            (span.line, span.column, text_at(object.source(), span).to_owned())
        };
        assert_eq!(name(unix), name(windows));
    }
    assert_eq!(windows.objects.len(), 2);
}

#[test]
fn json_strings_are_unescaped_as_go_does() {
    let text = r#"{"apiVersion":"v1","kind":"A","metadata":{"name":"a\u00e9\ud83d\ude00\ud83d\"\\\/\n"},"n":[1.0,1e2,-0,1.5,12345678901234567890]}"#;
    let manifests = manifests(text);
    assert_eq!(manifests.broken, []);
    assert_eq!(names(&manifests), ["aé😀\u{FFFD}\"\\/\n"]);
    assert_eq!(
        manifests.objects[0].value["n"],
        json!([1, 100, 0, 1.5, 12_345_678_901_234_567_890_u64])
    );
}

#[test]
fn flow_yaml_that_is_not_json_is_still_read() {
    let manifests = manifests("{\"apiVersion\": v1, kind: 'A', metadata: {name: x,},} # note\n");
    assert_eq!(manifests.broken, []);
    assert_eq!(names(&manifests), ["x"]);
}

pub(super) const PLACES: &str = "apiVersion: traefik.io/v1alpha1
kind: TraefikService
metadata:
  name: wrr1
spec:
  weighted:
    services:
      - name: é1  # note
        port: 80
      # a comment
      - port:
        name: \"two\"
    sticky: {cookie: {name: ü, secure: true}}
    text: |
      block

";

#[test]
fn each_field_has_the_place_of_its_key_and_of_its_value() {
    let manifests = manifests(PLACES);
    let object = &manifests.objects[0];
    for (field, part, text, line, column) in [
        ("kind", Part::Value, "TraefikService", 2, 7),
        ("metadata.name", Part::Key, "name", 4, 3),
        ("metadata", Part::Value, "name: wrr1", 4, 3),
        ("spec.weighted.services[0].name", Part::Value, "é1", 8, 15),
        ("spec.weighted.services[0].port", Part::Key, "port", 9, 9),
        ("spec.weighted.services[1].name", Part::Value, "\"two\"", 12, 15),
        (
            "spec.weighted.sticky",
            Part::Value,
            "{cookie: {name: ü, secure: true}}",
            13,
            13,
        ),
        ("spec.weighted.sticky.cookie.secure", Part::Value, "true", 13, 40),
        ("spec.weighted.text", Part::Value, "block", 15, 7),
    ] {
        let span = object.span(&path(field), part);
        assert_eq!(text_at(object.source(), span), text, "{field}");
        assert_eq!((span.line, span.column), (line, column), "{field}");
    }
}

#[test]
fn what_is_not_there_has_the_place_of_the_nearest_parent() {
    let manifests = manifests(PLACES);
    let object = &manifests.objects[0];
    for (field, part, text) in [
        ("spec.weighted.healthCheck.path", Part::Value, "weighted"),
        ("spec.weighted.services[7].name", Part::Value, "services"),
        ("spec.weighted.services[0].kind", Part::Key, "é1"),
        ("spec.weighted.services[1].port", Part::Value, "port"),
        ("spec.weighted.services[1]", Part::Value, "\"two\""),
        ("status.conditions[0]", Part::Key, "wrr1"),
    ] {
        let span = object.span(&path(field), part);
        assert_eq!(text_at(object.source(), span), text, "{field}");
    }
    let span = object.span(&FieldPath::root(), Part::Value);
    assert_eq!(text_at(object.source(), span), "wrr1");
}

#[test]
fn what_an_alias_repeats_has_the_place_where_it_is_written() {
    let manifests = manifests(format!(
        "{HEAD}spec:\n  a: &a {{x: 1}}\n  b: *a\n  c: {{<<: *a, y: 2}}\n"
    ));
    let object = &manifests.objects[0];
    let line = |field| object.span(&path(field), Part::Value).line;
    assert_eq!(
        [
            line("spec.a.x"),
            line("spec.b"),
            line("spec.b.x"),
            line("spec.c.x")
        ],
        [6, 7, 6, 6]
    );
}

#[test]
fn items_of_lists_keep_their_places() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: A\n  metadata: {name: x}\n- {apiVersion: v1, kind: B, metadata: {name: z}}\n";
    let manifests = manifests(text);
    let places = manifests.objects.iter().map(|object| {
        let span = object.span(&path("metadata.name"), Part::Value);
        (span.line, span.column)
    });
    assert_eq!(places.collect::<Vec<_>>(), [(6, 20), (7, 46)]);
}

#[test]
fn a_part_of_a_text_has_its_own_place_also_in_folded_lines() {
    let manifests = manifests(format!(
        "{HEAD}spec:\n  match: >-\n    Host(`a`) &&\n    Pth(`/`)\n  none: 1\n"
    ));
    let object = &manifests.objects[0];
    let value = object.value["spec"]["match"].as_str().unwrap();
    let start = value.find("Pth").unwrap();
    let span = object.span_within(&path("spec.match"), &(start..start + 3));
    assert_eq!(
        (text_at(object.source(), span), span.line, span.column),
        ("Pth", 8, 5)
    );
    for field in ["spec.none", "spec.missing"] {
        let span = object.span_within(&path(field), &(0..1));
        assert_eq!(span, object.span(&path(field), Part::Value));
    }
}
