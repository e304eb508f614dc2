//! Where in an object a field is.

use std::fmt;

/// One step from a value into one of its parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathSegment {
    /// The value of a mapping's key.
    Key(String),
    /// The item of a list, counted from 0.
    Index(usize),
}

/// The steps from an object to one of its fields, shown as `spec.weighted.services[1].name`.
///
/// A key that is not a plain identifier is shown in brackets and quotes: `metadata.labels["a.b/c"]`.
/// The order is that of the steps, so a field sorts right before what it contains.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(Vec<PathSegment>);

impl FieldPath {
    /// The object itself.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// The path of the value that this mapping holds under `key`.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.child(PathSegment::Key(key.into()))
    }

    /// The path of the item that this list holds at `index`.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.child(PathSegment::Index(index))
    }

    /// The path one `segment` deeper.
    #[must_use]
    pub fn child(&self, segment: PathSegment) -> Self {
        let mut segments = Vec::with_capacity(self.0.len() + 1);
        segments.extend_from_slice(&self.0);
        segments.push(segment);
        Self(segments)
    }

    /// Goes one `segment` deeper.
    pub fn push(&mut self, segment: PathSegment) {
        self.0.push(segment);
    }

    /// Goes back up one segment and returns it; at the root there is none.
    pub fn pop(&mut self) -> Option<PathSegment> {
        self.0.pop()
    }

    /// The path of the value that contains this one; the root has none.
    pub fn parent(&self) -> Option<Self> {
        let (_, parents) = self.0.split_last()?;
        Some(Self(parents.to_vec()))
    }

    /// The steps, outermost first.
    pub fn segments(&self) -> &[PathSegment] {
        &self.0
    }

    /// Whether this is the object itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<PathSegment>> for FieldPath {
    fn from(segments: Vec<PathSegment>) -> Self {
        Self(segments)
    }
}

impl FromIterator<PathSegment> for FieldPath {
    fn from_iter<I: IntoIterator<Item = PathSegment>>(segments: I) -> Self {
        Self(segments.into_iter().collect())
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                PathSegment::Index(index) => write!(f, "[{index}]")?,
                PathSegment::Key(key) if !is_identifier(key) => write!(f, "[{key:?}]")?,
                PathSegment::Key(key) if position == 0 => f.write_str(key)?,
                PathSegment::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

/// Whether `key` can stand after a dot without being misread.
fn is_identifier(key: &str) -> bool {
    let mut bytes = key.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_keys_with_dots_and_items_in_brackets() {
        let path = FieldPath::root()
            .key("spec")
            .key("weighted")
            .key("services")
            .index(1)
            .key("name");
        assert_eq!(path.to_string(), "spec.weighted.services[1].name");
    }

    #[test]
    fn quotes_a_key_that_could_be_misread() {
        let labels = FieldPath::root().key("metadata").key("labels");
        for (key, shown) in [
            ("a.b/c", r#"metadata.labels["a.b/c"]"#),
            ("", r#"metadata.labels[""]"#),
            ("0", r#"metadata.labels["0"]"#),
            ("say \"hi\"\n", r#"metadata.labels["say \"hi\"\n"]"#),
            ("X-Real-Ip", "metadata.labels.X-Real-Ip"),
        ] {
            assert_eq!(labels.key(key).to_string(), shown);
        }
        assert_eq!(FieldPath::root().key("a.b").to_string(), r#"["a.b"]"#);
    }

    #[test]
    fn the_root_is_empty_and_has_no_parent() {
        let root = FieldPath::root();
        assert!(root.is_root());
        assert_eq!(root.to_string(), "");
        assert_eq!(root.parent(), None);
        assert_eq!(root.key("spec").parent(), Some(root));
    }

    #[test]
    fn sorts_items_by_number_and_a_field_before_what_it_contains() {
        let services = FieldPath::root().key("services");
        let mut paths = [
            services.index(10),
            services.index(2).key("name"),
            services.index(2),
            services.clone(),
        ];
        paths.sort();
        let shown: Vec<_> = paths.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["services", "services[2]", "services[2].name", "services[10]"]
        );
    }
}
