//! Takes the Kubernetes objects out of a document.

use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;
use weir_model::path::{FieldPath, PathSegment};

use super::document::Document;
use super::problem::Problem;
use super::source::{SourceFile, Span};
use super::tree::{Node, Part};
use super::{BrokenDocument, Manifests, within};

/// A Kubernetes object as it was written: a mapping with `apiVersion`, `kind` and `metadata.name`. (An object of an
/// API group that weir never reads may have no name.)
#[derive(Debug)]
pub struct ManifestObject {
    /// The object as JSON.
    pub value: Value,
    /// The index of its file in [`Manifests::files`].
    pub file: usize,
    source: Arc<SourceFile>,
    node: Node,
}

impl ManifestObject {
    /// The object's `apiVersion`, as `traefik.io/v1alpha1`.
    pub fn api_version(&self) -> &str {
        text_field(&self.value, "apiVersion").unwrap_or_default()
    }

    /// The object's `kind`.
    pub fn kind(&self) -> &str {
        text_field(&self.value, "kind").unwrap_or_default()
    }

    /// The file that the object is written in.
    pub fn source(&self) -> &SourceFile {
        &self.source
    }

    /// Where the field at `path` is written. A field that is not there has the place of its nearest parent's key; the
    /// object itself, and an item of a list, that of its name.
    pub fn span(&self, path: &FieldPath, part: Part) -> Span {
        self.source.place(self.node.locate(path, part))
    }

    /// Where some bytes of the text at `path` are written, as those of a match rule that are wrong; all of the text
    /// where that cannot be told.
    pub fn span_within(&self, path: &FieldPath, bytes: &Range<usize>) -> Span {
        let whole = self.span(path, Part::Value);
        let value = path
            .segments()
            .iter()
            .try_fold(&self.value, |value, segment| match segment {
                PathSegment::Key(key) => value.get(key),
                PathSegment::Index(index) => value.get(index),
            });
        let written = self.source.text.get(whole.start..whole.end);
        let found = written
            .zip(value.and_then(Value::as_str))
            .and_then(|(written, value)| within::find(written, value, bytes));
        found.map_or(whole, |found| {
            self.source
                .span(whole.start + found.start, whole.start + found.end)
        })
    }
}

/// API groups of which weir reads some kinds: Kubernetes' own, that of EndpointSlice, and Traefik's new and old one.
const GROUPS: [&str; 4] = ["", "discovery.k8s.io", "traefik.io", "traefik.containo.us"];

/// Where the objects of one file go.
pub(super) struct Output<'m> {
    pub(super) manifests: &'m mut Manifests,
    pub(super) file: usize,
    pub(super) source: &'m Arc<SourceFile>,
}

/// A value that should be an object.
struct Candidate {
    value: Value,
    node: Node,
    /// Its place in lists, for messages: `items[3]`, or nothing for a document of its own.
    path: String,
}

impl Output<'_> {
    /// Adds the object of a document, or those of a list.
    pub(super) fn add(&mut self, document: Document) {
        if !document.duplicates.is_empty() {
            document
                .duplicates
                .into_iter()
                .for_each(|problem| self.broken(problem));
            return;
        }
        // nothing but comments, or `null`
        if document.value.is_null() {
            return;
        }
        let mut waiting = vec![Candidate {
            value: document.value,
            node: document.node,
            path: String::new(),
        }];
        while let Some(candidate) = waiting.pop() {
            match candidate.check() {
                Ok(Shape::Object) => self.manifests.objects.push(ManifestObject {
                    value: candidate.value,
                    file: self.file,
                    source: Arc::clone(self.source),
                    node: candidate.node,
                }),
                Ok(Shape::List) => {
                    let items = candidate.into_items();
                    waiting.extend(items.into_iter().rev());
                }
                Err(mut problem) => {
                    if !candidate.path.is_empty() {
                        problem.message = format!("{}: {}", candidate.path, problem.message);
                    }
                    self.broken(problem);
                }
            }
        }
    }

    pub(super) fn broken(&mut self, problem: Problem) {
        self.manifests.broken.push(BrokenDocument {
            file: self.file,
            span: self.source.place(problem.at),
            message: problem.message,
            help: problem.help,
            related: problem.related.map(|(at, label)| (self.source.place(at), label)),
        });
    }
}

enum Shape {
    Object,
    List,
}

impl Candidate {
    fn check(&self) -> Result<Shape, Problem> {
        if !self.value.is_object() {
            let found = match &self.value {
                Value::Null => "nothing",
                Value::Array(_) => "a list",
                _ => "a single value",
            };
            return Err(Problem::new(
                self.node.bytes,
                format!("a Kubernetes object is a mapping, this is {found}"),
            )
            .help("an object starts with `apiVersion:` and `kind:`"));
        }
        let (api_version, kind) = match (self.text("apiVersion")?, self.text("kind")?) {
            (Some(api_version), Some(kind)) => (api_version, kind),
            (None, None) => return Err(self.missing(&["apiVersion", "kind"])),
            (None, _) => return Err(self.missing(&["apiVersion"])),
            (_, None) => return Err(self.missing(&["kind"])),
        };
        if kind.ends_with("List")
            && let Some(items) = self.value.get("items")
        {
            return match items {
                Value::Array(_) | Value::Null => Ok(Shape::List),
                _ => Err(Problem::new(
                    self.locate(&["items"]),
                    format!("the items of a {kind} are not a list"),
                )),
            };
        }
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        if GROUPS.contains(&group) {
            self.check_name(kind)?;
        }
        Ok(Shape::Object)
    }

    /// A field of the object that must be a text if it is there.
    fn text(&self, field: &str) -> Result<Option<&str>, Problem> {
        match self.value.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(other) => Err(self.not_a_text(&[field], other)),
        }
    }

    fn missing(&self, fields: &[&str]) -> Problem {
        let problem = Problem::new(
            self.locate(fields.get(..1).unwrap_or_default()),
            format!(
                "no `{}`: this is not a Kubernetes object",
                fields.join("` and no `")
            ),
        );
        let mut keys = self
            .value
            .as_object()
            .into_iter()
            .flat_map(|fields| fields.keys());
        let similar = keys.find_map(|key| {
            let field = fields.iter().find(|field| field.eq_ignore_ascii_case(key))?;
            Some(format!("`{key}` is written `{field}`"))
        });
        problem.help(
            similar
                .unwrap_or_else(|| "every object needs `apiVersion`, `kind` and `metadata.name`".to_owned()),
        )
    }

    fn not_a_text(&self, path: &[&str], value: &Value) -> Problem {
        let value = match value {
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "a mapping".to_owned(),
            scalar => scalar.to_string(),
        };
        Problem::new(
            self.locate(path),
            format!("`{}` reads as {value}, not as text", path.join(".")),
        )
        .help("put it in quotes: without them some words and numbers are more than text")
    }

    fn check_name(&self, kind: &str) -> Result<(), Problem> {
        const NAME: [&str; 2] = ["metadata", "name"];
        let metadata = self.value.get("metadata");
        let problem = match metadata.and_then(|metadata| metadata.get("name")) {
            Some(Value::String(name)) if !name.is_empty() => return Ok(()),
            None | Some(Value::Null | Value::String(_)) => {
                Problem::new(self.locate(&NAME), format!("this {kind} has no `metadata.name`"))
            }
            Some(other) => return Err(self.not_a_text(&NAME, other)),
        };
        Err(
            if metadata.is_some_and(|metadata| metadata.get("generateName").is_some()) {
                problem.help("`generateName` makes a name only in a cluster, and other objects refer to it by name: write `name`")
            } else {
                problem.help("write its name below `metadata:`, indented deeper")
            },
        )
    }

    fn locate(&self, path: &[&str]) -> super::source::Bytes {
        let path = path.iter().fold(FieldPath::root(), |path, key| path.key(*key));
        self.node.locate(&path, Part::Value)
    }

    /// The items of this list. Those of a list of one kind (`ServiceList`) may leave out what the list says.
    fn into_items(mut self) -> Vec<Self> {
        let nodes = self.node.take_items("items");
        let kind = text_field(&self.value, "kind").unwrap_or_default();
        let inherited = kind
            .strip_suffix("List")
            .filter(|kind| !kind.is_empty())
            .map(|kind| (kind.to_owned(), self.value["apiVersion"].clone()));
        let values = match self.value.get_mut("items").map(Value::take) {
            Some(Value::Array(values)) => values,
            _ => Vec::new(),
        };
        let items = values.into_iter().zip(nodes).enumerate();
        items
            .map(|(index, (mut value, node))| {
                if let (Some((kind, api_version)), Value::Object(fields)) = (&inherited, &mut value) {
                    fields.entry("kind").or_insert_with(|| Value::from(kind.as_str()));
                    fields.entry("apiVersion").or_insert_with(|| api_version.clone());
                }
                let separator = if self.path.is_empty() { "" } else { "." };
                let path = format!("{}{separator}items[{index}]", self.path);
                Self { value, node, path }
            })
            .collect()
    }
}

fn text_field<'v>(value: &'v Value, field: &str) -> Option<&'v str> {
    value.get(field)?.as_str()
}
