//! The reader as a whole.

mod broken;
mod paths;
mod properties;
mod values;

use serde_json::Value;
use weir_model::path::FieldPath;

use super::*;

fn manifests(text: impl Into<Vec<u8>>) -> Manifests {
    let mut manifests = Manifests::default();
    manifests.add("test.yaml", text, &Limits::default());
    manifests
}

/// The `spec` of the only object, whose text is given without the lines that every object has.
fn spec(spec: &str) -> Value {
    let mut manifests = manifests(format!("{HEAD}{spec}"));
    assert_eq!(manifests.broken, []);
    assert_eq!(manifests.objects.len(), 1);
    manifests.objects[0].value["spec"].take()
}

const HEAD: &str = "apiVersion: v1\nkind: Test\nmetadata:\n  name: a\n";

/// The text at a place.
fn text_at(file: &SourceFile, span: Span) -> &str {
    &file.text[span.start..span.end]
}

/// The names of all objects, in order.
fn names(manifests: &Manifests) -> Vec<&str> {
    let names = manifests
        .objects
        .iter()
        .map(|object| &object.value["metadata"]["name"]);
    names.map(|name| name.as_str().unwrap()).collect()
}

/// `spec.services[1].name` as a path.
fn path(steps: &str) -> FieldPath {
    let steps = steps.split(['.', '[']).map(|step| step.trim_end_matches(']'));
    steps.fold(FieldPath::root(), |path, step| match step.parse() {
        Ok(index) => path.index(index),
        Err(_) => path.key(step),
    })
}
