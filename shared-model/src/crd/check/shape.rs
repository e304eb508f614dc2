//! A schema, made ready to be walked.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::Value;

use super::super::{
    ResourceKind,
    schema::{ALIAS, object_schema},
};

static INGRESS_ROUTE: LazyLock<Shape> = LazyLock::new(|| of_object(ResourceKind::IngressRoute));
static SERVERS_TRANSPORT: LazyLock<Shape> = LazyLock::new(|| of_object(ResourceKind::ServersTransport));
static TRAEFIK_SERVICE: LazyLock<Shape> = LazyLock::new(|| of_object(ResourceKind::TraefikService));

/// Longest part of a user's text that a message repeats, in characters.
const MAX_QUOTED: usize = 60;

/// What a value has to look like.
#[derive(Debug)]
pub(super) enum Shape {
    /// Anything: not ours to judge.
    Any,
    Object(Fields),
    /// An object with free keys, all of whose values look alike.
    Map(Box<Self>),
    List(Box<Self>),
    String {
        /// The texts to choose from; none means any text.
        allowed: Vec<String>,
    },
    /// A whole number of 64 bits.
    Integer,
    Boolean,
    IntOrString,
}

/// The fields of an object.
#[derive(Debug, Default)]
pub(super) struct Fields {
    by_name: BTreeMap<String, Shape>,
    /// Other spellings, with the names that they stand for.
    aliases: BTreeMap<String, String>,
    pub(super) required: Vec<String>,
}

/// A field that the schema knows.
pub(super) struct Known<'a> {
    /// Its usual spelling.
    pub(super) name: &'a str,
    pub(super) shape: &'a Shape,
}

impl Fields {
    /// The field with this name, or of which this is another spelling.
    pub(super) fn find(&self, key: &str) -> Option<Known<'_>> {
        let name = self.aliases.get(key).map_or(key, String::as_str);
        let (name, shape) = self.by_name.get_key_value(name)?;
        Some(Known { name, shape })
    }

    /// The names of all fields, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// The fields that hold objects, or lists of objects, with the fields of those.
    pub(super) fn holding_objects(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.by_name
            .iter()
            .filter_map(|(name, shape)| Some((name.as_str(), shape.inner_fields()?)))
    }
}

impl Shape {
    /// What a whole object of `kind` has to look like.
    pub(super) fn of(kind: ResourceKind) -> &'static Self {
        match kind {
            ResourceKind::IngressRoute => &INGRESS_ROUTE,
            ResourceKind::ServersTransport => &SERVERS_TRANSPORT,
            ResourceKind::TraefikService => &TRAEFIK_SERVICE,
        }
    }

    /// What the parts of a [`Shape`] are, read from a schema of ours.
    fn from_schema(schema: &Value) -> Self {
        let subschema = |key: &str| schema.get(key).map(|inner| Box::new(Self::from_schema(inner)));
        match schema.get("type").and_then(Value::as_str) {
            Some("object") => match subschema("additionalProperties") {
                Some(values) => Self::Map(values),
                None => Self::Object(fields_from_schema(schema)),
            },
            Some("array") => Self::List(subschema("items").unwrap_or_else(|| Box::new(Self::Any))),
            Some("string") => Self::String {
                allowed: texts(schema.get("enum")),
            },
            Some("integer") => Self::Integer,
            Some("boolean") => Self::Boolean,
            _ if schema.get("x-kubernetes-int-or-string").is_some() => Self::IntOrString,
            _ => Self::Any,
        }
    }

    fn inner_fields(&self) -> Option<&Fields> {
        match self {
            Self::Object(fields) => Some(fields),
            Self::List(items) => items.inner_fields(),
            _ => None,
        }
    }

    /// Whether `value` is of this type, not looking inside it.
    pub(super) fn takes(&self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Object(_) | Self::Map(_) => value.is_object(),
            Self::List(_) => value.is_array(),
            Self::String { .. } => value.is_string(),
            Self::Integer => value.is_i64(),
            Self::Boolean => value.is_boolean(),
            Self::IntOrString => value.is_i64() || value.is_string(),
        }
    }

    /// The type in words, with its article.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Any => "any value",
            Self::Object(_) | Self::Map(_) => "an object",
            Self::List(_) => "a list",
            Self::String { .. } => "a string",
            Self::Integer => "an integer",
            Self::Boolean => "a boolean",
            Self::IntOrString => "an integer or a string",
        }
    }

    /// How to turn `value`, which is of another type, into what was probably meant.
    pub(super) fn correction(&self, value: &Value) -> Option<String> {
        match (self, value) {
            (Self::String { .. }, Value::Number(_) | Value::Bool(_)) => {
                Some(format!("put it in quotes: `\"{value}\"`"))
            }
            (Self::Integer, Value::String(text)) if text.parse::<i64>().is_ok() => {
                Some(format!("remove the quotes: `{text}`"))
            }
            (Self::Boolean, Value::String(text)) if text.parse::<bool>().is_ok() => {
                Some(format!("remove the quotes: `{text}`"))
            }
            (Self::List(items), _) if items.takes(value) => {
                Some("make it an item of a list: put `- ` before it".to_owned())
            }
            (Self::Object(_), Value::Array(items)) if items.len() == 1 => {
                Some("it is not a list here: remove the `- `".to_owned())
            }
            _ => None,
        }
    }
}

/// `value` in words, shortened.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => format!("the boolean {value}"),
        Value::Number(_) => format!("the number {value}"),
        Value::String(text) => format!("the string {:?}", shortened(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// The beginning of `text`, fit for a message.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn of_object(kind: ResourceKind) -> Shape {
    let mut fields = fields_from_schema(object_schema(kind).as_value());
    for not_ours in ["apiVersion", "kind", "metadata", "status"] {
        fields.by_name.insert(not_ours.to_owned(), Shape::Any);
    }
    Shape::Object(fields)
}

fn fields_from_schema(schema: &Value) -> Fields {
    let mut fields = Fields {
        required: texts(schema.get("required")),
        ..Fields::default()
    };
    for (name, property) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        if let Some(alias) = property.get(ALIAS).and_then(Value::as_str) {
            fields.aliases.insert(alias.to_owned(), name.clone());
        }
        fields.by_name.insert(name.clone(), Shape::from_schema(property));
    }
    fields
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}
