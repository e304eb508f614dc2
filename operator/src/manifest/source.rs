//! A text that was read, and places in it.

/// A place in a text: a byte range, and where its first byte is for a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte, counted from 0 in [`SourceFile::text`].
    pub start: usize,
    /// The byte after the last one; at least `start`.
    pub end: usize,
    /// The line of `start`, counted from 1. Lines end with `\n`.
    pub line: usize,
    /// The column of `start`, counted from 1 in Unicode scalar values.
    pub column: usize,
}

/// A byte range of a text, small enough to keep one for each field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bytes {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Bytes {
    /// The range `start..end`. Texts are below 4 GiB ([`super::Limits`] sees to that), so nothing is cut.
    pub(super) const fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    pub(super) const fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

/// One file, or standard input, as text.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as it was given or found below a given directory; `<stdin>` for standard input.
    pub name: String,
    /// The content without a byte order mark. Bytes that are not UTF-8 are shown as U+FFFD.
    pub text: String,
    /// Where each line starts.
    lines: Vec<u32>,
}

impl SourceFile {
    pub(super) fn new(name: String, text: String) -> Self {
        let breaks = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        let lines = std::iter::once(0)
            .chain(breaks.map(|(at, _)| at as u32 + 1))
            .collect();
        Self { name, text, lines }
    }

    /// The place of the bytes `start..end` (cut to the text and to whole characters).
    pub fn span(&self, start: usize, end: usize) -> Span {
        let start = self.text.floor_char_boundary(start);
        let end = self.text.ceil_char_boundary(end).max(start);
        let line = self.lines.partition_point(|&first| first as usize <= start);
        let line_start = self
            .lines
            .get(line.saturating_sub(1))
            .map_or(0, |&first| first as usize);
        let before = self.text.get(line_start..start).unwrap_or_default();
        let column = before.chars().count() + 1;
        Span {
            start,
            end,
            line,
            column,
        }
    }

    pub(super) fn place(&self, bytes: Bytes) -> Span {
        self.span(bytes.start as usize, bytes.end as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_columns_from_one_and_columns_in_characters() {
        let file = SourceFile::new("a".to_owned(), "ab\r\né: ü\n".to_owned());
        let span = |start, end| {
            let span = file.span(start, end);
            (span.line, span.column)
        };
        assert_eq!(span(0, 1), (1, 1));
        assert_eq!(span(1, 1), (1, 2));
        assert_eq!(span(4, 6), (2, 1));
        assert_eq!(span(8, 10), (2, 4), "é counts once");
        assert_eq!(
            span(11, 11),
            (3, 1),
            "the end of a text that ends with a line break"
        );
    }

    #[test]
    fn cuts_what_lies_outside_or_inside_a_character() {
        let file = SourceFile::new("a".to_owned(), "é".to_owned());
        assert_eq!((file.span(1, 1).start, file.span(1, 1).end), (0, 2));
        assert_eq!((file.span(9, 99).start, file.span(9, 99).end), (2, 2));
        assert_eq!(SourceFile::new(String::new(), String::new()).span(0, 0).line, 1);
    }
}
