//! Where a field is, while the way to it is being walked.

use weir_model::path::{FieldPath, PathSegment};

/// A field, as a chain of steps that live on the stack: it becomes a [`FieldPath`] only where there is
/// something to say about it, which is nowhere in most objects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a>(Option<(&'a Self, Step<'a>)>);

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

static OBJECT: Place<'static> = Place(None);
static METADATA: Place<'static> = Place(Some((&OBJECT, Step::Key("metadata"))));
static SPEC: Place<'static> = Place(Some((&OBJECT, Step::Key("spec"))));

/// The field `metadata`.
pub(super) fn metadata() -> &'static Place<'static> {
    &METADATA
}

/// The field `spec`.
pub(super) fn spec() -> &'static Place<'static> {
    &SPEC
}

impl<'a> Place<'a> {
    /// The field that this object has under `key`.
    pub fn key(&'a self, key: &'a str) -> Self {
        Self(Some((self, Step::Key(key))))
    }

    /// The item of this list.
    pub fn index(&'a self, index: usize) -> Self {
        Self(Some((self, Step::Index(index))))
    }

    /// The whole way.
    pub fn path(&self) -> FieldPath {
        let mut segments = Vec::new();
        let mut place = *self;
        while let Some((parent, step)) = place.0 {
            segments.push(match step {
                Step::Key(key) => PathSegment::Key(key.to_owned()),
                Step::Index(index) => PathSegment::Index(index),
            });
            place = *parent;
        }
        segments.reverse();
        FieldPath::from(segments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_its_path() {
        let services = spec().key("services");
        assert_eq!(
            services.index(2).key("name").path().to_string(),
            "spec.services[2].name"
        );
    }
}
