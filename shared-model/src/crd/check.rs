//! Finds everything in an object that its schema does not know.
//!
//! The schema is made into a tree once; an object is then walked along that tree. The walk never goes deeper
//! than the schema, whatever the object holds.

mod hint;
mod shape;

use std::fmt;

use serde_json::{Map, Value};

pub use self::hint::Hint;
use self::shape::{Fields, Shape};
use super::ResourceKind;
use crate::path::{FieldPath, PathSegment};

/// Most deviations that one object is told of; beyond them the walk ends.
pub const MAX_DEVIATIONS: usize = 1000;

/// A place where an object does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// The value that does not fit; for a missing field the object that lacks it.
    pub path: FieldPath,
    /// In which way it does not fit.
    pub kind: DeviationKind,
}

/// How a value does not fit the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviationKind {
    /// The schema has no such field here.
    UnknownField {
        /// Which field may have been meant.
        hint: Option<Hint>,
    },
    /// The field stands there twice, in two spellings.
    DuplicateField {
        /// The usual spelling, which stands there too.
        of: String,
    },
    /// The value has another type.
    WrongType {
        /// The type it should have, with its article.
        expected: &'static str,
        /// What stands there instead, shortened.
        found: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// The text is none of the allowed ones.
    NotInEnum {
        /// All texts that are allowed.
        allowed: Vec<String>,
        /// What stands there instead, shortened.
        found: String,
        /// The allowed text that may have been meant.
        suggestion: Option<String>,
    },
    /// The object lacks a field that it must have.
    MissingRequired {
        /// Name of the field.
        field: String,
    },
}

impl Deviation {
    /// What the user can do about it, where that can be told.
    pub fn help(&self) -> Option<String> {
        match &self.kind {
            DeviationKind::UnknownField { hint } => {
                let field = self.field()?;
                Some(hint.as_ref()?.describe(field))
            }
            DeviationKind::DuplicateField { of } => Some(format!("keep only `{of}`")),
            DeviationKind::WrongType { help, .. } => help.clone(),
            DeviationKind::NotInEnum { suggestion, .. } => {
                Some(format!("did you mean `{}`?", suggestion.as_ref()?))
            }
            DeviationKind::MissingRequired { .. } => None,
        }
    }

    /// Name of the field that does not fit; an item of a list has none.
    fn field(&self) -> Option<&str> {
        match self.path.segments().last()? {
            PathSegment::Key(key) => Some(key),
            PathSegment::Index(_) => None,
        }
    }
}

/// Says what is wrong, without the position.
impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = shape::shortened(self.field().unwrap_or_default());
        match &self.kind {
            DeviationKind::UnknownField { .. } => write!(f, "unknown field `{field}`"),
            DeviationKind::DuplicateField { of } => write!(f, "`{field}` is another spelling of `{of}`"),
            DeviationKind::WrongType { expected, found, .. } => {
                write!(f, "expected {expected}, found {found}")
            }
            DeviationKind::NotInEnum { allowed, found, .. } => {
                write!(f, "`{field}` is {found}, but must be ")?;
                for (position, word) in allowed.iter().enumerate() {
                    let separator = match position {
                        0 => "",
                        _ if position + 1 == allowed.len() => " or ",
                        _ => ", ",
                    };
                    write!(f, "{separator}`{word}`")?;
                }
                Ok(())
            }
            DeviationKind::MissingRequired { field } => write!(f, "missing field `{field}`"),
        }
    }
}

/// All deviations of a whole object of `kind` from its schema, sorted by path; at most [`MAX_DEVIATIONS`].
///
/// A field that is null counts as absent. `metadata` and `status` are not looked into.
pub fn deviations(kind: ResourceKind, object: &Value) -> Vec<Deviation> {
    let mut walk = Walk { found: Vec::new() };
    walk.value(object, Shape::of(kind), &Trail::Root, None);
    walk.found.sort_by(|a, b| a.path.cmp(&b.path));
    walk.found
}

/// The way to the current value; made into a [`FieldPath`] only when there is something to tell.
enum Trail<'a> {
    Root,
    Field { parent: &'a Self, key: &'a str },
    Item { parent: &'a Self, index: usize },
}

impl Trail<'_> {
    fn path(&self) -> FieldPath {
        let mut segments = Vec::new();
        let mut current = self;
        loop {
            current = match current {
                Self::Root => break,
                Self::Field { parent, key } => {
                    segments.push(PathSegment::Key((*key).to_owned()));
                    parent
                }
                Self::Item { parent, index } => {
                    segments.push(PathSegment::Index(*index));
                    parent
                }
            };
        }
        segments.reverse();
        FieldPath::from(segments)
    }

    /// The field that holds the current value, also through a list.
    fn field(&self) -> Option<&str> {
        match self {
            Self::Root => None,
            Self::Field { key, .. } => Some(key),
            Self::Item { parent, .. } => parent.field(),
        }
    }
}

struct Walk {
    found: Vec<Deviation>,
}

impl Walk {
    fn report(&mut self, trail: &Trail<'_>, kind: DeviationKind) {
        if !self.is_full() {
            self.found.push(Deviation {
                path: trail.path(),
                kind,
            });
        }
    }

    fn is_full(&self) -> bool {
        self.found.len() >= MAX_DEVIATIONS
    }

    /// Compares `value` with `shape`; `enclosing` has the fields of the object around it.
    fn value(&mut self, value: &Value, shape: &Shape, trail: &Trail<'_>, enclosing: Option<&Fields>) {
        match (shape, value) {
            (Shape::Object(fields), Value::Object(object)) => self.object(object, fields, trail, enclosing),
            (Shape::Map(values), Value::Object(object)) => {
                for (key, value) in object {
                    if self.is_full() {
                        return;
                    }
                    self.value(value, values, &Trail::Field { parent: trail, key }, None);
                }
            }
            (Shape::List(items), Value::Array(list)) => {
                for (index, item) in list.iter().enumerate() {
                    if self.is_full() {
                        return;
                    }
                    self.value(item, items, &Trail::Item { parent: trail, index }, enclosing);
                }
            }
            (Shape::String { allowed }, Value::String(text)) => {
                if !allowed.is_empty() && !allowed.contains(text) {
                    let suggestion = hint::closest(text, allowed.iter().map(String::as_str));
                    let kind = DeviationKind::NotInEnum {
                        allowed: allowed.clone(),
                        found: shape::describe(value),
                        suggestion: suggestion.map(str::to_owned),
                    };
                    self.report(trail, kind);
                }
            }
            _ if shape.takes(value) => {}
            _ => {
                let kind = DeviationKind::WrongType {
                    expected: shape.name(),
                    found: shape::describe(value),
                    help: shape.correction(value),
                };
                self.report(trail, kind);
            }
        }
    }

    fn object(
        &mut self,
        object: &Map<String, Value>,
        fields: &Fields,
        trail: &Trail<'_>,
        enclosing: Option<&Fields>,
    ) {
        for (key, value) in object {
            if self.is_full() {
                return;
            }
            let here = Trail::Field { parent: trail, key };
            let Some(known) = fields.find(key) else {
                let hint = hint::for_unknown(key, object, fields, trail.field().zip(enclosing));
                self.report(&here, DeviationKind::UnknownField { hint });
                continue;
            };
            if known.name != key && object.contains_key(known.name) {
                self.report(
                    &here,
                    DeviationKind::DuplicateField {
                        of: known.name.to_owned(),
                    },
                );
            }
            if !value.is_null() {
                self.value(value, known.shape, &here, Some(fields));
            }
        }
        for field in &fields.required {
            if object.get(field).is_none_or(Value::is_null) {
                self.report(trail, DeviationKind::MissingRequired { field: field.clone() });
            }
        }
    }
}

#[cfg(test)]
mod tests;
