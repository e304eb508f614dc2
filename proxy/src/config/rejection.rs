//! Why what is in the directory is not loaded.

use std::{fmt, path::Path};

use thiserror::Error;
use weir_model::document::{text::TextError, validate::Violation};

use super::{FileName, file_name::Kind};
use crate::state::RoutingError;

/// Violations that a reason spells out; the others are counted.
const VIOLATIONS_SHOWN: usize = 10;

/// Why what is in the directory is not loaded. Never shows key material.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Reason {
    /// The kind of reason, for metrics.
    pub code: Code,
    /// What is wrong, and where.
    pub message: String,
}

/// Kinds of [`Reason`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// A whole document with a field or value that this version does not understand.
    Content,
    /// A file's content is not what was written.
    Digest,
    /// A bug in weir.
    Internal,
    /// A document contradicts itself.
    Invalid,
    /// A file is no document, or only a part of one.
    Malformed,
    /// A document is not there.
    Missing,
    /// A document was written by a newer or a much older version.
    Schema,
    /// A file or the directory cannot be read.
    Unreadable,
}

impl Code {
    /// As a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Digest => "digest",
            Self::Internal => "internal",
            Self::Invalid => "invalid",
            Self::Malformed => "malformed",
            Self::Missing => "missing",
            Self::Schema => "schema",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Reason {
    pub(super) fn unreadable(path: &Path, problem: impl fmt::Display) -> Self {
        Self {
            code: Code::Unreadable,
            message: format!("{}: {problem}", path.display()),
        }
    }

    pub(super) fn missing(kind: Kind) -> Self {
        Self {
            code: Code::Missing,
            message: format!("{}.json is not there", kind.stem()),
        }
    }

    pub(super) fn text(file: FileName, error: &TextError) -> Self {
        let code = match error {
            TextError::Content(_) => Code::Content,
            TextError::Digest { .. } => Code::Digest,
            TextError::Envelope => Code::Malformed,
            TextError::Schema(_) => Code::Schema,
        };
        let message = match error {
            // what the parser says could quote a key
            TextError::Content(error) if file.kind == Kind::Secrets => {
                format!(
                    "{file}: line {}, column {}: a field or value that is not understood",
                    error.line(),
                    error.column()
                )
            }
            other => format!("{file}: {other}"),
        };
        Self { code, message }
    }

    pub(super) fn invalid(violations: &[Violation]) -> Self {
        let shown: Vec<_> = violations
            .iter()
            .take(VIOLATIONS_SHOWN)
            .map(ToString::to_string)
            .collect();
        let more = match violations.len().saturating_sub(VIOLATIONS_SHOWN) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        Self {
            code: Code::Invalid,
            message: format!("config: {}{more}", shown.join("; ")),
        }
    }

    pub(super) fn routing(error: &RoutingError) -> Self {
        Self {
            code: Code::Invalid,
            message: format!("config: {error}"),
        }
    }

    pub(super) fn internal() -> Self {
        let message = "loading panicked, which is a bug in weir; its log says where".into();
        Self {
            code: Code::Internal,
            message,
        }
    }
}
