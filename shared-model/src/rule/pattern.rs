//! The argument of the `…Regexp` matchers: a regular expression as Go's `regexp` package reads it.

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::translate::translate;

/// The most bytes that one compiled expression may take. (`^[a-z]+\.example\.com$` takes 1 KiB, `[^/]{1,255}` 512.)
const SIZE_LIMIT: usize = 1 << 20;

/// The most bytes of lazily built states that each thread keeps for one expression; beyond it they are built anew.
const CACHE_LIMIT: usize = 256 * 1024;

/// A regular expression in Go's (RE2's) syntax, as the user wrote it. Unanchored.
///
/// A pattern that was read from a document is not checked yet: [`Pattern::compile`] tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

/// Why an expression cannot be used, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(String);

impl Pattern {
    /// Checks that `text` compiles.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError("the expression must not be empty".to_owned()));
        }
        let pattern = Self(text.to_owned());
        pattern.compile()?;
        Ok(pattern)
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The expression, ready to match with exactly Go's meaning, within limits of size.
    pub fn compile(&self) -> Result<Regex, PatternError> {
        let translated = translate(&self.0).map_err(PatternError)?;
        RegexBuilder::new(&translated)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(CACHE_LIMIT)
            .build()
            .map_err(|error| PatternError(one_line(&error)))
    }
}

/// The crate's syntax errors are drawings of several lines whose last one says what is wrong.
fn one_line(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(limit) => {
            format!("the compiled expression is larger than {limit} bytes")
        }
        other => {
            let text = other.to_string();
            let last = text.lines().next_back().unwrap_or_default();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Pattern::new(text).unwrap_err().to_string()
    }

    #[test]
    fn errors_are_one_line() {
        assert_eq!(error("a("), "unclosed group");
        assert_eq!(error("*a"), "repetition operator missing expression");
        assert_eq!(error(""), "the expression must not be empty");
    }

    #[test]
    fn a_small_text_cannot_become_a_large_program() {
        assert_eq!(
            error("((a{100}){100}){100}"),
            "the compiled expression is larger than 1048576 bytes"
        );
    }
}
