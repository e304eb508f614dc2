//! The lines of a document as a reader of YAML sees them, for explaining what is wrong with them.

/// One line without its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'t> {
    /// Where it starts in the document, in bytes.
    pub(super) start: usize,
    pub(super) text: &'t str,
}

/// A field as it looks like in a line: `- name: value`.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyLine<'t> {
    pub(super) name: &'t str,
    /// Where the name starts in the line, in bytes.
    pub(super) column: usize,
    /// What follows the colon, without blanks around it.
    pub(super) value: &'t str,
}

impl<'t> Line<'t> {
    /// The line that holds byte `at` of `text`.
    pub(super) fn at(text: &'t str, at: usize) -> Self {
        let at = text.floor_char_boundary(at);
        let (before, behind) = text.split_at(at);
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let end = behind.find('\n').map_or(text.len(), |end| at + end);
        Self {
            start,
            text: text[start..end].trim_end_matches('\r'),
        }
    }

    /// The lines above, from the nearest up, without blank ones and comments.
    pub(super) fn above(self, text: &'t str) -> impl Iterator<Item = Self> {
        let mut start = self.start;
        std::iter::from_fn(move || {
            let line = Self::at(text, start.checked_sub(1)?);
            start = line.start;
            Some(line)
        })
        .filter(|line| !line.content().is_empty() && !line.content().starts_with('#'))
    }

    /// The lines from this one on.
    pub(super) fn and_below(self, text: &'t str) -> impl Iterator<Item = Self> {
        let mut next = Some(self);
        std::iter::from_fn(move || {
            let line = next?;
            let end = line.start + text[line.start..].find('\n').map_or(text.len(), |end| end + 1);
            next = (end < text.len()).then(|| Self::at(text, end));
            Some(line)
        })
    }

    pub(super) fn indentation(self) -> &'t str {
        &self.text[..self.text.len() - self.text.trim_start().len()]
    }

    pub(super) fn indent(self) -> usize {
        self.indentation().len()
    }

    pub(super) fn content(self) -> &'t str {
        self.text.trim()
    }

    /// Where something can start in this line: at its first character, and behind each `- `.
    pub(super) fn columns(self) -> Vec<usize> {
        let mut columns = vec![self.indent()];
        let mut rest = self.text.trim_start();
        while let Some(item) = rest.strip_prefix("- ") {
            rest = item.trim_start();
            columns.push(self.text.len() - rest.len());
        }
        columns
    }

    /// The field that this line begins, if it looks like one.
    pub(super) fn key(self) -> Option<KeyLine<'t>> {
        let column = *self.columns().last()?;
        let content = &self.text[column..];
        let colon = content
            .find(": ")
            .or_else(|| content.trim_end().strip_suffix(':').map(str::len))?;
        let name = content[..colon].trim_end();
        (!name.is_empty()).then(|| KeyLine {
            name,
            column,
            value: content[colon + 1..].trim(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_line_of_a_byte_and_the_lines_around() {
        let text = "a: 1\r\n\n# note\n  - - b: c d\nlast";
        let line = Line::at(text, 20);
        assert_eq!(line.text, "  - - b: c d");
        assert_eq!(line.columns(), [2, 4, 6]);
        let key = line.key().unwrap();
        assert_eq!((key.name, key.column, key.value), ("b", 6, "c d"));
        let above: Vec<_> = line.above(text).map(|line| line.text).collect();
        assert_eq!(above, ["a: 1"]);
        let below: Vec<_> = line.and_below(text).map(|line| line.text).collect();
        assert_eq!(below, ["  - - b: c d", "last"]);
    }

    #[test]
    fn the_end_of_a_text_is_an_empty_line() {
        assert_eq!(Line::at("a\n", 2).text, "");
        assert_eq!(Line::at("", 0).text, "");
        assert_eq!(Line::at("", 0).above("").count(), 0);
        assert_eq!(Line::at("a\n", 99).and_below("a\n").count(), 1);
    }
}
