//! The part of a line that is shown around a place, as a terminal shows it.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// Columns of a line that are shown.
const WIDTH: usize = 120;

/// Columns of them that stay for what is around a long place.
const CONTEXT: usize = 40;

/// A line cut to what fits, and which columns of it are meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) text: String,
    /// Columns before the place.
    pub(super) before: usize,
    /// Columns of the place; at least one.
    pub(super) marked: usize,
}

/// What a terminal shows for one character, and its columns.
type Cell = (char, usize);

/// The first line of the bytes `start..end` of `text`, with what is around it. Only what is shown is looked at character
/// by character, however long the line is.
pub(super) fn window(text: &str, start: usize, end: usize) -> Window {
    let (before, behind) = text.split_at_checked(start).unwrap_or((text, ""));
    let inside = behind.get(..end.saturating_sub(start)).unwrap_or(behind);
    let first_line = inside.lines().next().unwrap_or_default().trim_end();
    let behind = &behind[first_line.len()..];

    let marked = take(first_line.chars(), WIDTH - CONTEXT);
    let room = WIDTH - marked.width;
    let mut left = take(
        before.chars().rev().take_while(|&character| character != '\n'),
        room,
    );
    let mut right = take(behind.lines().next().unwrap_or_default().chars(), room);
    if left.width + right.width > room {
        left.cut(left.width.min((room / 2).max(room.saturating_sub(right.width))));
        right.cut(room - left.width);
    }
    if marked.is_cut {
        right = Strip {
            is_cut: true,
            ..Strip::default()
        };
    }
    let mut shown = String::new();
    if left.is_cut {
        shown.push('…');
    }
    shown.extend(left.cells.iter().rev().map(|cell| cell.0));
    shown.extend(marked.cells.iter().chain(&right.cells).map(|cell| cell.0));
    if right.is_cut {
        shown.push('…');
    }
    Window {
        text: shown.trim_end().to_owned(),
        before: left.width + usize::from(left.is_cut),
        marked: marked.width.max(1),
    }
}

/// A text from a manifest that cannot steer the terminal.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let steers = |character: char| character != '\n' && steers(character);
    if text.contains(steers) {
        Cow::Owned(text.replace(steers, "\u{FFFD}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Control characters, and those that change the direction of writing: they would show another text than is there.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[derive(Default)]
struct Strip {
    cells: Vec<Cell>,
    width: usize,
    is_cut: bool,
}

impl Strip {
    fn cut(&mut self, width: usize) {
        while self.width > width
            && let Some((_, cell)) = self.cells.pop()
        {
            self.width -= cell;
            self.is_cut = true;
        }
    }
}

/// Characters from the place outwards, until they fill so many columns.
fn take(characters: impl Iterator<Item = char>, columns: usize) -> Strip {
    let mut strip = Strip::default();
    for character in characters {
        let (shown, width, times) = match character {
            '\t' => (' ', 1, 4),
            character if steers(character) => ('\u{FFFD}', 1, 1),
            character => (character, character.width().unwrap_or(0), 1),
        };
        if strip.width + width * times > columns || strip.cells.len() > 4 * WIDTH {
            strip.is_cut = true;
            break;
        }
        strip.cells.extend(std::iter::repeat_n((shown, width), times));
        strip.width += width * times;
    }
    strip
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line, and the part of it that is marked.
    fn shown(text: &str, part: &str) -> (String, String) {
        let start = text.find(part).unwrap();
        let window = window(text, start, start + part.len());
        let marked: String = window
            .text
            .chars()
            .skip(window.before)
            .take(window.marked)
            .collect();
        (window.text, marked)
    }

    #[test]
    fn a_line_that_fits_is_shown_whole_with_tabs_as_spaces() {
        assert_eq!(
            shown("x\n\ta: b c\r\ny", "b"),
            ("    a: b c".to_owned(), "b".to_owned())
        );
    }

    #[test]
    fn wide_characters_take_two_columns_and_combining_ones_none() {
        let text = "日本: e\u{301}x";
        let start = text.find('x').unwrap();
        assert_eq!(window(text, start, start + 1).before, 7);
        assert_eq!(window(text, 0, "日本".len()).marked, 4);
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let text = format!("{}here{}", "a".repeat(1000), "b".repeat(1000));
        let (line, marked) = shown(&text, "here");
        assert_eq!(marked, "here");
        assert!(line.starts_with("…a") && line.ends_with("b…"), "{line}");
        assert!(line.chars().count() <= WIDTH + 2);

        let (line, marked) = shown(&format!("here{}", "b".repeat(1000)), "here");
        assert_eq!((marked.as_str(), line.chars().count()), ("here", WIDTH + 1));
        let (line, marked) = shown(&format!("{}here", "a".repeat(1000)), "here");
        assert_eq!((marked.as_str(), line.chars().count()), ("here", WIDTH + 1));
    }

    #[test]
    fn a_long_place_is_cut_at_its_end() {
        let text = format!("key: {}", "x".repeat(1000));
        let window = window(&text, 5, text.len());
        assert_eq!((window.before, window.marked), (5, WIDTH - CONTEXT));
        assert!(window.text.starts_with("key: x") && window.text.ends_with("x…"));
    }

    #[test]
    fn of_several_lines_the_first_is_shown() {
        assert_eq!(
            shown("a: |  \n  b", "|  \n  b"),
            ("a: |".to_owned(), "|".to_owned())
        );
    }

    #[test]
    fn the_end_of_a_line_or_text_has_one_column() {
        for (text, at) in [("a:\n", 2), ("a:\n", 3), ("", 0), ("a", 9)] {
            assert_eq!(window(text, at, at).marked, 1);
        }
    }

    #[test]
    fn what_steers_a_terminal_is_replaced() {
        assert_eq!(shown("a\u{1b}[31m\u{202e}b", "b").0, "a\u{FFFD}[31m\u{FFFD}b");
        assert_eq!(printable("a\u{1b}b\nc"), "a\u{FFFD}b\nc");
    }
}
