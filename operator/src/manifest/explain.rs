//! Says what is wrong with a document and how to mend it, where the scanner only says what it expected.

use super::indentation;
use super::lines::Line;
use super::problem::Problem;
use super::source::Bytes;

/// The problem behind the scanner's error `info` at byte `at` of the document `text`, which starts at byte `base` of
/// its file.
pub(super) fn explain(text: &str, base: usize, at: usize, info: &str) -> Problem {
    let error = Error {
        text,
        base,
        at: text.floor_char_boundary(at),
        info,
        line: Line::at(text, at),
    };
    indentation::tab(text, base, error.line, info.contains("tab"))
        .or_else(|| error.quotes())
        .or_else(|| error.indentation())
        .or_else(|| error.brackets())
        .or_else(|| error.words())
        .unwrap_or_else(|| Problem::new(error.here(), format!("not valid YAML: {info}")))
}

/// Adds to a problem in a line with `{{` that this is a template.
pub(super) fn explain_template(text: &str, base: usize, problem: Problem) -> Problem {
    let line = Line::at(text, (problem.at.start as usize).saturating_sub(base));
    if line.text.contains("{{") {
        problem
            .help("this looks like a template: render it first, and give `-` to read the result from a pipe")
    } else {
        problem
    }
}

struct Error<'t> {
    text: &'t str,
    base: usize,
    at: usize,
    info: &'t str,
    line: Line<'t>,
}

impl<'t> Error<'t> {
    fn says(&self, any: &[&str]) -> bool {
        any.iter().any(|part| self.info.contains(part))
    }

    /// The rest of the text from the error on.
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// `length` bytes from the error on.
    fn next(&self, length: usize) -> Bytes {
        Bytes::new(self.base + self.at, self.base + self.at + length)
    }

    /// The character at which the scanner stopped.
    fn here(&self) -> Bytes {
        let next = self.rest().chars().next().filter(|next| !next.is_control());
        self.next(next.map_or(0, char::len_utf8))
    }

    fn content_of(&self, line: Line<'_>) -> Bytes {
        let start = self.base + line.start + line.indent();
        Bytes::new(start, start + line.content().len())
    }

    fn quotes(&self) -> Option<Problem> {
        if self.says(&[
            "quoted scalar, found unexpected",
            "invalid indentation in quoted scalar",
        ]) {
            return Some(
                Problem::new(self.here(), "the quote that opens here is not closed").help(
                    "close it in the same line; inside double quotes a quote is written `\\\"`, inside single quotes `''`",
                ),
            );
        }
        if self.says(&["trailing content after double-quoted"]) {
            let line_end = self.line.start + self.line.text.trim_end().len();
            return Some(
                Problem::new(
                    self.next(line_end.saturating_sub(self.at)),
                    "there is text behind the closing quote",
                )
                .help("put the whole value in quotes, with `'` outside where it contains `\"`"),
            );
        }
        if self.says(&[
            "unknown escape character",
            "hexadecimal number",
            "Unicode character escape",
        ]) {
            return Some(
                Problem::new(self.unknown_escape(), "an escape that YAML does not know")
                    .help("put the value in single quotes, where a backslash is only a backslash"),
            );
        }
        None
    }

    /// The first backslash behind the opening quote that starts no escape.
    fn unknown_escape(&self) -> Bytes {
        let mut characters = self.rest().char_indices();
        while let Some((at, character)) = characters.next() {
            if character == '\\'
                && let Some((_, escape)) = characters.next()
                && !"0abt\tnvfre \"/\\N_LPxuU\r\n".contains(escape)
            {
                let start = self.base + self.at + at;
                return Bytes::new(start, start + 1 + escape.len_utf8());
            }
        }
        self.here()
    }

    fn indentation(&self) -> Option<Problem> {
        if self.says(&["mapping values are not allowed"]) {
            return self
                .second_colon()
                .or_else(|| indentation::too_deep(self.text, self.base, self.line))
                .or_else(|| self.missing_colon());
        }
        if self.says(&[
            "did not find expected key",
            "expected '-' indicator",
            "invalid indentation",
        ]) && !self.says(&["flow"])
        {
            return indentation::too_deep(self.text, self.base, self.line)
                .or_else(|| indentation::between(self.text, self.base, self.line))
                .or_else(|| indentation::wrong_kind(self.text, self.base, self.line));
        }
        if self.says(&["simple key"]) {
            return self.missing_colon();
        }
        None
    }

    /// `key: some: text`
    fn second_colon(&self) -> Option<Problem> {
        let key = self.line.key()?;
        let value = self.line.text.rfind(key.value)?;
        let (from, to) = (
            self.line.start + value,
            self.line.start + self.line.text.trim_end().len(),
        );
        (from < self.at && self.at < to).then(|| {
            Problem::new(
                Bytes::new(self.base + from, self.base + to),
                "a value with `: ` in it must be in quotes",
            )
            .help(if key.value.contains('\'') || key.value.len() > 80 {
                format!("write `{}: '…'`, with each `'` inside doubled", key.name)
            } else {
                format!("write `{}: '{}'`", key.name, key.value)
            })
        })
    }

    /// A line that is neither a field nor part of the text above.
    fn missing_colon(&self) -> Option<Problem> {
        let above = self.line.above(self.text).next()?;
        Some(
            Problem::new(
                self.content_of(above),
                "this line has no `:`, so the next one cannot be a field beside it",
            )
            .help("a field is written `name: value`"),
        )
    }

    fn brackets(&self) -> Option<Problem> {
        if self.says(&["flow", "illegal placement of ':'"]) && !self.says(&["may not precede"]) {
            return Some(
                Problem::new(
                    self.here(),
                    "a `[` or `{` further up is not closed, or a comma is missing",
                )
                .help("close the bracket before this place; text that starts with a bracket must be quoted"),
            );
        }
        if self.says(&["misplaced bracket"]) {
            return Some(
                Problem::new(self.here(), "a closing bracket that nothing opened")
                    .help("remove it, or put the value in quotes if it is text"),
            );
        }
        if self.says(&["recursion limit"]) {
            return Some(Problem::new(self.here(), "brackets nested too deep"));
        }
        None
    }

    fn words(&self) -> Option<Problem> {
        let first = self.rest().chars().next();
        if let Some(first) = first
            && self.says(&["unexpected character", "plain scalar cannot start"])
        {
            let message = match first {
                '`' => "a value cannot start with a backtick".to_owned(),
                first => format!("a value cannot start with `{first}`"),
            };
            return Some(Problem::new(self.here(), message).help("put the value in quotes"));
        }
        if self.says(&["unknown anchor"]) {
            let name = self.rest().split(char::is_whitespace).next().unwrap_or_default();
            return Some(
                Problem::new(
                    self.next(name.len()),
                    format!(
                        "nothing above is named by an anchor `&{}`",
                        name.trim_start_matches('*')
                    ),
                )
                .help("text that starts with `*` must be in quotes"),
            );
        }
        if self.says(&["block sequence entries are not allowed"]) {
            return Some(
                Problem::new(self.here(), "a list cannot start in the line of its key")
                    .help("start it in the next line; text that starts with `- ` must be in quotes"),
            );
        }
        if self.says(&["comment intercepting"]) {
            return Some(
                Problem::new(
                    self.here(),
                    "a comment in the middle of a text that goes on in the next line",
                )
                .help("remove the comment, or put the text in quotes if `#` belongs to it"),
            );
        }
        if self.says(&["<document start>"]) {
            return Some(
                Problem::new(self.here(), "something follows the end of the document")
                    .help("separate documents by a line `---`"),
            );
        }
        None
    }
}
