//! The documents as bytes: canonical JSON in an envelope that carries its digest.
//!
//! ```text
//! {"digest":"<64 hex digits>","document":
//! {"nodes":{
//! "ts/apps/wrr1":{…},
//! …
//! },"revision":7,…}
//! }
//! ```
//!
//! One line an entry, so that `kubectl get configmap -o yaml` and `diff` are readable. Keys are sorted
//! and there are no floats: equal documents give equal bytes. The digest is the SHA-256 of the inner
//! document's bytes, so that checking it needs no parsing.

use std::{fmt, io};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::ser::Formatter;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::{Config, Endpoints, SCHEMA, Secrets};
use crate::hex::hex;

/// A document that has a file of its own.
pub trait Document: Serialize + DeserializeOwned {
    /// The file's name without its extension; shards add `-0`, `-1`, ….
    const STEM: &'static str;
    /// The schema that it says it has.
    fn schema(&self) -> u32;
}

macro_rules! document {
    ($type:ty, $stem:literal) => {
        impl Document for $type {
            const STEM: &'static str = $stem;
            fn schema(&self) -> u32 {
                self.schema
            }
        }
    };
}
document!(Config, "config");
document!(Endpoints, "endpoints");
document!(Secrets, "secrets");

/// The SHA-256 of a document's bytes, as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why bytes are no document.
#[derive(Debug, Error)]
pub enum TextError {
    /// The bytes do not start and end as an envelope does: cut off, or not a document of weir's.
    #[error("not a document in weir's envelope, or only a part of one")]
    Envelope,
    /// The content is not what was written.
    #[error("the digest does not match: the document says {said}, its content has {found}")]
    Digest {
        /// In the envelope.
        said: String,
        /// Of the content.
        found: Digest,
    },
    /// A newer or a much older writer.
    #[error("schema {0} is not one that this version reads ({OLDEST} to {SCHEMA})")]
    Schema(u32),
    /// A field that this version does not know, or a value out of its range.
    #[error(transparent)]
    Content(#[from] serde_json::Error),
}

/// The oldest schema that is read.
const OLDEST: u32 = oldest(SCHEMA);
const HEAD: &str = "{\"digest\":\"";
const MIDDLE: &str = "\",\"document\":\n";
const TAIL: &str = "\n}\n";
/// Bytes of a digest as text.
const DIGEST: usize = 64;

/// The bytes of a document, and their digest.
///
/// # Errors
/// When a type inside does not serialise; no type of this crate does that.
pub fn write<D: Document>(document: &D) -> Result<(String, Digest), TextError> {
    let mut bytes = Vec::with_capacity(4096);
    bytes.extend_from_slice(HEAD.as_bytes());
    // the digest's place, until it is known
    bytes.extend_from_slice(&[b'0'; DIGEST]);
    bytes.extend_from_slice(MIDDLE.as_bytes());
    let start = bytes.len();
    document.serialize(&mut serde_json::Serializer::with_formatter(
        &mut bytes,
        Lines { depth: 0 },
    ))?;
    let digest = Digest::of(&bytes[start..]);
    bytes[HEAD.len()..][..DIGEST].copy_from_slice(digest.to_string().as_bytes());
    bytes.extend_from_slice(TAIL.as_bytes());
    // serde_json writes UTF-8 only
    let text = String::from_utf8(bytes).map_err(|_| TextError::Envelope)?;
    Ok((text, digest))
}

/// A document's content, which is what was written.
#[derive(Clone, Copy, Debug)]
pub struct Opened<'a> {
    /// Of the content.
    pub digest: Digest,
    body: &'a str,
}

/// Takes a document's content out of its envelope, by whose digest it is checked.
pub fn open(text: &str) -> Result<Opened<'_>, TextError> {
    let (said, rest) = text
        .strip_prefix(HEAD)
        .and_then(|rest| rest.split_at_checked(DIGEST))
        .ok_or(TextError::Envelope)?;
    let body = rest
        .strip_prefix(MIDDLE)
        .and_then(|rest| rest.trim_end().strip_suffix('}'))
        .and_then(|rest| rest.strip_suffix('\n'))
        .ok_or(TextError::Envelope)?;
    let digest = Digest::of(body.as_bytes());
    if digest.to_string() != said {
        return Err(TextError::Digest {
            said: said.to_owned(),
            found: digest,
        });
    }
    Ok(Opened { digest, body })
}

impl Opened<'_> {
    /// Reads the document. Bounds of the values hold after that; [`super::validate`] checks how they fit together.
    pub fn read<D: Document>(&self) -> Result<D, TextError> {
        match serde_json::from_str::<D>(self.body) {
            Ok(document) if readable(document.schema()) => Ok(document),
            Ok(document) => Err(TextError::Schema(document.schema())),
            Err(error) => match serde_json::from_str::<Head>(self.body) {
                Ok(head) if !readable(head.schema) => Err(TextError::Schema(head.schema)),
                _ => Err(error.into()),
            },
        }
    }
}

/// Reads a document and its digest back, as [`open`] and [`Opened::read`] do.
pub fn read<D: Document>(text: &str) -> Result<(D, Digest), TextError> {
    let opened = open(text)?;
    Ok((opened.read()?, opened.digest))
}

fn readable(schema: u32) -> bool {
    (OLDEST..=SCHEMA).contains(&schema)
}

/// The one before a version's own, if that is not the first.
const fn oldest(own: u32) -> u32 {
    if own > 1 { own - 1 } else { own }
}

/// What every schema of every document has.
#[derive(Deserialize)]
struct Head {
    schema: u32,
}

/// Compact JSON with a line break before each entry of a table (depth 2).
struct Lines {
    depth: usize,
}

impl Formatter for Lines {
    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(if self.depth == 1 { b"\n}" } else { b"}" })
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        if self.depth == 2 {
            writer.write_all(b"\n")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config_text() -> String {
        write(&Config::default()).unwrap().0
    }

    #[test]
    fn a_document_reads_back_with_its_digest() {
        let (text, digest) = write(&Config {
            revision: 7,
            ..Config::default()
        })
        .unwrap();
        let (config, read_digest) = read::<Config>(&text).unwrap();
        assert_eq!((config.revision, read_digest), (7, digest));
    }

    #[test]
    fn keys_are_sorted_and_lines_are_entries() {
        assert_eq!(
            config_text().lines().skip(1).collect::<Vec<_>>().join("|"),
            "{\"nodes\":{|},\"revision\":0,\"routes\":{|},\"schema\":1,\"transports\":{|}}|}"
        );
    }

    #[test]
    fn a_cut_or_changed_text_is_refused() {
        let text = config_text();
        for cut in 0..text.len() - 2 {
            assert!(read::<Config>(&text[..cut]).is_err(), "cut at {cut}");
        }
        let edited = text.replace("\"revision\":0", "\"revision\":1");
        assert!(matches!(read::<Config>(&edited), Err(TextError::Digest { .. })));
    }

    fn sealed(body: &str) -> String {
        format!("{HEAD}{}{MIDDLE}{body}{TAIL}", Digest::of(body.as_bytes()))
    }

    #[test]
    fn the_schema_before_is_read_where_there_is_one() {
        assert_eq!([1, 2, 3, 9].map(oldest), [1, 1, 2, 8]);
        let older = sealed(r#"{"schema":0,"sets":{}}"#);
        let error = read::<Endpoints>(&older).unwrap_err().to_string();
        assert!(error.starts_with("schema 0 is not one"), "{error}");
        assert!(
            error.ends_with(&format!("({} to {SCHEMA})", oldest(SCHEMA))),
            "{error}"
        );
    }

    #[test]
    fn another_schema_is_named_even_with_unknown_fields() {
        let newer = sealed(r#"{"schema":9,"somethingNew":{}}"#);
        assert!(matches!(read::<Config>(&newer), Err(TextError::Schema(9))));
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let body = r#"{"nodes":{},"extra":1,"revision":0,"routes":{},"schema":1,"transports":{}}"#;
        let error = read::<Config>(&sealed(body)).unwrap_err().to_string();
        assert!(error.contains("extra"), "{error}");
    }
}
