//! Reading the documents' files, all of one generation.
//!
//! Two kinds of directories. One that kubelet mounts has a link `..data` to a directory that holds
//! the files of one generation; kubelet replaces the link, never a file. It is resolved once, all is
//! read through the result, and read again if the link has moved meanwhile. In any other directory each
//! file is by itself and is expected to be replaced as a whole (renamed into place).

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::{FileName, Reason};

/// kubelet's link to the present generation.
const GENERATION_LINK: &str = "..data";
/// How often a generation may be replaced while it is read. kubelet does so every minute or when a
/// pod changes, and a read takes milliseconds.
const MOVES: usize = 5;
/// Files of one generation; more are taken for a mistake.
const MOST_FILES: usize = 1_024;
/// How a document starts: its digest, 64 hex digits (see [`weir_model::document::text`]).
const HEAD: &str = "{\"digest\":\"";
const DIGEST_LENGTH: usize = 64;

/// The directory that documents are read from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) dir: PathBuf,
    /// Bytes of a single file up to which it is read.
    pub(super) max_bytes: u64,
}

/// A document's file.
#[derive(Debug)]
pub(super) struct Document {
    /// The digest that it says it has; none when it does not start as a document does.
    pub(super) said: Option<String>,
    /// Its text; none when a text with this digest is already known.
    pub(super) text: Option<String>,
}

/// One generation.
pub(super) type Generation = BTreeMap<FileName, Document>;

impl Source {
    /// Reads one generation. Texts that are already `known`, by their file and the digest that it
    /// says it has, are left out.
    pub(super) fn read(&self, known: impl Fn(FileName, &str) -> bool) -> Result<Generation, Reason> {
        let mut link = self.link()?;
        for _ in 0..MOVES {
            let result = self.read_all(link.as_deref(), &known);
            // a failure counts only when it is not the old generation's removal
            let now = self.link()?;
            if now == link {
                return result;
            }
            link = now;
        }
        Err(Reason::unreadable(
            &self.dir,
            "is replaced again and again while it is read",
        ))
    }

    /// Where `..data` leads; none in a directory that is not kubelet's.
    fn link(&self) -> Result<Option<PathBuf>, Reason> {
        let path = self.dir.join(GENERATION_LINK);
        match fs::read_link(&path) {
            Ok(target) => Ok(Some(target)),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::InvalidInput
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(Reason::unreadable(&path, error)),
        }
    }

    fn read_all(
        &self,
        link: Option<&Path>,
        known: &impl Fn(FileName, &str) -> bool,
    ) -> Result<Generation, Reason> {
        let dir = link.map_or_else(|| self.dir.clone(), |link| self.dir.join(link));
        let unreadable = |error| Reason::unreadable(&dir, error);
        let mut generation = Generation::new();
        for entry in fs::read_dir(&dir).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let Some(name) = entry.file_name().to_str().and_then(FileName::parse) else {
                continue;
            };
            if generation.len() == MOST_FILES {
                return Err(Reason::unreadable(
                    &dir,
                    format_args!("holds more than {MOST_FILES} documents"),
                ));
            }
            let path = entry.path();
            let document = self.read_file(&path, |said| known(name, said));
            generation.insert(name, document.map_err(|error| Reason::unreadable(&path, error))?);
        }
        Ok(generation)
    }

    fn read_file(&self, path: &Path, known: impl Fn(&str) -> bool) -> io::Result<Document> {
        let other = |problem: String| io::Error::other(problem);
        // asked before it is opened: opening a pipe would wait for its writer
        if !fs::metadata(path)?.is_file() {
            return Err(other("is no file".to_owned()));
        }
        let mut file = File::open(path)?;
        let mut bytes = Vec::new();
        file.by_ref()
            .take((HEAD.len() + DIGEST_LENGTH) as u64)
            .read_to_end(&mut bytes)?;
        let said = said_digest(&bytes);
        if said.as_deref().is_some_and(known) {
            return Ok(Document { said, text: None });
        }
        // one more than allowed, to see whether there is more
        file.take((self.max_bytes + 1).saturating_sub(bytes.len() as u64))
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > self.max_bytes {
            return Err(other(format!("is larger than {} bytes", self.max_bytes)));
        }
        let text = String::from_utf8(bytes).map_err(|_| other("is not UTF-8".to_owned()))?;
        Ok(Document {
            said,
            text: Some(text),
        })
    }
}

/// The digest in a document's first bytes.
fn said_digest(start: &[u8]) -> Option<String> {
    let digest = str::from_utf8(start).ok()?.strip_prefix(HEAD)?;
    let digits = digest
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
    (digits && digest.len() == DIGEST_LENGTH).then(|| digest.to_owned())
}
