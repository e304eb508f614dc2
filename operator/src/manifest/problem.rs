//! What can be wrong with a document, in the words of its writer.

use super::source::Bytes;

/// Why one document cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) at: Bytes,
    pub(super) message: String,
    pub(super) help: Option<String>,
    /// Another place that belongs to it, and what it is.
    pub(super) related: Option<(Bytes, String)>,
}

impl Problem {
    pub(super) fn new(at: Bytes, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            help: None,
            related: None,
        }
    }

    #[must_use]
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub(super) fn related(mut self, at: Bytes, label: impl Into<String>) -> Self {
        self.related = Some((at, label.into()));
        self
    }

    pub(super) fn duplicate_key(name: &str, first: Bytes, again: Bytes) -> Self {
        Self::new(
            again,
            format!("the key `{name}` is written twice in the same mapping"),
        )
        .help("remove one of the two: which one counts differs between readers of YAML")
        .related(first, "first written here")
    }

    pub(super) fn complex_key(at: Bytes) -> Self {
        Self::new(at, "a list or mapping stands where a key must be")
            .help("a value that starts with `{` or `[` and is meant as text must be quoted")
    }

    pub(super) fn null_key(at: Bytes) -> Self {
        Self::new(at, "a value without a key").help("write the name of the field before the colon")
    }

    pub(super) fn too_deep(at: Bytes, limit: usize) -> Self {
        Self::new(at, format!("nested more than {limit} levels deep"))
    }

    pub(super) fn unfinished_anchor(at: Bytes) -> Self {
        Self::new(
            at,
            "the alias names something that is not complete yet or stands in another document",
        )
        .help("an alias can repeat only what ended before it in the same document")
    }

    pub(super) fn too_many_copies(at: Bytes) -> Self {
        Self::new(at, "anchors and aliases repeat too much")
            .help("write the object out, or split the document")
    }

    pub(super) fn not_utf8(at: Bytes) -> Self {
        Self::new(at, "this is not UTF-8").help("save the file as UTF-8")
    }

    pub(super) fn bad_merge(at: Bytes) -> Self {
        Self::new(at, "`<<` merges mappings only")
            .help("give it an alias of a mapping, or a list of such aliases")
    }
}
