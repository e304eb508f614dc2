//! Finds the files below the given paths and reads them as text.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Limits;
use super::source::{Bytes, SourceFile};

/// An input that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file or directory does not exist, may not be read, or fails while being read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The path as given or found; `-` for standard input.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A directory has no manifest in it.
    #[error("no .yaml, .yml or .json file in {}", path.display())]
    NoManifests {
        /// The directory.
        path: PathBuf,
    },
    /// A file, or all files together, is larger than [`Limits`] allow.
    #[error("{} makes the input larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file at which the limit was passed.
        path: PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },
}

/// The name of a file and its content.
type Raw = (String, Vec<u8>);

const STDIN: &str = "-";

/// The files at these paths, each once and read when its turn comes.
pub(super) fn collect<'l>(
    paths: &[PathBuf],
    limits: &'l Limits,
) -> Result<impl Iterator<Item = Result<Raw, ReadError>> + use<'l>, ReadError> {
    let mut found = Found::default();
    for path in paths {
        if path.as_os_str() == STDIN || !metadata(path)?.is_dir() {
            found.add_file(path.clone());
            continue;
        }
        let before = found.candidates;
        found.add_directory(path)?;
        if found.candidates == before {
            return Err(ReadError::NoManifests { path: path.clone() });
        }
    }
    let mut left = limits.max_total_bytes;
    Ok(found.files.into_iter().map(move |path| {
        let raw = load(&path, limits, left)?;
        left = left.saturating_sub(raw.1.len() as u64);
        Ok(raw)
    }))
}

/// Bytes made text.
pub(super) struct Decoded {
    pub(super) source: SourceFile,
    /// What was not UTF-8 and is U+FFFD now, in ascending order.
    pub(super) not_utf8: Vec<Bytes>,
}

pub(super) fn decode(name: String, bytes: Vec<u8>) -> Decoded {
    const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();
    let mut bytes = bytes;
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    let mut not_utf8 = Vec::new();
    let text = String::from_utf8(bytes).unwrap_or_else(|error| {
        let mut text = String::with_capacity(error.as_bytes().len());
        for chunk in error.as_bytes().utf8_chunks() {
            text.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                let start = text.len();
                text.push(char::REPLACEMENT_CHARACTER);
                not_utf8.push(Bytes::new(start, text.len()));
            }
        }
        text
    });
    Decoded {
        source: SourceFile::new(name, text),
        not_utf8,
    }
}

#[derive(Default)]
struct Found {
    files: Vec<PathBuf>,
    /// Files and directories by their real path: one that is reached twice, by a link or in the arguments, counts once.
    seen: BTreeSet<PathBuf>,
    /// Manifests met, those reached before included.
    candidates: usize,
}

impl Found {
    fn add_file(&mut self, path: PathBuf) {
        self.candidates += 1;
        // what has no real path (a pipe of the shell) is what it is
        let real = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        if self.seen.insert(real) {
            self.files.push(path);
        }
    }

    fn add_directory(&mut self, root: &Path) -> Result<(), ReadError> {
        let mut open = vec![root.to_owned()];
        while let Some(path) = open.pop() {
            let metadata = metadata(&path)?;
            if metadata.is_file() && has_manifest_extension(&path) {
                self.add_file(path);
            } else if metadata.is_dir() && self.enter(&path)? {
                let mut entries = entries(&path)?;
                // the stack gives back the last one first
                entries.sort_unstable_by(|a, b| b.cmp(a));
                open.extend(entries);
            }
        }
        Ok(())
    }

    /// Whether this directory was not walked yet: links may form loops.
    fn enter(&mut self, path: &Path) -> Result<bool, ReadError> {
        let real = fs::canonicalize(path).map_err(|error| unreadable(path, error))?;
        let first = self.seen.insert(real);
        if !first {
            self.candidates += 1;
        }
        Ok(first)
    }
}

/// What is worth looking at in a directory: directories and manifests that are not hidden.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let unreadable = |error| unreadable(directory, error);
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let kind = entry.file_type().map_err(unreadable)?;
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // a link without such a name can still be a directory, but a broken one is then nobody's manifest
        let wanted = kind.is_dir() || has_manifest_extension(&path) || (kind.is_symlink() && path.is_dir());
        if !hidden && wanted {
            entries.push(path);
        }
    }
    Ok(entries)
}

fn has_manifest_extension(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml" || extension == "json")
}

fn load(path: &Path, limits: &Limits, left: u64) -> Result<Raw, ReadError> {
    // offsets are kept in 32 bits, and a bad byte grows to three
    let limit = limits.max_file_bytes.min(u64::from(u32::MAX / 4)).min(left);
    let mut bytes = Vec::new();
    let mut read = |source: &mut dyn Read| source.take(limit + 1).read_to_end(&mut bytes);
    let (name, result) = if path.as_os_str() == STDIN {
        ("<stdin>".to_owned(), read(&mut io::stdin().lock()))
    } else {
        let result = File::open(path).and_then(|mut file| read(&mut file));
        (display_name(path), result)
    };
    result.map_err(|error| unreadable(path, error))?;
    if bytes.len() as u64 > limit {
        let path = path.to_owned();
        return Err(ReadError::TooLarge { path, limit });
    }
    Ok((name, bytes))
}

fn display_name(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

fn metadata(path: &Path) -> Result<fs::Metadata, ReadError> {
    fs::metadata(path).map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, source: io::Error) -> ReadError {
    ReadError::Unreadable {
        path: path.to_owned(),
        source,
    }
}
