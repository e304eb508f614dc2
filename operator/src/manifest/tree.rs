//! Where each part of a value was written.

use weir_model::path::{FieldPath, PathSegment};

use super::source::Bytes;

/// Which half of a field is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The name before the colon. An item of a list has none: its value is taken.
    Key,
    /// What the field holds.
    Value,
}

/// The places of a value and of all that it holds: the same shape as the value.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub(super) bytes: Bytes,
    pub(super) children: Children,
}

#[derive(Debug, Clone, Default)]
pub(super) enum Children {
    #[default]
    None,
    Items(Vec<Node>),
    Fields(Vec<Field>),
}

#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: Box<str>,
    pub(super) key: Bytes,
    pub(super) value: Node,
}

impl Node {
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        match &self.children {
            Children::Fields(fields) => fields.iter().find(|field| &*field.name == name),
            Children::None | Children::Items(_) => None,
        }
    }

    /// Takes the places of the items of the list `name` out of the tree.
    pub(super) fn take_items(&mut self, name: &str) -> Vec<Self> {
        let Children::Fields(fields) = &mut self.children else {
            return Vec::new();
        };
        let field = fields.iter_mut().find(|field| &*field.name == name);
        match field.map(|field| std::mem::take(&mut field.value.children)) {
            Some(Children::Items(items)) => items,
            _ => Vec::new(),
        }
    }

    /// The bytes of the `part` at `path`. Where the path leads to nothing that was written, the nearest part that
    /// was: the key of the parent, or what makes an item of a list recognisable.
    pub(super) fn locate(&self, path: &FieldPath, part: Part) -> Bytes {
        let mut node = self;
        // the key that leads to `node`; an item and the root have none
        let mut key = None;
        for segment in path.segments() {
            let next = match (segment, &node.children) {
                (PathSegment::Key(name), _) => node.field(name).map(|field| (Some(field.key), &field.value)),
                (PathSegment::Index(index), Children::Items(items)) => {
                    items.get(*index).map(|item| (None, item))
                }
                (PathSegment::Index(_), _) => None,
            };
            let Some((next_key, next_node)) = next else {
                return key.unwrap_or_else(|| node.headline());
            };
            (key, node) = (next_key, next_node);
        }
        match (part, key) {
            (Part::Key, Some(key)) => key,
            // `port:` with nothing behind it has no value to point at
            (Part::Value, Some(key)) if node.bytes.is_empty() => key,
            (Part::Value, Some(_)) => node.bytes,
            (_, None) => node.headline(),
        }
    }

    /// What a reader recognises a keyless value by: `name`, else its first field, else all of it.
    fn headline(&self) -> Bytes {
        let named = self
            .field("metadata")
            .and_then(|metadata| metadata.value.field("name"))
            .or_else(|| self.field("name"));
        match (named, &self.children) {
            (Some(field), _) if !field.value.bytes.is_empty() => field.value.bytes,
            (_, Children::Fields(fields)) => fields.first().map_or(self.bytes, |field| field.key),
            _ => self.bytes,
        }
    }
}
