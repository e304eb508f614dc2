//! Reads Kubernetes manifests as `kubectl apply -f` does, and remembers where each field was written.
//!
//! ```text
//! paths ─► files ─► documents ─► events ─► value + places ─► objects
//!                   (a `---`     (YAML or                    (lists unpacked;
//!                    line cuts)   JSON)                       kind, apiVersion, name checked)
//! ```
//!
//! A document that cannot be read is a [`BrokenDocument`] and stops no other. Only a file that cannot be read at all is
//! an error. Whatever the input is, time and memory stay within [`Limits`], and nothing here recurses deeper than
//! [`Limits::max_depth`].

mod builder;
mod document;
mod explain;
mod files;
mod indentation;
mod input;
mod json;
mod lines;
mod object;
mod problem;
mod scalar;
mod source;
mod tree;
mod within;
mod yaml;

use std::path::PathBuf;
use std::sync::Arc;

use self::problem::Problem;
use self::source::Bytes;

pub use self::files::ReadError;
pub use self::object::ManifestObject;
pub use self::source::{SourceFile, Span};
pub use self::tree::Part;

/// How much a reader takes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Levels of lists and mappings in a document.
    pub max_depth: usize,
    /// Bytes of one file; at most a quarter of 4 GiB, whatever is set.
    pub max_file_bytes: u64,
    /// Bytes of all files together.
    pub max_total_bytes: u64,
    /// Bytes that anchors and aliases of one document may repeat.
    pub max_copied_bytes: usize,
    /// Characters that one YAML scalar, or one list or mapping in brackets, may be long. (etcd takes no
    /// object above 1.5 MiB.)
    pub max_lookahead: usize,
    /// Broken documents that are reported of one file; what follows them is not read.
    pub max_broken: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_depth: 256,
            max_file_bytes: 64 << 20,
            max_total_bytes: 512 << 20,
            max_copied_bytes: 16 << 20,
            max_lookahead: 2 << 20,
            max_broken: 1000,
        }
    }
}

/// All that was read.
#[derive(Debug, Default)]
pub struct Manifests {
    /// The files, in the order of reading.
    pub files: Vec<Arc<SourceFile>>,
    /// The objects, in the order of the files and the text.
    pub objects: Vec<ManifestObject>,
    /// The documents (or items of lists) that are not objects, in the same order.
    pub broken: Vec<BrokenDocument>,
}

/// A document, or an item of a list, that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenDocument {
    /// The index in [`Manifests::files`].
    pub file: usize,
    /// Where it is broken.
    pub span: Span,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// Another place in the same file that has to do with it, and what it is.
    pub related: Option<(Span, String)>,
}

/// Reads all manifests at these paths: files, directories (recursively, in the order of names: `.yaml`, `.yml` and
/// `.json`, nothing hidden) and `-` for standard input.
pub fn read(paths: &[PathBuf], limits: &Limits) -> Result<Manifests, ReadError> {
    let mut manifests = Manifests::default();
    for file in files::collect(paths, limits)? {
        let (name, bytes) = file?;
        manifests.add(name, bytes, limits);
    }
    Ok(manifests)
}

impl Manifests {
    /// Adds the manifests of one text that is not in a file. `name` stands for the path; the text may be any bytes.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Vec<u8>>, limits: &Limits) {
        let decoded = files::decode(name.into(), text.into());
        let source = Arc::new(decoded.source);
        let file = self.files.len();
        self.files.push(Arc::clone(&source));
        let broken_before = self.broken.len();
        let mut output = object::Output {
            manifests: self,
            file,
            source: &source,
        };
        for place in document::split(&source.text) {
            let mut documents = Vec::new();
            // a document with such bytes is told of them, not of what comes of reading them
            let result = match first_in(&decoded.not_utf8, place) {
                Some(at) => Err(Problem::not_utf8(at)),
                None => document::read(&source.text, place, limits, &mut documents),
            };
            for document in documents {
                output.add(document);
            }
            if let Err(problem) = result {
                output.broken(problem);
            }
            if output.manifests.broken.len() - broken_before >= limits.max_broken {
                output.broken(Problem::new(
                    Bytes::new(place.end as usize, place.end as usize),
                    "too many broken documents: the rest of the file is not read",
                ));
                return;
            }
        }
    }
}

fn first_in(places: &[Bytes], document: Bytes) -> Option<Bytes> {
    let next = places.partition_point(|place| place.start < document.start);
    places
        .get(next)
        .copied()
        .filter(|place| place.start < document.end)
}

#[cfg(test)]
mod tests;
