//! Traefik's v3 rule language, from text to [`Matcher`].
//!
//! The language is a small part of Go's expressions: calls with string literals, `&&`, `||`, `!` and parentheses.
//! Text becomes tokens ([`lex`]), tokens a tree ([`parse`](self::parse()), [`call`]), and each call one matcher
//! ([`matchers`]). All of them go on after an error, so that one look shows every mistake of a rule.
//!
//! What is accepted is what Traefik accepts, plus line breaks before an operator.

mod call;
mod lex;
mod literal;
mod matchers;
mod parse;
mod suspect;

use std::ops::Range;

use weir_model::rule::Matcher;

pub use parse::parse;

/// A rule that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// What it says, within the bounds of [`Matcher::validate`].
    pub matcher: Matcher,
    /// Parts of it that Traefik accepts and that never match.
    pub warnings: Vec<RuleError>,
}

/// Something wrong with a part of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// The part, in bytes of the rule's text; empty at the end of it when something is missing there.
    pub span: Range<usize>,
    /// What is wrong, without a full stop.
    pub message: String,
    /// How to write it.
    pub help: Option<String>,
}

/// Everything found in one rule so far.
#[derive(Debug, Default)]
struct Diagnostics {
    errors: Vec<RuleError>,
    warnings: Vec<RuleError>,
}

impl Diagnostics {
    fn error(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.errors.push(RuleError {
            span,
            message: message.into(),
            help: None,
        });
    }

    fn error_with_help(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.errors.push(RuleError {
            span,
            message: message.into(),
            help: Some(help.into()),
        });
    }

    fn warning(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.warnings.push(RuleError {
            span,
            message: message.into(),
            help: Some(help.into()),
        });
    }
}

#[cfg(test)]
mod properties;
