//! Reading the documents' files, all of one generation.
//!
//! Two kinds of directories. One that kubelet mounts has a link `..data` to a directory that holds
//! the files of one generation; kubelet replaces the link, never a file. It is resolved once, all is
//! read through the result, and read again if the link has moved meanwhile. In any other directory each
//! file is by itself and is expected to be replaced as a whole (renamed into place).

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;

use super::{FileName, Reason, file_name::PACKED};

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
/// How many times larger than packed a document is.
const USUALLY_PACKED: u64 = 16;

/// The directory that documents are read from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) dir: PathBuf,
    /// Bytes of a single file, unpacked, up to which it is read.
    pub(super) max_bytes: u64,
}

/// A document's file.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) version: Version,
    /// None when this version is already known.
    pub(super) text: Option<String>,
}

/// What tells one content of a file from another without reading it all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// The digest that it says it has; none when it does not start as a document does.
    pub(super) said: Option<String>,
    /// Device, inode, length and time of change (seconds, nanoseconds): a file that was edited without
    /// care still says its old digest.
    stamp: (u64, u64, u64, i64, i64),
}

/// One generation.
pub(super) type Generation = BTreeMap<FileName, Document>;

impl Source {
    /// Reads one generation. Texts of which the version is already `known` are left out.
    pub(super) fn read(&self, known: impl Fn(FileName, &Version) -> bool) -> Result<Generation, Reason> {
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
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::InvalidInput => Ok(None),
                _ => Err(Reason::unreadable(&path, error)),
            },
        }
    }

    fn read_all(
        &self,
        link: Option<&Path>,
        known: &impl Fn(FileName, &Version) -> bool,
    ) -> Result<Generation, Reason> {
        let dir = link.map_or_else(|| self.dir.clone(), |link| self.dir.join(link));
        let unreadable = |error| Reason::unreadable(&dir, error);
        let mut generation = Generation::new();
        for entry in fs::read_dir(&dir).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let Some(name) = entry.file_name().to_str().and_then(FileName::parse) else {
                continue;
            };
            let path = entry.path();
            let document = self.read_file(&path, |version| known(name, version));
            let document = document.map_err(|error| Reason::unreadable(&path, error))?;
            if generation.insert(name, document).is_some() {
                return Err(Reason::unreadable(
                    &path,
                    "is there packed and as it is, and one of them is old",
                ));
            }
            if generation.len() > MOST_FILES {
                return Err(Reason::unreadable(
                    &dir,
                    format_args!("holds more than {MOST_FILES} documents"),
                ));
            }
        }
        Ok(generation)
    }

    fn read_file(&self, path: &Path, known: impl Fn(&Version) -> bool) -> io::Result<Document> {
        let other = |problem: String| io::Error::other(problem);
        // asked before it is opened: opening a pipe would wait for its writer
        if !fs::metadata(path)?.is_file() {
            return Err(other("is no file".to_owned()));
        }
        let file = File::open(path)?;
        let meta = file.metadata()?;
        let stamp = (
            meta.dev(),
            meta.ino(),
            meta.len(),
            meta.mtime(),
            meta.mtime_nsec(),
        );
        let packed = path.as_os_str().as_bytes().ends_with(PACKED.as_bytes());
        let mut content: Box<dyn Read> = if packed {
            Box::new(GzDecoder::new(file))
        } else {
            Box::new(file)
        };
        let mut bytes = Vec::new();
        content
            .by_ref()
            .take((HEAD.len() + DIGEST_LENGTH) as u64)
            .read_to_end(&mut bytes)?;
        let version = Version {
            said: said_digest(&bytes),
            stamp,
        };
        if known(&version) {
            return Ok(Document { version, text: None });
        }
        // one more than allowed, to see whether there is more
        let most = (self.max_bytes + 1).saturating_sub(bytes.len() as u64);
        // in one go as far as that can be told: growing copies
        let likely = meta.len().saturating_mul(if packed { USUALLY_PACKED } else { 1 });
        bytes.reserve(likely.min(most) as usize);
        content.take(most).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > self.max_bytes {
            return Err(other(format!("is larger than {} bytes", self.max_bytes)));
        }
        let text = String::from_utf8(bytes).map_err(|_| other("is not UTF-8".to_owned()))?;
        Ok(Document {
            version,
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::config::fixture::{Dir, sealed};

    fn source(dir: &Dir) -> Source {
        Source {
            dir: dir.path().to_owned(),
            max_bytes: 1_000,
        }
    }

    /// What was read, as file and text.
    fn texts(generation: Generation) -> Vec<(String, Option<String>)> {
        generation
            .into_iter()
            .map(|(file, document)| (file.to_string(), document.text))
            .collect()
    }

    #[test]
    fn kubelets_files_are_read_through_its_link() {
        let dir = Dir::new();
        dir.mount(&[
            ("config.json", &sealed("1")),
            ("endpoints-1.json", "torn"),
            ("README", "no document"),
        ]);
        let generation = source(&dir).read(|_, _| false).unwrap();
        let said: Vec<_> = generation
            .values()
            .map(|document| document.version.said.is_some())
            .collect();
        assert_eq!(said, [true, false]);
        let expected = [
            ("config".into(), Some(sealed("1"))),
            ("endpoints-1".into(), Some("torn".into())),
        ];
        assert_eq!(texts(generation), expected);
    }

    #[test]
    fn a_swap_during_the_read_gives_the_new_generation_as_a_whole() {
        let dir = Dir::new();
        let mount = |content: &str| {
            dir.mount(&[
                ("config.json", &sealed(content)),
                ("endpoints.json", &sealed(content)),
            ]);
        };
        mount("1");
        let swapped = Cell::new(false);
        let swap = |_, _: &Version| {
            if !swapped.replace(true) {
                mount("2");
            }
            false
        };
        let new = Some(sealed("2"));
        let expected = [("config".into(), new.clone()), ("endpoints".into(), new)];
        assert_eq!(texts(source(&dir).read(swap).unwrap()), expected);
        assert!(swapped.get());
    }

    #[test]
    fn a_directory_that_never_rests_is_given_up() {
        let dir = Dir::new();
        let mount = || dir.mount(&[("config.json", &sealed("1"))]);
        mount();
        let swap = |_, _: &Version| {
            mount();
            false
        };
        assert!(
            source(&dir)
                .read(swap)
                .unwrap_err()
                .message
                .contains("again and again")
        );
    }

    #[test]
    fn known_texts_are_left_out() {
        let dir = Dir::new();
        dir.put("config.json", &sealed("1"));
        dir.put("endpoints.json", &sealed("2"));
        let generation = source(&dir).read(|file, _| file.to_string() == "config");
        let texts: Vec<_> = generation
            .unwrap()
            .into_values()
            .map(|document| document.text)
            .collect();
        assert_eq!(texts, [None, Some(sealed("2"))]);
    }

    #[test]
    fn what_is_no_readable_file_is_named() {
        let dir = Dir::new();
        let problem = |source: &Source| source.read(|_, _| false).unwrap_err().message;
        dir.put("config.json", &"x".repeat(1_001));
        assert!(problem(&source(&dir)).ends_with("config.json: is larger than 1000 bytes"));
        dir.remove("config.json");
        fs::create_dir(dir.path().join("config.json")).unwrap();
        assert!(problem(&source(&dir)).ends_with("config.json: is no file"));
        fs::remove_dir(dir.path().join("config.json")).unwrap();
        fs::write(dir.path().join("config.json"), [0xff; 10]).unwrap();
        assert!(problem(&source(&dir)).ends_with("config.json: is not UTF-8"));
        let gone = Source {
            dir: dir.path().join("gone"),
            max_bytes: 1,
        };
        assert!(problem(&gone).contains("gone: "));
    }

    #[test]
    fn packed_files_are_unpacked_up_to_the_same_size() {
        let dir = Dir::new();
        dir.put_packed("config.json.gz", &sealed("1"));
        assert_eq!(
            texts(source(&dir).read(|_, _| false).unwrap()),
            [("config".into(), Some(sealed("1")))]
        );
        let problem = || source(&dir).read(|_, _| false).unwrap_err().message;
        dir.put("config.json", &sealed("1"));
        assert!(problem().contains("is there packed and as it is"));
        dir.remove("config.json");
        dir.put_packed("config.json.gz", &"x".repeat(1_001));
        assert!(problem().ends_with("config.json.gz: is larger than 1000 bytes"));
        dir.put("config.json.gz", "not packed at all");
        assert!(problem().contains("config.json.gz: "));
    }

    #[test]
    fn what_looks_like_no_digest_is_none() {
        for start in [
            "",
            "{}",
            "{\"digest\":\"",
            &format!("{HEAD}{}", "G".repeat(64)),
            &"\u{e9}".repeat(40),
        ] {
            assert_eq!(said_digest(start.as_bytes()), None, "{start}");
        }
    }
}
