//! Finds a part of a text in what was written for it.

use std::ops::Range;

/// Where the bytes `part` of `value` are in `written`: plain, in quotes, folded over lines, or as a block. None where
/// the two cannot be followed side by side, as with most escapes.
///
/// Blanks are not compared, since line breaks and indentation come and go when lines are folded.
pub(super) fn find(written: &str, value: &str, part: &Range<usize>) -> Option<Range<usize>> {
    let quote = written.chars().next().filter(|first| matches!(first, '"' | '\''));
    let mut at = usize::from(quote.is_some());
    let mut found: Option<Range<usize>> = None;
    for (index, character) in value.char_indices() {
        if character.is_whitespace() {
            continue;
        }
        let rest = written.get(at..)?;
        let content = rest.trim_start();
        let start = at + rest.len() - content.len();
        let length = match quote {
            Some('\'') if character == '\'' => content.strip_prefix("''").map(|_| 2),
            Some('"') if content.starts_with('\\') => {
                let same = matches!(character, '"' | '\\' | '/') && content[1..].starts_with(character);
                same.then_some(2)
            }
            _ => content.strip_prefix(character).map(|_| character.len_utf8()),
        };
        at = start + length?;
        if index >= part.end && found.is_some() {
            return found;
        }
        if index >= part.start {
            // what is missing at a place is shown at the character there
            let first = found.map_or(start, |found| found.start);
            found = Some(first..at);
        }
    }
    // a place behind the last character
    found.or(Some(at..at))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found for `part`, of which the value has one.
    fn found<'w>(written: &'w str, value: &str, part: &str) -> Option<&'w str> {
        let start = value.find(part)?;
        find(written, value, &(start..start + part.len())).map(|range| &written[range])
    }

    #[test]
    fn follows_plain_quoted_folded_and_block_texts() {
        let value = "Host(`a`) && Path(`é`)";
        for written in [
            "Host(`a`) && Path(`é`)",
            "'Host(`a`) && Path(`é`)'",
            "\"Host(`a`) && Path(`é`)\"",
            "Host(`a`) &&\n      Path(`é`)",
            "Host(`a`)\n    &&\r\n    Path(`é`)",
        ] {
            for part in ["Host", "`a`", "&&", "Path", "é", ")"] {
                assert_eq!(found(written, value, part), Some(part), "{written}");
            }
        }
    }

    #[test]
    fn follows_quotes_and_backslashes_that_are_escaped() {
        assert_eq!(found("'it''s Path'", "it's Path", "Path"), Some("Path"));
        assert_eq!(found("'it''s'", "it's", "'s"), Some("''s"));
        assert_eq!(
            found(r#""a\\.b \"c\" d""#, r#"a\.b "c" d"#, r#""c""#),
            Some(r#"\"c\""#)
        );
        assert_eq!(found(r#""\u0041 b""#, "A b", "b"), None);
        assert_eq!(found("x", "y", "y"), None);
    }

    #[test]
    fn an_empty_part_is_the_character_there_or_the_end() {
        assert_eq!(find("'abc'", "abc", &(1..1)), Some(2..3));
        assert_eq!(find("'abc'", "abc", &(3..3)), Some(4..4));
    }
}
