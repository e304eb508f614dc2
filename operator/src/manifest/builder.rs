//! Puts the events of a reader together to a value and the tree of its places.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Limits;
use super::problem::Problem;
use super::source::Bytes;
use super::tree::{Children, Field, Node};

/// What a scalar, list or mapping came to.
#[derive(Debug, Clone, Default)]
pub(super) struct Subtree {
    pub(super) value: Value,
    pub(super) node: Node,
    /// Roughly the bytes that a copy takes.
    cost: usize,
    /// Levels of lists and mappings in it, itself included.
    height: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Collection {
    List,
    Mapping,
}

/// Builds one document. The stack is the only thing that grows with the depth, and the depth is limited, so that
/// what comes out can be walked, copied and dropped recursively.
pub(super) struct Builder<'l> {
    limits: &'l Limits,
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, Subtree>,
    /// What anchors and aliases have copied so far.
    copied: usize,
    /// Where the last scalar or bracket ended: block collections end with what they hold.
    last_end: u32,
    done: Option<Subtree>,
    /// Keys that were written twice; reading goes on to find them all.
    pub(super) duplicates: Vec<Problem>,
}

struct Frame {
    shape: Shape,
    start: u32,
    anchor: usize,
    cost: usize,
    height: usize,
}

enum Shape {
    List { values: Vec<Value>, nodes: Vec<Node> },
    Mapping(Box<Mapping>),
}

#[derive(Default)]
struct Mapping {
    values: Map<String, Value>,
    fields: Vec<Field>,
    key: Option<Key>,
    merged: Vec<Subtree>,
}

enum Key {
    Name(String, Bytes),
    Merge(Bytes),
}

/// Bytes of bookkeeping that a value costs besides its text.
const NODE_COST: usize = 64;

/// More repeated keys than this in one document tell nothing new.
const MAX_DUPLICATES: usize = 20;

impl<'l> Builder<'l> {
    pub(super) const fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            stack: Vec::new(),
            anchors: BTreeMap::new(),
            copied: 0,
            last_end: 0,
            done: None,
            duplicates: Vec::new(),
        }
    }

    /// The finished document; none if there was nothing but comments.
    pub(super) fn finish(self) -> Option<Subtree> {
        self.done
    }

    /// Whether the next event is the key of a mapping.
    pub(super) fn expects_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame { shape: Shape::Mapping(mapping), .. }) if mapping.key.is_none())
    }

    pub(super) fn open(&mut self, collection: Collection, at: Bytes, anchor: usize) -> Result<(), Problem> {
        if self.expects_key() {
            return Err(Problem::complex_key(at));
        }
        if self.stack.len() >= self.limits.max_depth {
            return Err(Problem::too_deep(at, self.limits.max_depth));
        }
        let shape = match collection {
            Collection::List => Shape::List {
                values: Vec::new(),
                nodes: Vec::new(),
            },
            Collection::Mapping => Shape::Mapping(Box::default()),
        };
        self.stack.push(Frame {
            shape,
            start: at.start,
            anchor,
            cost: NODE_COST,
            height: 1,
        });
        self.last_end = self.last_end.max(at.end);
        Ok(())
    }

    /// Ends the innermost list or mapping; `bracket` is where its closing bracket ends, if it has one.
    pub(super) fn close(&mut self, bracket: Option<u32>) -> Result<(), Problem> {
        let Some(frame) = self.stack.pop() else {
            return Ok(());
        };
        let end = bracket.unwrap_or(self.last_end).max(frame.start);
        let mut part = Subtree {
            node: Node {
                bytes: Bytes {
                    start: frame.start,
                    end,
                },
                children: Children::None,
            },
            cost: frame.cost,
            height: frame.height,
            ..Subtree::default()
        };
        match frame.shape {
            Shape::List { values, nodes } => {
                part.value = Value::Array(values);
                part.node.children = Children::Items(nodes);
            }
            Shape::Mapping(mut mapping) => {
                for merged in std::mem::take(&mut mapping.merged) {
                    mapping.merge(merged)?;
                }
                part.value = Value::Object(mapping.values);
                part.node.children = Children::Fields(mapping.fields);
            }
        }
        self.last_end = self.last_end.max(end);
        self.attach(part, frame.anchor)
    }

    pub(super) fn scalar(&mut self, value: Value, at: Bytes, anchor: usize) -> Result<(), Problem> {
        self.last_end = self.last_end.max(at.end);
        if self.expects_key() {
            let name = match value {
                Value::String(name) => name,
                Value::Null => return Err(Problem::null_key(at)),
                other => other.to_string(),
            };
            self.key(Key::Name(name, at));
            return Ok(());
        }
        let text = value.as_str().map_or(0, str::len);
        let part = Subtree {
            value,
            node: Node {
                bytes: at,
                children: Children::None,
            },
            cost: NODE_COST + text,
            height: 0,
        };
        self.attach(part, anchor)
    }

    /// The key `<<`, whose value's fields belong to the mapping itself.
    pub(super) fn merge_key(&mut self, at: Bytes) {
        self.last_end = self.last_end.max(at.end);
        self.key(Key::Merge(at));
    }

    pub(super) fn alias(&mut self, anchor: usize, at: Bytes) -> Result<(), Problem> {
        self.last_end = self.last_end.max(at.end);
        let Some(part) = self.anchors.get(&anchor) else {
            return Err(Problem::unfinished_anchor(at));
        };
        if self.stack.len() + part.height > self.limits.max_depth {
            return Err(Problem::too_deep(at, self.limits.max_depth));
        }
        self.copied = self.copied.saturating_add(part.cost);
        if self.copied > self.limits.max_copied_bytes {
            return Err(Problem::too_many_copies(at));
        }
        let mut part = part.clone();
        if self.expects_key() {
            return self.scalar_key_alias(part.value, at);
        }
        part.node.bytes = at;
        self.attach(part, 0)
    }

    fn scalar_key_alias(&mut self, value: Value, at: Bytes) -> Result<(), Problem> {
        if value.is_array() || value.is_object() {
            return Err(Problem::complex_key(at));
        }
        self.scalar(value, at, 0)
    }

    fn key(&mut self, key: Key) {
        if let Some(Frame {
            shape: Shape::Mapping(mapping),
            ..
        }) = self.stack.last_mut()
        {
            mapping.key = Some(key);
        }
    }

    fn attach(&mut self, part: Subtree, anchor: usize) -> Result<(), Problem> {
        if anchor > 0 {
            self.copied = self.copied.saturating_add(part.cost);
            if self.copied > self.limits.max_copied_bytes {
                return Err(Problem::too_many_copies(part.node.bytes));
            }
            self.anchors.insert(anchor, part.clone());
        }
        let Some(frame) = self.stack.last_mut() else {
            self.done = Some(part);
            return Ok(());
        };
        frame.cost = frame.cost.saturating_add(part.cost);
        frame.height = frame.height.max(part.height + 1);
        match &mut frame.shape {
            Shape::List { values, nodes } => {
                values.push(part.value);
                nodes.push(part.node);
            }
            Shape::Mapping(mapping) => match mapping.key.take() {
                Some(Key::Name(name, key)) => {
                    frame.cost = frame.cost.saturating_add(name.len() * 2);
                    if mapping.values.contains_key(&name) {
                        if self.duplicates.len() < MAX_DUPLICATES {
                            self.duplicates.extend(mapping.duplicate(&name, key));
                        }
                    } else {
                        mapping.insert(name, key, part);
                    }
                }
                Some(Key::Merge(key)) => mapping.add_merge(part, key)?,
                None => {}
            },
        }
        Ok(())
    }
}

impl Mapping {
    fn insert(&mut self, name: String, key: Bytes, part: Subtree) {
        self.fields.push(Field {
            name: name.as_str().into(),
            key,
            value: part.node,
        });
        self.values.insert(name, part.value);
    }

    fn duplicate(&self, name: &str, again: Bytes) -> Option<Problem> {
        let first = self.fields.iter().find(|field| &*field.name == name)?;
        Some(Problem::duplicate_key(name, first.key, again))
    }

    /// Keeps what `<<` names until all own fields are known: those win, wherever they stand.
    fn add_merge(&mut self, part: Subtree, key: Bytes) -> Result<(), Problem> {
        match part {
            Subtree {
                value: Value::Array(values),
                node:
                    Node {
                        children: Children::Items(nodes),
                        ..
                    },
                ..
            } => {
                for (value, node) in values.into_iter().zip(nodes) {
                    if !value.is_object() {
                        return Err(Problem::bad_merge(node.bytes));
                    }
                    self.merged.push(Subtree {
                        value,
                        node,
                        ..Subtree::default()
                    });
                }
            }
            mapping if mapping.value.is_object() => self.merged.push(mapping),
            _ => return Err(Problem::bad_merge(key)),
        }
        Ok(())
    }

    fn merge(&mut self, part: Subtree) -> Result<(), Problem> {
        let at = part.node.bytes;
        let (Value::Object(mut values), Children::Fields(fields)) = (part.value, part.node.children) else {
            return Err(Problem::bad_merge(at));
        };
        for field in fields {
            if !self.values.contains_key(&*field.name)
                && let Some(value) = values.remove(&*field.name)
            {
                self.values.insert(field.name.to_string(), value);
                self.fields.push(field);
            }
        }
        Ok(())
    }
}
